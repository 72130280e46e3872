// Modules with very much of one thing, to try limits with: written straight into bytes, for a list of millions takes seconds.

import { HEADER, leb } from './bytes.js';

type Bytes = Uint8Array<ArrayBuffer>;
type Part = Uint8Array | readonly number[];

export function joined(...parts: readonly Part[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The same bytes so many times. */
export function repeated(item: Part, count: number): Bytes {
  const bytes = new Uint8Array(item.length * count);
  for (let index = 0; index < count; index++) bytes.set(item, index * item.length);
  return bytes;
}

/** A vector of so many times the same item. */
export const many = (count: number, item: Part): Bytes => joined(leb(count), repeated(item, count));

export function largeSection(id: number, ...content: readonly Part[]): Bytes {
  const whole = joined(...content);
  return joined([id], leb(whole.length), whole);
}

export const largeModule = (...sections: readonly Bytes[]): Bytes => joined(HEADER, ...sections);

/** A code section of these bodies; a body is its declarations of locals and its code, without the last `end`. */
export function bodies(...all: readonly Part[]): Bytes {
  const sized = all.map(body => joined(leb(body.length + 1), body, [0x0b]));
  return largeSection(10, leb(all.length), ...sized);
}

/** () -> () */
export const EMPTY_TYPE = [0x60, 0, 0];
const I32 = 0x7f;

/** A guest, as far as `run` is concerned: `_start` is function `index`. */
export const startExport = (index: number): Bytes =>
  largeSection(7, [1, 6], new TextEncoder().encode('_start'), [0], leb(index));

/** One exported function () -> () with this body. */
export const oneFunction = (body: Part): Bytes =>
  largeModule(largeSection(1, [1], EMPTY_TYPE), largeSection(3, [1, 0]), startExport(0), bodies(body));

/** A function with so many locals. */
export const withLocals = (count: number, code: Part = []): Bytes => oneFunction(joined([1], leb(count), [I32], code));

/** So many operands that live while a loop runs. */
export const withOperandsOverLoop = (count: number): Bytes => {
  const loop = [0x03, 0x40, 0x41, 0, 0x0d, 0, 0x0b];
  return oneFunction(joined([0], repeated([0x41, 0], count), loop, repeated([0x1a], count)));
};

/** So many operands of one block while a call is made, of the function itself. */
export const withOperandsOverCall = (count: number): Bytes =>
  oneFunction(joined([0], repeated([0x41, 0], count), [0x10, 0], repeated([0x1a], count)));

/** A second function with so many parameters, and results, that a first one calls, or names if `named`. */
export function withSignature(params: number, results: number, named = false): Bytes {
  const type = joined([0x60], many(params, [I32]), many(results, [I32]));
  const call = joined(repeated([0x41, 0], params), [0x10, 1], repeated([0x1a], results));
  return largeModule(
    largeSection(1, [2], EMPTY_TYPE, type),
    largeSection(3, [2, 0, 1]),
    startExport(0),
    ...(named ? [largeSection(9, [1, 3, 0, 1, 1])] : []),
    bodies(joined([0], named ? [0xd2, 1, 0x1a] : call), joined([0], repeated([0x41, 0], results))),
  );
}

/** An import of that type, which nothing calls. */
export function withImportedSignature(params: number, results: number): Bytes {
  const type = joined([0x60], many(params, [I32]), many(results, [I32]));
  return largeModule(largeSection(1, [1], type), largeSection(2, [1, 1, 0x6d, 1, 0x66, 0, 0]));
}

/** A function that calls by a table, with so many parameters and results. */
export function withIndirectCall(params: number, results: number): Bytes {
  const type = joined([0x60], many(params, [I32]), many(results, [I32]));
  const call = joined(repeated([0x41, 0], params + 1), [0x11, 1, 0], repeated([0x1a], results));
  return largeModule(
    largeSection(1, [2], EMPTY_TYPE, type),
    largeSection(3, [1, 0]),
    largeSection(4, [1, 0x70, 0, 0]),
    startExport(0),
    bodies(joined([0], call)),
  );
}

/** Code of so many bytes that does nothing, in few instructions: vectors, dropped. */
function idle(bytes: number): Bytes {
  const vector = [0xfd, 12, ...Array(16).fill(0), 0x1a];
  const rest = bytes % vector.length;
  return joined(repeated(vector, (bytes - rest) / vector.length), repeated([0x01], rest));
}

/** A function whose body is so many bytes. */
export const withBodyBytes = (count: number): Bytes => oneFunction(joined([0], idle(count - 2)));

/** A function of `loops` loops in each other around a call and so many bytes that do nothing. */
export function withCallInLoops(loops: number, count: number): Bytes {
  const open = repeated([0x03, 0x40], loops);
  const close = repeated([0x41, 0, 0x0d, 0, 0x0b], loops);
  return oneFunction(joined([0], open, [0x10, 0], idle(count), close));
}

export const withTypes = (count: number): Bytes => largeModule(largeSection(1, many(count, EMPTY_TYPE)));

export const withFunctions = (count: number): Bytes =>
  largeModule(
    largeSection(1, [1], EMPTY_TYPE),
    largeSection(3, many(count, [0])),
    startExport(0),
    largeSection(10, many(count, [2, 0, 0x0b])),
  );

export const withGlobals = (count: number): Bytes => largeModule(largeSection(6, many(count, [I32, 0, 0x41, 0, 0x0b])));

export const withImports = (count: number): Bytes =>
  largeModule(largeSection(2, many(count, [1, 0x6d, 1, 0x66, 3, I32, 0])));

export const withTables = (count: number): Bytes => largeModule(largeSection(4, many(count, [0x70, 0, 0])));

export const withTableElements = (count: number): Bytes => largeModule(largeSection(4, [1, 0x70, 0], leb(count)));

/** So many exports of one global, by different names. */
export function withExports(count: number): Bytes {
  const exports = new Uint8Array(count * 8);
  for (let index = 0; index < count; index++) {
    const name = index.toString(36).padStart(5, '0');
    exports.set([5, ...[...name].map(letter => letter.charCodeAt(0)), 3, 0], index * 8);
  }
  return largeModule(largeSection(6, [1, I32, 0, 0x41, 0, 0x0b]), largeSection(7, leb(count), exports));
}

export const withData = (count: number): Bytes =>
  largeModule(largeSection(5, [1, 0, 1]), largeSection(11, many(count, [1, 0])));

/** One passive segment of so many elements. */
export const withElements = (count: number): Bytes =>
  largeModule(
    largeSection(1, [1], EMPTY_TYPE),
    largeSection(3, [1, 0]),
    largeSection(9, [1, 1, 0], many(count, [0])),
    bodies([0]),
  );

/** A jump table of so many labels and the default. */
export const withLabels = (count: number): Bytes =>
  oneFunction(joined([0, 0x41, 0, 0x0e], leb(count), repeated([0], count + 1)));
