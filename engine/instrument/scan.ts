// Reads every function body once: validates it, and decides the charges that the rewriting will make.

import { BLOCK_EMPTY, InstructionReader } from '../wasm/instructions.js';
import type { IndexSpaces, Module } from '../wasm/module.js';
import { describeFunction } from '../wasm/names.js';
import {
  OP_BLOCK,
  OP_BR,
  OP_BR_IF,
  OP_BR_IF_THROWN,
  OP_BR_TABLE,
  OP_CALL,
  OP_CALL_INDIRECT,
  OP_CONTROL_LAST,
  OP_ELSE,
  OP_END,
  OP_IF,
  OP_LOOP,
  OP_MEMORY_COPY,
  OP_MEMORY_FILL,
  OP_MEMORY_INIT,
  OP_REF_FUNC,
  OP_RETURN,
  OP_RETURN_CALL,
  OP_RETURN_CALL_INDIRECT,
  OP_RETURN_THROWN,
  OP_TABLE_COPY,
  OP_TABLE_FILL,
  OP_TABLE_GROW,
  OP_TABLE_INIT,
  OP_TABLE_SET,
  OP_UNREACHABLE,
  OPCODES,
} from '../wasm/opcodes.js';
import { invalid, Validator } from '../wasm/validate.js';
import type { Calls } from './callgraph.js';
import { frameWeight } from './depth.js';
import { ExceptionsFound } from './exceptions/lower.js';
import { ControlFlow } from './flow.js';
import { NanAnalysis } from './nan.js';
import { ReplaceableFound } from './substitution/substitute.js';
import { LoopUnrolling } from './unroll.js';

/** What the scan of all bodies found. */
export interface Scan extends Calls {
  /** Charges of all functions one after another (see ChargePlan.solve); those of function i begin at `firstCharge[i]`. */
  readonly charges: Int32Array;
  readonly firstCharge: Uint32Array;
  /** HAS_* of each function. */
  readonly flags: Uint8Array;
  /** What must be made canonical, of all functions one after another (see NanAnalysis.solve), and where each begins. */
  readonly canonical: Int32Array;
  readonly firstCanonical: Uint32Array;
  /** For each loop of all bodies (dead ones left out): LOOP_* of flow.ts. */
  readonly loopTests: Uint8Array;
  readonly firstLoop: Uint32Array;
  readonly loops: number;
  /** Tables that the code writes. */
  readonly writtenTables: ReadonlySet<number>;
  /** Number of calls. */
  readonly calls: number;
}

/** The body has indirect calls. */
export const HAS_INDIRECT_CALL = 1;
/** A loop has no test, for a call in it has one: every call is to be followed by a safe point. */
export const TESTS_ALL_CALLS = 2;

/** Structural instructions make no machine code and cost nothing; every other costs one. */
const costs = new Uint8Array(OPCODES).fill(1);
for (const opcode of [OP_END, OP_BLOCK, OP_LOOP, OP_ELSE, OP_BR_IF_THROWN]) costs[opcode] = 0;

export function costOf(opcode: number): number {
  return costs[opcode]!;
}

/** Operations whose cost grows with a length: they go through generated functions (bulk.ts) that take the counter. */
const bulk = new Uint8Array(OPCODES);
for (const opcode of [
  OP_MEMORY_INIT,
  OP_MEMORY_COPY,
  OP_MEMORY_FILL,
  OP_TABLE_INIT,
  OP_TABLE_COPY,
  OP_TABLE_FILL,
  OP_TABLE_GROW,
]) {
  bulk[opcode] = 1;
}

export function isBulk(opcode: number): boolean {
  return bulk[opcode] === 1;
}

/** Scans bodies one after another. */
class BodyScan {
  readonly flow = new ControlFlow();
  readonly nan = new NanAnalysis();
  loops = 0;
  calls = 0;
  /** HAS_* of the latest body. */
  flags = 0;
  /** Whether the latest body has safe points of its own, and the most operands it has at a time. */
  suspends = 0;
  /** Whether it can be left by an exception that is thrown in it, or passes on through a handler. */
  throws = 0;
  #operands = 0;
  /** Of all bodies so far: see Calls. */
  readonly callees: number[] = [];
  readonly references = new Set<number>();
  readonly writtenTables = new Set<number>();
  readonly #validator: Validator;
  readonly #reader: InstructionReader;
  /** Number of the instruction within the body, dead ones not counted. */
  #ordinal = 0;
  #results = 0;
  readonly #unrolls: boolean;
  readonly #unrolling: LoopUnrolling;
  /** While the first copy of an unrolled body is read: the number of blocks around it, and where it starts; else 0. */
  #copyDepth = 0;
  #copyStart = 0;

  constructor(module: Module, spaces: IndexSpaces, unrolls: boolean) {
    this.#validator = new Validator(module, spaces);
    this.#reader = new InstructionReader(module.bytes);
    this.#unrolls = unrolls;
    this.#unrolling = new LoopUnrolling(module.bytes);
  }

  scan(module: Module, index: number, typeIndex: number, where: string): void {
    const reader = this.#reader;
    const validator = this.#validator;
    reader.pos = module.bodyStart[index]!;
    reader.end = module.bodyEnd[index]!;
    reader.where = where;
    validator.begin(module.types[typeIndex]!, reader);
    this.flow.clear();
    this.flags = 0;
    this.suspends = 0;
    this.throws = 0;
    this.#operands = 0;
    this.#ordinal = 0;
    this.#copyDepth = 0;
    const type = module.types[typeIndex]!;
    this.nan.clear(type.params.length);
    this.#results = type.results.length;
    while (validator.depth > 0) {
      reader.next();
      const dead = validator.control.dead;
      if (dead) this.#skipDead();
      if (this.#copyDepth === validator.depth && reader.opcode === OP_END) {
        this.#nextCopy(dead);
        continue;
      }
      if (dead) validator.step(reader);
      else this.#live();
      if (validator.replaceable) throw new ReplaceableFound();
      if (validator.exceptional) throw new ExceptionsFound();
      this.#follow(reader.opcode, dead);
    }
    if (this.flow.reliesOnCalls) this.flags |= TESTS_ALL_CALLS;
    if (!reader.done) throw invalid('operators remaining after end of function', where, reader.pos);
  }

  /** Applies a live instruction. */
  #live(): void {
    const reader = this.#reader;
    this.flow.plan.cost(costOf(reader.opcode));
    if (reader.opcode <= OP_CONTROL_LAST) {
      this.#observeControl(reader.opcode);
      this.#validator.step(reader);
    } else {
      this.nan.before(reader, this.#validator, this.#ordinal);
      this.#validator.step(reader);
      this.nan.after(this.#validator);
    }
    this.#ordinal++;
    if (this.#validator.height > this.#operands) this.#operands = this.#validator.height;
  }

  /** The weight of the latest body's frame. */
  weight(): number {
    const { localCount, vectorCount } = this.#validator;
    // Operands count as vectors in a function that has any: a rough bound is enough there.
    const vectors = this.nan.sawVectors || vectorCount > 0;
    return frameWeight(localCount + vectorCount, vectors ? this.#operands * 2 : this.#operands);
  }

  /** The values that calls, branches and the ends of blocks carry are observed. */
  #observeControl(opcode: number): void {
    const reader = this.#reader;
    const validator = this.#validator;
    switch (opcode) {
      case OP_BLOCK:
      case OP_LOOP:
      case OP_IF:
        this.nan.observeTop(validator, validator.blockType(reader).params.length, opcode === OP_IF ? 1 : 0);
        return;
      case OP_ELSE:
      case OP_END:
        this.nan.observeTop(validator, validator.control.results.length, 0);
        return;
      case OP_BR:
      case OP_BR_IF:
        this.nan.observeTop(validator, validator.labelArity(reader.index), opcode === OP_BR_IF ? 1 : 0);
        return;
      case OP_BR_TABLE:
        this.nan.observeTop(validator, validator.labelArity(reader.labels[0]!), 1);
        return;
      case OP_RETURN:
        this.nan.observeTop(validator, this.#results, 0);
        return;
      case OP_CALL:
      case OP_RETURN_CALL:
        this.nan.observeTop(validator, validator.calleeType(reader).params.length, 0);
        return;
      case OP_CALL_INDIRECT:
      case OP_RETURN_CALL_INDIRECT:
        this.nan.observeTop(validator, validator.calleeType(reader).params.length, 1);
        return;
    }
  }

  /** Validates dead code up to the end or else of its block, where the reader then stands; it is dropped. */
  #skipDead(): void {
    const reader = this.#reader;
    const depth = this.#validator.depth;
    while (this.#validator.depth !== depth || (reader.opcode !== OP_END && reader.opcode !== OP_ELSE)) {
      this.#validator.step(reader);
      reader.next();
    }
  }

  /** What a live instruction (or an end or else after dead code) means for control flow and the call graph. */
  #follow(opcode: number, dead: boolean): void {
    const { flow } = this;
    const reader = this.#reader;
    switch (opcode) {
      case OP_BLOCK:
        flow.block();
        return;
      case OP_LOOP:
        this.loops++;
        this.suspends = 1;
        this.#loop();
        return;
      case OP_IF:
        flow.if();
        return;
      case OP_ELSE:
        flow.else(dead);
        return;
      case OP_END:
        flow.end(dead);
        return;
      case OP_BR:
        flow.br(reader.index);
        return;
      case OP_BR_IF:
        flow.brIf(reader.index);
        return;
      case OP_BR_TABLE:
        flow.brTable(reader.labels, reader.labelCount);
        return;
      case OP_BR_IF_THROWN:
        flow.brIfThrown(reader.index);
        return;
      case OP_RETURN_THROWN:
        this.throws = 1;
        flow.leave();
        return;
      case OP_UNREACHABLE:
      case OP_RETURN:
        flow.leave();
        return;
      default:
        this.#followCall(opcode);
    }
  }

  #loop(): void {
    const unrolled = this.#unrolls && this.#reader.blockType === BLOCK_EMPTY && this.#unrolling.suits(this.#reader);
    this.flow.loop(unrolled);
    if (!unrolled) return;
    this.#copyDepth = this.#validator.depth;
    this.#copyStart = this.#reader.pos;
  }

  /** At the end of the first copy of an unrolled body, in place of its `end`: back to its beginning. */
  #nextCopy(dead: boolean): void {
    if (!dead) this.#ordinal++;
    this.flow.nextCopy(dead);
    this.#copyDepth = 0;
    this.#validator.restartBlock();
    this.#reader.pos = this.#copyStart;
  }

  #followCall(opcode: number): void {
    switch (opcode) {
      case OP_CALL:
      case OP_CALL_INDIRECT:
        this.#call(opcode === OP_CALL_INDIRECT);
        this.flow.call();
        return;
      case OP_RETURN_CALL:
      case OP_RETURN_CALL_INDIRECT:
        this.#call(opcode === OP_RETURN_CALL_INDIRECT);
        this.suspends = 1;
        this.flow.leave();
        return;
      case OP_REF_FUNC:
        this.references.add(this.#reader.index);
        return;
      case OP_TABLE_SET:
        this.writtenTables.add(this.#reader.index);
        return;
      default:
        if (!isBulk(opcode)) return;
        if (opcode === OP_TABLE_INIT) this.writtenTables.add(this.#reader.index2);
        else if (opcode > OP_TABLE_INIT) this.writtenTables.add(this.#reader.index);
        this.suspends = 1;
        this.flow.call();
    }
  }

  #call(indirect: boolean): void {
    this.calls++;
    if (indirect) this.flags |= HAS_INDIRECT_CALL;
    this.callees.push(indirect ? -1 - this.#reader.index : this.#reader.index);
  }
}

/**
 * @param unrolls write small loops twice (unroll.ts)
 * @param chosen indexes of the defined functions to scan; of the others nothing is said. Default: all
 * @throws EpochvisorError MODULE_MALFORMED, MODULE_INVALID, MODULE_UNSUPPORTED; ExceptionsFound, ReplaceableFound
 */
export function scanBodies(
  module: Module,
  spaces: IndexSpaces,
  names: ReadonlyMap<number, string>,
  unrolls: boolean,
  chosen?: ReadonlySet<number>,
): Scan {
  const body = new BodyScan(module, spaces, unrolls);
  let charges = new Int32Array(1024);
  const firstCharge = new Uint32Array(module.functions.length + 1);
  const flags = new Uint8Array(module.functions.length);
  const canonical: number[] = [];
  const firstCanonical = new Uint32Array(module.functions.length + 1);
  const firstLoop = new Uint32Array(module.functions.length + 1);
  const firstCallee = new Uint32Array(module.functions.length + 1);
  const suspends = new Uint8Array(module.functions.length);
  const throws = new Uint8Array(module.functions.length);
  const weights = new Uint32Array(module.functions.length);
  let count = 0;
  for (let index = 0; index < module.functions.length; index++) {
    if (chosen === undefined || chosen.has(index)) {
      const where = describeFunction(spaces.importedFunctions + index, names);
      body.scan(module, index, module.functions[index]!, where);
      if (count + body.flow.plan.segments > charges.length) {
        const larger = new Int32Array((count + body.flow.plan.segments) * 2);
        larger.set(charges);
        charges = larger;
      }
      body.flow.plan.solve(charges, count);
      count += body.flow.plan.segments;
      body.nan.solve(canonical);
      flags[index] = body.flags;
      suspends[index] = body.suspends;
      throws[index] = body.throws;
      weights[index] = body.weight();
    }
    firstCharge[index + 1] = count;
    firstCanonical[index + 1] = canonical.length;
    firstLoop[index + 1] = body.flow.loopTests.length;
    firstCallee[index + 1] = body.callees.length;
  }
  const { loops, calls, references, writtenTables } = body;
  return {
    charges,
    firstCharge,
    flags,
    canonical: Int32Array.from(canonical),
    firstCanonical,
    callees: Int32Array.from(body.callees),
    firstCallee,
    references,
    suspends,
    throws,
    weights,
    loopTests: Uint8Array.from(body.flow.loopTests),
    firstLoop,
    loops,
    writtenTables,
    calls,
  };
}
