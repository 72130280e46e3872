// A wasm module that calls the functions under test, so that no NaN bit and no v128 ever passes through JavaScript.
//
// Numbers go through the caller's memory, references through its parameters and results:
//
//   0      argument 0        16 bytes a slot, little endian
//   16     argument 1 ...
//   32768  result 0
//   32784  result 1 ...
//
// For each called function there is an import `guest.fI` and an export `callI`; a global under test is an import
// `guest.g` whose bits `read` stores as result 0.

import { functionBody, functionType, HEADER, leb, section, TYPE_CODE, text, vector } from '../building/bytes.js';
import type { NumberType, Value } from './commands.js';
import { isReference } from './commands.js';

export type ValueType = Value['type'];
export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export const SLOT_BYTES = 16;
export const RESULTS_OFFSET = 32768;

const LOAD: Record<NumberType, readonly number[]> = {
  i32: [0x28],
  i64: [0x29],
  f32: [0x2a],
  f64: [0x2b],
  v128: [0xfd, 0x00],
};
const STORE: Record<NumberType, readonly number[]> = {
  i32: [0x36],
  i64: [0x37],
  f32: [0x38],
  f64: [0x39],
  v128: [0xfd, 0x0b],
};
const MEMORY_SECTION = [5, 3, 1, 0, 1];

/** The module that can call each of `signatures`. */
export function callerModule(signatures: readonly Signature[]): Uint8Array {
  const outer = signatures.map(({ parameters, results }) =>
    functionType(parameters.filter(isReference), results.filter(isReference)),
  );
  const inner = signatures.map(({ parameters, results }) => functionType(parameters, results));
  const count = signatures.length;
  return new Uint8Array([
    ...HEADER,
    ...section(1, vector([...inner, ...outer])),
    ...section(2, vector(signatures.map((_, index) => [...text('guest'), ...text(`f${index}`), 0, ...leb(index)]))),
    ...section(3, vector(signatures.map((_, index) => leb(count + index)))),
    ...MEMORY_SECTION,
    ...section(
      7,
      vector([
        [...text('memory'), 2, 0],
        ...signatures.map((_, index) => [...text(`call${index}`), 0, ...leb(count + index)]),
      ]),
    ),
    ...section(10, vector(signatures.map(callBody))),
  ]);
}

function callBody({ parameters, results }: Signature, index: number): number[] {
  const code: number[] = [];
  let references = 0;
  for (const [slot, type] of parameters.entries()) {
    if (isReference(type)) code.push(0x20, ...leb(references++));
    else code.push(0x41, 0, ...LOAD[type], 0, ...leb(slot * SLOT_BYTES));
  }
  code.push(0x10, ...leb(index));
  for (let slot = results.length - 1; slot >= 0; slot--) code.push(0x21, ...leb(references + slot));
  for (const [slot, type] of results.entries()) {
    if (isReference(type)) code.push(0x20, ...leb(references + slot));
    else code.push(0x41, 0, 0x20, ...leb(references + slot), ...STORE[type], 0, ...leb(resultOffset(slot)));
  }
  return functionBody(results, code);
}

export function resultOffset(slot: number): number {
  return RESULTS_OFFSET + slot * SLOT_BYTES;
}

/** The module whose `read` stores an imported global's bits as result 0. */
export function globalReader(type: NumberType, mutable: boolean): Uint8Array {
  const code = [0x41, 0, 0x23, 0, ...STORE[type], 0, ...leb(RESULTS_OFFSET)];
  return new Uint8Array([
    ...HEADER,
    ...section(1, vector([functionType([], [])])),
    ...section(2, vector([[...text('guest'), ...text('g'), 3, TYPE_CODE[type], mutable ? 1 : 0]])),
    ...section(3, vector([leb(0)])),
    ...MEMORY_SECTION,
    ...section(
      7,
      vector([
        [...text('memory'), 2, 0],
        [...text('read'), 0, 0],
      ]),
    ),
    ...section(10, vector([functionBody([], code)])),
  ]);
}
