// Bulk operations pay for their length, and long ones are done in pieces with a safe point after each.
//
// `memory.copy` of 4 GiB is one instruction that runs for a second. At a flat price an epoch would take unbounded time, so
// each bulk operation becomes a call of a generated function of the same operands and the counter:
//
//   operation(to, from, length, counter) -> counter
//     if length > PIECE (unsigned)
//       if to + length or from + length wraps: the operation itself (it traps), charge, return
//       operation(to + length, from + length, 0)         traps if anything is out of bounds, before anything is written
//       while length > PIECE
//         one piece; charge; safe point
//     operation(to, from, length); charge the rest
//
// Pieces go from the front, or for copies to higher places from the back, so that overlapping ranges come out right. An
// interrupt handler that runs between two pieces sees the copy half done, as on hardware with a repeating move.
// memory.grow and table.grow are here too: what they answer may depend on the guest and the options, never on the host.

import {
  OP_I32_ADD,
  OP_I32_EQ,
  OP_I32_GT_U,
  OP_I32_LT_U,
  OP_I32_SHR_U,
  OP_I32_SUB,
  OP_MEMORY_COPY,
  OP_MEMORY_FILL,
  OP_MEMORY_GROW,
  OP_MEMORY_INIT,
  OP_MEMORY_SIZE,
  OP_RETURN,
  OP_TABLE_COPY,
  OP_TABLE_FILL,
  OP_TABLE_GROW,
  OP_TABLE_INIT,
  OP_TABLE_SIZE,
  opcodeName,
} from '../wasm/opcodes.js';
import { I32, type ValueType } from '../wasm/types.js';
import { CodeWriter } from './code.js';
import type { Layout } from './layout.js';
import { RESERVED_PREFIX } from './reserved.js';
import { type Frame, testCounter } from './unwind.js';

/** Bytes that cost as much as one instruction, as a power of two: about what a core moves in the time of one. */
const BYTES_PER_INSTRUCTION_LOG2 = 4;
const PIECE_BYTES = 1 << 20;
const PIECE_ELEMENTS = 1 << 16;

/** One bulk instruction, by its opcode and indexes. */
interface BulkOperation {
  readonly opcode: number;
  readonly index: number;
  readonly index2: number;
}

const TO = 0;
const FROM = 1;
const LENGTH = 2;
/** Index of the counter among the parameters. */
export const BULK_COUNTER = 3;

/** The index of the function that does a bulk operation (all but table.grow). */
export function bulkFunction(layout: Layout, boundary: number, operation: BulkOperation): number {
  return layout.shared(bulkName(operation), self => {
    const code = new CodeWriter();
    code.locals([]);
    const second = secondOperand(layout, operation);
    const frame = layout.save === undefined ? undefined : bulkFrame(self, second);
    const safePoint = () => testCounter(code, { layout, boundary, counter: BULK_COUNTER }, frame);
    writeBulk(new BulkWriter(operation, code), code, safePoint);
    return { type: { params: [I32, second, I32, I32], results: [I32] }, body: code.take() };
  });
}

/** What its frame consists of between two pieces. To go on is to begin anew with what is left. */
export function bulkFrame(self: number, second: ValueType): Frame {
  const locals = [[I32, TO] as const, [second, FROM] as const, [I32, LENGTH] as const];
  return { function: self, point: 0, locals, stack: [], results: [] };
}

function bulkName({ opcode, index, index2 }: BulkOperation): string {
  return `${RESERVED_PREFIX}${opcodeName[opcode]}:${index}:${index2}`;
}

/** The type of the operand between destination and length: a value to fill with, or where to copy from. */
function secondOperand(layout: Layout, { opcode, index }: BulkOperation): ValueType {
  return opcode === OP_TABLE_FILL ? layout.spaces.tables[index]!.element : I32;
}

class BulkWriter {
  readonly #operation: BulkOperation;
  readonly #code: CodeWriter;
  readonly copies: boolean;
  readonly fills: boolean;
  readonly piece: number;
  readonly shift: number;

  constructor(operation: BulkOperation, code: CodeWriter) {
    const { opcode } = operation;
    const memory = opcode === OP_MEMORY_COPY || opcode === OP_MEMORY_FILL || opcode === OP_MEMORY_INIT;
    this.#operation = operation;
    this.#code = code;
    this.copies = opcode === OP_MEMORY_COPY || opcode === OP_TABLE_COPY;
    this.fills = opcode === OP_MEMORY_FILL || opcode === OP_TABLE_FILL;
    this.piece = memory ? PIECE_BYTES : PIECE_ELEMENTS;
    this.shift = memory ? BYTES_PER_INSTRUCTION_LOG2 : 0;
  }

  /** The instruction itself; its operands are on the stack. */
  instruction(): void {
    const { opcode, index, index2 } = this.#operation;
    const code = this.#code;
    code.op(opcode);
    if (opcode === OP_MEMORY_COPY || opcode === OP_MEMORY_INIT) {
      code.u32(index);
      code.u32(index2);
    } else {
      code.u32(index);
      if (opcode === OP_TABLE_COPY || opcode === OP_TABLE_INIT) code.u32(index2);
    }
  }

  /** The instruction on what the parameters say. */
  whole(): void {
    for (const param of [TO, FROM, LENGTH]) this.#code.localGet(param);
    this.instruction();
  }

  /** `local + LENGTH` on the stack. */
  plusLength(local: number): void {
    this.#code.localGet(local);
    this.#code.localGet(LENGTH);
    this.#code.op(OP_I32_ADD);
  }

  /** `counter - cost of LENGTH` on the stack. */
  charged(): void {
    this.#code.localGet(BULK_COUNTER);
    this.#code.localGet(LENGTH);
    if (this.shift > 0) {
      this.#code.i32(this.shift);
      this.#code.op(OP_I32_SHR_U);
    }
    this.#code.op(OP_I32_SUB);
  }

  addTo(local: number, amount: number): void {
    this.#code.localGet(local);
    this.#code.i32(amount);
    this.#code.op(OP_I32_ADD);
    this.#code.localSet(local);
  }
}

function writeBulk(bulk: BulkWriter, code: CodeWriter, safePoint: () => void): void {
  const ranges = bulk.fills ? [TO] : [TO, FROM];
  code.localGet(LENGTH);
  code.i32(bulk.piece);
  code.op(OP_I32_GT_U);
  code.if();
  for (const range of ranges) {
    bulk.plusLength(range);
    code.localGet(range);
    code.op(OP_I32_LT_U);
    code.if();
    bulk.whole();
    bulk.charged();
    code.op(OP_RETURN);
    code.end();
  }
  bulk.plusLength(TO);
  if (bulk.fills) code.localGet(FROM);
  else bulk.plusLength(FROM);
  code.i32(0);
  bulk.instruction();
  if (bulk.copies) {
    code.localGet(FROM);
    code.localGet(TO);
    code.op(OP_I32_LT_U);
    code.if();
    writePieces(bulk, code, safePoint, 'back');
    code.else();
    writePieces(bulk, code, safePoint, 'front');
    code.end();
  } else writePieces(bulk, code, safePoint, 'front');
  code.end();
  bulk.whole();
  bulk.charged();
  code.end();
}

/** Pieces from the front or from the back, until at most one is left. */
function writePieces(bulk: BulkWriter, code: CodeWriter, safePoint: () => void, from: 'front' | 'back'): void {
  code.loop();
  if (from === 'back') {
    bulk.addTo(LENGTH, -bulk.piece);
    bulk.plusLength(TO);
    bulk.plusLength(FROM);
  } else {
    code.localGet(TO);
    code.localGet(FROM);
  }
  code.i32(bulk.piece);
  bulk.instruction();
  if (from === 'front') {
    bulk.addTo(TO, bulk.piece);
    if (!bulk.fills) bulk.addTo(FROM, bulk.piece);
    bulk.addTo(LENGTH, -bulk.piece);
  }
  code.localGet(BULK_COUNTER);
  code.i32(bulk.piece >> bulk.shift);
  code.op(OP_I32_SUB);
  code.localTee(BULK_COUNTER);
  safePoint();
  code.localGet(LENGTH);
  code.i32(bulk.piece);
  code.op(OP_I32_GT_U);
  code.brIf(0);
  code.end();
}

/**
 * The function that does memory.grow: (pages) -> previous size or -1. Growth above `limitPages` gives -1; growth below it
 * that the host refuses is no answer at all, the replica halts.
 */
export function memoryGrowFunction(layout: Layout, limitPages: number): number {
  return layout.shared(`${RESERVED_PREFIX}memory.grow`, () => {
    const declared = layout.spaces.memories[0]!.maximum ?? Number.POSITIVE_INFINITY;
    const size = (code: CodeWriter) => {
      code.op(OP_MEMORY_SIZE);
      code.byte(0);
    };
    const code = new CodeWriter();
    code.locals([]);
    refuseGrowth(code, 0, Math.min(limitPages, declared), size);
    code.localGet(0);
    code.op(OP_MEMORY_GROW);
    code.byte(0);
    if (layout.spaces.importedMemories === 0) haltUnlessGrown(code, 0, layout.cannotAllocateImport);
    code.end();
    return { type: { params: [I32], results: [I32] }, body: code.take() };
  });
}

/** The function that does table.grow: (value, elements, counter) -> (previous size or -1, counter). */
export function tableGrowFunction(layout: Layout, table: number, limitElements: number): number {
  return layout.shared(`${RESERVED_PREFIX}table.grow:${table}`, () => {
    const { element, limits } = layout.spaces.tables[table]!;
    const [value, length, counter] = [0, 1, 2];
    const code = new CodeWriter();
    code.locals([]);
    const refused = (inner: CodeWriter) => inner.localGet(counter);
    const size = (inner: CodeWriter) => {
      inner.op(OP_TABLE_SIZE);
      inner.u32(table);
    };
    refuseGrowth(code, length, Math.min(limitElements, limits.maximum ?? limitElements), size, refused);
    code.localGet(value);
    code.localGet(length);
    code.op(OP_TABLE_GROW);
    code.u32(table);
    code.localGet(counter);
    code.localGet(length);
    code.op(OP_I32_SUB);
    code.localSet(counter);
    if (table >= layout.spaces.importedTables) haltUnlessGrown(code, length, layout.cannotAllocateImport);
    code.localGet(counter);
    code.end();
    return { type: { params: [element, I32, I32], results: [I32, I32] }, body: code.take() };
  });
}

/** Returns -1 (and what `more` pushes) when the size cannot grow by the local `by` and stay within `limit`. */
function refuseGrowth(
  code: CodeWriter,
  by: number,
  limit: number,
  size: (code: CodeWriter) => void,
  more: (code: CodeWriter) => void = () => {},
): void {
  // The size is never above the limit (a larger initial size was refused), so the difference does not wrap.
  code.localGet(by);
  code.i32(limit);
  size(code);
  code.op(OP_I32_SUB);
  code.op(OP_I32_GT_U);
  code.if();
  code.i32(-1);
  more(code);
  code.op(OP_RETURN);
  code.end();
}

/** The result of growing is on the stack and stays there; -1 now means that the host could not allocate. */
function haltUnlessGrown(code: CodeWriter, scratch: number, cannotAllocate: number): void {
  code.localTee(scratch);
  code.i32(-1);
  code.op(OP_I32_EQ);
  code.if();
  code.call(cannotAllocate);
  code.end();
  code.localGet(scratch);
}
