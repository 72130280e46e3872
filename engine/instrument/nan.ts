// Finds the arithmetic whose NaNs can be observed, so that those, and only those, are made canonical.
//
// The problem. The specification leaves the bits of a NaN that arithmetic makes open, and V8 uses the freedom: 0/0 has its
// sign bit set in baseline code and not in optimised code, on one machine. A program that stores such a value, or takes
// it apart, then differs between two replicas. Making every arithmetic result canonical is right and slow (a comparison
// and a select for each operation).
//
// The design. Only bits that somebody sees matter. Within a function, follow each float from the instruction that makes it
// to those that consume it:
//
//   arithmetic       add sub mul div min max sqrt ceil floor trunc nearest demote promote: the result's NaN bits are open.
//                    Its operands' NaN bits are not seen: whatever they are, the result is open anyway.
//   passing on       neg abs copysign select pmin pmax splat extract_lane, local.tee: the bits of the operands are kept,
//                    as the specification asks; the result is open if an operand is, and when it is seen, they are seen.
//                    The sign operand of copysign is seen at once: it shows in the result even if that is no NaN.
//   not seeing       comparisons, conversions to integers, drop.
//   observers        stores, reinterpretation, globals, arguments, results, values that leave or enter a block, and all
//                    operations on vectors as bits.
//
// When an observer sees a value, the arithmetic behind it is made canonical right where it happens. Locals break the chain
// to keep that out of hot loops: a sum that is kept in a local and stored after the loop is made canonical where the
// local is read for the store, not at every addition. Which locals can hold an open NaN is found without regard to the
// order of execution, after the whole body has been seen.
//
//   f64.store (f64.add (local.get $a) (local.get $b))       the addition: once
//   local.set $sum (f64.add (local.get $sum) ...)           nothing
//   f64.store (local.get $sum)                              the local.get
//
// That is right only where no other NaN can be in the local: what was loaded, or made by operations on integer lanes,
// keeps its bits, even if they are those of a NaN (programs hide pointers in them). A local that can hold both is made
// canonical where it is assigned arithmetic. Constants and conversions of integers are no NaNs, and stand in nobody's way.
//
// Parameters, results of calls, loads, globals and constants are clean: whoever made them took care. Values that cross
// functions are therefore always canonical or kept from memory bit for bit.
//
// Vectors have two shapes of lanes. A function that computes with one shape only is treated as above. In a function with
// both, a value of one shape might be consumed as the other, so there every consumer counts as an observer.
//
// How a value is made canonical is in scratch.ts.

import type { InstructionReader } from '../wasm/instructions.js';
import {
  OP_F32_CONST,
  OP_F64_CONST,
  OP_GLOBAL_SET,
  OP_I32_REINTERPRET_F32,
  OP_I64_REINTERPRET_F64,
  OP_LOCAL_GET,
  OP_LOCAL_TEE,
  OP_SELECT,
  OP_SELECT_TYPED,
  OP_V128_CONST,
  OPCODES,
  opcodeSignature,
  PREFIX_FD,
  signatures,
} from '../wasm/opcodes.js';
import { F32, F64, V128, type ValueType } from '../wasm/types.js';
import type { Validator } from '../wasm/validate.js';

/** What is to be made canonical; scalars and vectors by lane. */
export const CANONICAL_F32 = 0;
export const CANONICAL_F64 = 1;
export const CANONICAL_F32X4 = 2;
const CANONICAL_F64X2 = 3;

/** What `NanAnalysis.solve` finds: an instruction by its ordinal, and CANONICAL_* of its result. */
function canonicalEntry(ordinal: number, shape: number): number {
  return (ordinal << 2) | shape;
}

export function canonicalOrdinal(entry: number): number {
  return entry >> 2;
}

export function canonicalShape(entry: number): number {
  return entry & 3;
}

const ROLE_NONE = 0;
/** Arithmetic: the result is open. */
const ROLE_MAKES = 1;
/** The result's bits are those of the operands. */
const ROLE_PASSES = 2;
/** Consumes without seeing bits. */
const ROLE_IGNORES = 3;
const ROLE_OBSERVES = 4;

const roles = new Uint8Array(OPCODES);
/** CANONICAL_* of what an opcode with a role works on. */
const shapes = new Uint8Array(OPCODES);

function role(value: number, shape: number, ...opcodes: number[]): void {
  for (const opcode of opcodes) {
    roles[opcode] = value;
    shapes[opcode] = shape;
  }
}

function row(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function vector(...subOpcodes: number[]): number[] {
  return subOpcodes.map(sub => PREFIX_FD + sub);
}

const F32_COPYSIGN = 0x98;
const F64_COPYSIGN = 0xa6;

function defineRoles(): void {
  // Every operation that takes a vector sees its bits, but for those named below.
  for (let opcode = PREFIX_FD; opcode < OPCODES; opcode++) {
    if (signatures[opcodeSignature[opcode]!]!.operands.includes(V128)) roles[opcode] = ROLE_OBSERVES;
  }
  role(ROLE_MAKES, CANONICAL_F32, ...row(0x8d, 0x97), 0xb6);
  role(ROLE_PASSES, CANONICAL_F32, 0x8b, 0x8c, F32_COPYSIGN);
  role(ROLE_MAKES, CANONICAL_F64, ...row(0x9b, 0xa5), 0xbb);
  role(ROLE_PASSES, CANONICAL_F64, 0x99, 0x9a, F64_COPYSIGN);
  role(ROLE_OBSERVES, CANONICAL_F32, 0x38, OP_I32_REINTERPRET_F32);
  role(ROLE_OBSERVES, CANONICAL_F64, 0x39, OP_I64_REINTERPRET_F64);
  role(ROLE_MAKES, CANONICAL_F32X4, ...vector(94, ...row(103, 106), ...row(227, 233)));
  role(ROLE_MAKES, CANONICAL_F64X2, ...vector(95, 116, 117, 122, 148, ...row(239, 245)));
  role(ROLE_PASSES, CANONICAL_F32X4, ...vector(19, 31, 224, 225, 234, 235));
  role(ROLE_PASSES, CANONICAL_F64X2, ...vector(20, 33, 236, 237, 246, 247));
  role(ROLE_IGNORES, CANONICAL_F32X4, ...vector(...row(65, 70), 248, 249));
  role(ROLE_IGNORES, CANONICAL_F64X2, ...vector(...row(71, 76), 252, 253));
}
defineRoles();

function isFloat(type: ValueType): boolean {
  return type === F32 || type === F64 || type === V128;
}

const V128_BYTES = 16;
const NODE_MAKES = 1;
const NODE_PASSES = 2;
const NODE_LOCAL = 3;
/** No NaN: a constant, a converted integer. */
const NODE_NUMBER = 4;
const BOTH_SHAPES = 3;
/** Rounds of propagation between locals; programs need one or two. After that every local counts as open. */
const ROUNDS_MAX = 8;

/**
 * Watches one body. Each value that may be open is a node; `validator.sources` holds node numbers, 0 = clean.
 * `before` and `after` surround the validator's step of each live instruction.
 */
export class NanAnalysis {
  #kinds = new Uint8Array(256);
  /** CANONICAL_* of the value, or for NODE_LOCAL its type. */
  #shapes = new Uint8Array(256);
  #ordinals = new Int32Array(256);
  /** Nodes behind a node that passes on; for NODE_LOCAL the local. */
  #firsts = new Int32Array(256);
  #seconds = new Int32Array(256);
  #nodes = 1;
  #observed: number[] = [];
  /** Consumed in a way that is an observation only in a function with vectors of both shapes. */
  #consumed: number[] = [];
  /** Pairs: local, node assigned to it. */
  #assignments: number[] = [];
  #vectorShapes = 0;
  #params = 0;
  /** The node of what the present instruction pushes. */
  #result = 0;

  /** The body computes with vectors of floats. */
  get sawVectors(): boolean {
    return this.#vectorShapes !== 0;
  }

  /** Begins a body with this many parameters. */
  clear(params: number): void {
    this.#params = params;
    this.#nodes = 1;
    this.#observed.length = 0;
    this.#consumed.length = 0;
    this.#assignments.length = 0;
    this.#vectorShapes = 0;
  }

  /** Before the validator applies an instruction: what happens to the nodes of its operands. */
  before(reader: InstructionReader, validator: Validator, ordinal: number): void {
    this.#result = 0;
    const opcode = reader.opcode;
    const value = roles[opcode]!;
    if (value !== ROLE_NONE) this.#withRole(opcode, value, validator, ordinal);
    else if (opcode >= OP_LOCAL_GET && opcode <= OP_LOCAL_TEE) this.#local(reader, validator, ordinal);
    else if (opcode === OP_SELECT || opcode === OP_SELECT_TYPED) {
      const first = source(validator, 2);
      const second = source(validator, 1);
      if (first !== 0 || second !== 0) this.#result = this.#node(NODE_PASSES, 0, ordinal, first, second);
    } else if (opcode === OP_GLOBAL_SET) this.#observe(source(validator, 0));
    else if (isNumber(reader)) this.#result = this.#node(NODE_NUMBER, 0, ordinal, 0, 0);
  }

  /** After it: gives the pushed value its node. */
  after(validator: Validator): void {
    if (this.#result !== 0 && validator.height > 0) validator.sources[validator.height - 1] = this.#result;
  }

  /** The `count` operands below the topmost `skip` leave our sight: arguments, results, values that branches carry. */
  observeTop(validator: Validator, count: number, skip: number): void {
    for (let index = 0; index < count; index++) this.#observe(source(validator, skip + index));
  }

  #observe(node: number): void {
    if (node !== 0) this.#observed.push(node);
  }

  #withRole(opcode: number, value: number, validator: Validator, ordinal: number): void {
    const shape = shapes[opcode]!;
    const operands = signatures[opcodeSignature[opcode]!]!.operands.length;
    if (value === ROLE_OBSERVES) {
      this.observeTop(validator, operands, 0);
      return;
    }
    if (shape >= CANONICAL_F32X4) {
      this.#vectorShapes |= shape === CANONICAL_F32X4 ? 1 : 2;
      if (opcode === PREFIX_FD + 94 || opcode === PREFIX_FD + 95) this.#vectorShapes = BOTH_SHAPES;
      for (let index = 0; index < operands; index++) this.#consume(source(validator, index));
    }
    if (value === ROLE_MAKES) this.#result = this.#node(NODE_MAKES, shape, ordinal, 0, 0);
    else if (value === ROLE_PASSES) {
      // The sign that copysign takes from its second operand shows in a number: no NaN need be there to be seen later.
      if (opcode === F32_COPYSIGN || opcode === F64_COPYSIGN) this.#observe(source(validator, 0));
      const first = source(validator, 0);
      const second = operands > 1 ? source(validator, 1) : 0;
      if (first !== 0 || second !== 0) this.#result = this.#node(NODE_PASSES, shape, ordinal, first, second);
    }
  }

  #consume(node: number): void {
    if (node !== 0) this.#consumed.push(node);
  }

  #local(reader: InstructionReader, validator: Validator, ordinal: number): void {
    const type = validator.locals[reader.index];
    if (reader.index >= validator.localCount || type === undefined || !isFloat(type)) return;
    if (reader.opcode === OP_LOCAL_GET) {
      this.#result = this.#node(NODE_LOCAL, type, ordinal, reader.index, 0);
      return;
    }
    const node = source(validator, 0);
    this.#assignments.push(reader.index, node);
    if (type === V128) this.#consume(node);
    if (reader.opcode === OP_LOCAL_TEE) this.#result = node;
  }

  #node(kind: number, shape: number, ordinal: number, first: number, second: number): number {
    if (this.#nodes === this.#kinds.length) this.#grow();
    const node = this.#nodes++;
    this.#kinds[node] = kind;
    this.#shapes[node] = shape;
    this.#ordinals[node] = ordinal;
    this.#firsts[node] = first;
    this.#seconds[node] = second;
    return node;
  }

  #grow(): void {
    const size = this.#kinds.length * 2;
    const larger = <T extends Uint8Array | Int32Array>(old: T, array: T): T => {
      array.set(old);
      return array;
    };
    this.#kinds = larger(this.#kinds, new Uint8Array(size));
    this.#shapes = larger(this.#shapes, new Uint8Array(size));
    this.#ordinals = larger(this.#ordinals, new Int32Array(size));
    this.#firsts = larger(this.#firsts, new Int32Array(size));
    this.#seconds = larger(this.#seconds, new Int32Array(size));
  }

  /**
   * Appends what must be made canonical to `found`: a `canonicalEntry` for each such instruction, rising.
   */
  solve(found: number[]): void {
    const both = this.#vectorShapes === BOTH_SHAPES;
    const pending = both ? [...this.#observed, ...this.#consumed] : this.#observed;
    if (pending.length === 0) return;
    const open = this.#reached(NODE_MAKES, new Set());
    const kept = this.#reached(0, this.#parameters());
    const followed = new Set<number>();
    const needed = new Uint8Array(this.#nodes);
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next === 0 || needed[next] === 1) continue;
      needed[next] = 1;
      const local = this.#firsts[next]!;
      if (this.#kinds[next] === NODE_PASSES) pending.push(local, this.#seconds[next]!);
      else if (this.#kinds[next] === NODE_LOCAL && open.has(local) && kept.has(local) && !followed.has(local)) {
        followed.add(local);
        this.#assigned(local, pending);
      }
    }
    for (let node = 1; node < this.#nodes; node++) {
      if (needed[node] === 0) continue;
      const local = this.#firsts[node]!;
      if (this.#kinds[node] === NODE_MAKES) found.push(canonicalEntry(this.#ordinals[node]!, this.#shapes[node]!));
      else if (this.#kinds[node] === NODE_LOCAL && open.has(local) && !kept.has(local)) {
        // In a function with both shapes no vector local is open in effect: what is assigned was made canonical.
        if (both && this.#shapes[node] === V128) continue;
        found.push(canonicalEntry(this.#ordinals[node]!, this.#localShape(this.#shapes[node]!)));
      }
    }
  }

  /** Appends the nodes that are assigned to a local. */
  #assigned(local: number, nodes: number[]): void {
    const assignments = this.#assignments;
    for (let index = 0; index < assignments.length; index += 2) {
      if (assignments[index] === local) nodes.push(assignments[index + 1]!);
    }
  }

  #parameters(): Set<number> {
    return new Set(Array.from({ length: this.#params }, (_, index) => index));
  }

  #localShape(type: ValueType): number {
    if (type === F32) return CANONICAL_F32;
    if (type === F64) return CANONICAL_F64;
    return this.#vectorShapes === 2 ? CANONICAL_F64X2 : CANONICAL_F32X4;
  }

  /**
   * The locals that may hold a value that comes from a node of this kind (0: from the node of what is clean): with
   * NODE_MAKES those that may hold an open NaN, with 0 those that may hold bits to be kept. `locals` do so from the start.
   */
  #reached(kind: number, locals: Set<number>): Set<number> {
    const assignments = this.#assignments;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const nodes = this.#reachedNodes(kind, locals);
      const before = locals.size;
      for (let index = 0; index < assignments.length; index += 2) {
        if (nodes[assignments[index + 1]!] === 1) locals.add(assignments[index]!);
      }
      if (locals.size === before) return locals;
    }
    for (let index = 0; index < assignments.length; index += 2) locals.add(assignments[index]!);
    return locals;
  }

  /** Nodes that do if these locals do. A node's operands have smaller numbers, so one pass is enough. */
  #reachedNodes(origin: number, locals: ReadonlySet<number>): Uint8Array {
    const reached = new Uint8Array(this.#nodes);
    reached[0] = origin === 0 ? 1 : 0;
    for (let node = 1; node < this.#nodes; node++) {
      const kind = this.#kinds[node]!;
      if (kind === NODE_LOCAL) reached[node] = locals.has(this.#firsts[node]!) ? 1 : 0;
      else if (kind === NODE_PASSES) reached[node] = reached[this.#firsts[node]!]! | reached[this.#seconds[node]!]!;
      else reached[node] = kind === origin ? 1 : 0;
    }
    return reached;
  }
}

/** The instruction makes a float or a vector without NaNs, whatever its operands. */
function isNumber(reader: InstructionReader): boolean {
  const { opcode, bytes, pos } = reader;
  if (opcode === OP_F32_CONST) return !mayBeNan(bytes, pos - 4, 4);
  if (opcode === OP_F64_CONST) return !mayBeNan(bytes, pos - 8, 8);
  if (opcode !== OP_V128_CONST) return (opcode >= 0xb2 && opcode <= 0xb5) || (opcode >= 0xb7 && opcode <= 0xba);
  for (let at = pos - V128_BYTES; at < pos; at += 4) if (mayBeNan(bytes, at, 4)) return false;
  return !mayBeNan(bytes, pos - 16, 8) && !mayBeNan(bytes, pos - 8, 8);
}

/** Whether a float of `size` bytes, little-endian, has all bits of its exponent set: NaN or infinity. */
function mayBeNan(bytes: Uint8Array, at: number, size: number): boolean {
  const exponent = (bytes[at + size - 1]! << 8) | bytes[at + size - 2]!;
  const mask = size === 4 ? 0x7f80 : 0x7ff0;
  return (exponent & mask) === mask;
}

/** The node of the operand at `depth` from the top; 0 where dead code has none. */
function source(validator: Validator, depth: number): number {
  const at = validator.height - 1 - depth;
  return at >= validator.control.height ? validator.sources[at]! : 0;
}
