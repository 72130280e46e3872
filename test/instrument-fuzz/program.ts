// Random programs: valid modules that always end, whatever decisions they are made of.
//
// Every program has the same frame and random function bodies:
//
//   imports   host.see32 (i32), host.see64 (i64): what the host observes; host.ask () -> i32: the environment
//   memory    1 page, at most 3; an active and a passive data segment
//   table     8 slots of functions, some of them imports, some null; a passive element segment
//   globals   fuel, one of each number type
//   run       calls every function, then shows every result and every global
//
// A program ends because each function entry and each iteration of a loop burns fuel, and one that finds none returns.
// Recursion, indirect calls and branches to outer loops can therefore be as wild as they like.

import { functionType, HEADER, leb, section, signedLeb, TYPE_CODE, text, vector } from '../building/bytes.js';
import { Choices } from './choices.js';
import { constantBytes } from './constants.js';
import { writeExpression } from './expressions.js';
import {
  COUNTED_GLOBAL,
  type Frame,
  FUEL_GLOBAL,
  GLOBALS,
  IMPORTED_FUNCTIONS,
  type ProgramOptions,
  SEGMENT_ITEMS,
  type Signature,
  TABLE_SLOTS,
  TAGS,
} from './frame.js';
import { FunctionWriter } from './function-writer.js';
import type { ValueType } from './operators.js';
import { writeStatements } from './statements.js';

/** Types 0 to 2 are the imports'; the rest serve functions and blocks. */
const SIGNATURES: readonly Signature[] = [
  { parameters: ['i32'], results: [] },
  { parameters: ['i64'], results: [] },
  { parameters: [], results: ['i32'] },
  { parameters: [], results: [] },
  { parameters: ['i32'], results: ['i32'] },
  { parameters: ['i64', 'i32'], results: ['i64'] },
  { parameters: ['f64'], results: ['f64'] },
  { parameters: ['f32', 'i32'], results: ['i32', 'i64'] },
  { parameters: ['v128', 'i32'], results: ['v128'] },
  { parameters: ['i32', 'f64', 'i64'], results: ['f64', 'i32', 'f32'] },
  { parameters: ['f32'], results: ['f32'] },
];

const ZERO: Record<ValueType, readonly number[]> = {
  i32: [0x41, 0],
  i64: [0x42, 0],
  f32: [0x43, 0, 0, 0, 0],
  f64: [0x44, 0, 0, 0, 0, 0, 0, 0, 0],
  v128: [0xfd, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
};

/** Types of the tags, after SIGNATURES. */
const TAG_SIGNATURES = TAGS.map((parameters): Signature => ({ parameters, results: [] }));

/** The module that `decisions` make. The same decisions make the same program, whatever the options. */
export function buildProgram(decisions: readonly number[], options: ProgramOptions): Uint8Array<ArrayBuffer> {
  const choices = new Choices(decisions);
  const defined = Array.from({ length: 2 + choices.below(6) }, () => 3 + choices.below(SIGNATURES.length - 3));
  const run = IMPORTED_FUNCTIONS + defined.length;
  const functionTypes = [0, 1, 2, ...defined, 3];
  const table = Array.from({ length: TABLE_SLOTS }, () => (choices.oneIn(8) ? null : choices.below(run)));
  const signatures = options.exceptions ? [...SIGNATURES, ...TAG_SIGNATURES] : SIGNATURES;
  const frame: Frame = { signatures, functionTypes, table, options };
  const fuel = 20 + choices.below(400);
  const startFunction = choices.oneIn(4) ? defined.indexOf(3) : -1;
  const writerOf = (type: number) => new FunctionWriter(frame, SIGNATURES[type]!, choices, writeStatements);
  const bodies = [...defined.map(type => randomBody(writerOf(type))), runBody(writerOf(3), run)];
  return assemble(frame, fuel, startFunction < 0 ? undefined : IMPORTED_FUNCTIONS + startFunction, bodies);
}

function randomBody(writer: FunctionWriter): number[] {
  writer.burn();
  writeStatements(writer);
  for (const type of writer.signature.results) writeExpression(writer, type);
  return writer.finish();
}

/** Calls every function before `end` twice and shows what it gives, then all globals. */
function runBody(writer: FunctionWriter, end: number): number[] {
  const { frame } = writer;
  for (let index = IMPORTED_FUNCTIONS; index < end; index++) {
    const { parameters, results } = frame.signatures[frame.functionTypes[index]!]!;
    // An exception that got out ends this call, not the program.
    if (frame.options.exceptions) writer.mark(0x06, 0x40);
    for (const type of parameters) writer.emit(...constantBytes(type, index));
    writer.emit(0x10, ...leb(index));
    for (const type of [...results].reverse()) writer.see(type);
    if (frame.options.exceptions) writer.mark(0x19, 0x0b);
  }
  for (const [index, type] of GLOBALS.entries()) {
    writer.emit(0x23, index);
    writer.see(type);
  }
  return writer.finish();
}

function assemble(
  frame: Frame,
  fuel: number,
  start: number | undefined,
  bodies: readonly number[][],
): Uint8Array<ArrayBuffer> {
  const definedTypes = frame.functionTypes.slice(IMPORTED_FUNCTIONS);
  const run = frame.functionTypes.length - 1;
  const globals = GLOBALS.map((type, index) => [
    TYPE_CODE[type],
    1,
    ...(index === FUEL_GLOBAL ? [0x41, ...signedLeb(fuel)] : ZERO[type]),
    0x0b,
  ]);
  const exports = [
    [...text('run'), 0, ...leb(run)],
    [...text('memory'), 2, 0],
    [...text('table'), 1, 0],
  ];
  if (frame.options.counted) {
    globals.push([TYPE_CODE.i64, 1, 0x42, 0, 0x0b]);
    exports.push([...text('counted'), 3, ...leb(COUNTED_GLOBAL)]);
  }
  const items = frame.table.map(index => (index === null ? [0xd0, 0x70, 0x0b] : [0xd2, ...leb(index), 0x0b]));
  const bytes = Array.from({ length: SEGMENT_ITEMS }, (_, index) => (index * 37 + 11) & 0xff);
  const declared = frame.functionTypes.map((_, index) => leb(index));
  return new Uint8Array([
    ...HEADER,
    ...section(1, vector(frame.signatures.map(({ parameters, results }) => functionType(parameters, results)))),
    ...section(
      2,
      vector(['see32', 'see64', 'ask'].map((name, index) => [...text('host'), ...text(name), 0, ...leb(index)])),
    ),
    ...section(3, vector(definedTypes.map(leb))),
    ...section(4, vector([[0x70, 1, TABLE_SLOTS, TABLE_SLOTS + 4]])),
    ...section(5, vector([[1, 1, 3]])),
    ...(frame.options.exceptions
      ? section(13, vector(TAGS.map((_, tag) => [0, ...leb(SIGNATURES.length + tag)])))
      : []),
    ...section(6, vector(globals)),
    ...section(7, vector(exports)),
    ...(start === undefined ? [] : section(8, leb(start))),
    ...section(
      9,
      vector([
        [4, 0x41, 0, 0x0b, ...vector(items)],
        [5, 0x70, ...vector(items)],
        [3, 0, ...vector(declared)],
      ]),
    ),
    ...section(12, leb(2)),
    ...section(10, vector(bodies)),
    ...section(
      11,
      vector([
        [0, 0x41, ...signedLeb(64), 0x0b, ...vector(bytes.map(byte => [byte]))],
        [1, ...vector(bytes.map(byte => [byte]))],
      ]),
    ),
  ]);
}
