// Reads every function body once: validates it, and decides the charges that the rewriting will make.

import { InstructionReader } from '../wasm/instructions.js';
import type { IndexSpaces, Module } from '../wasm/module.js';
import { describeFunction } from '../wasm/names.js';
import {
  OP_BLOCK,
  OP_BR,
  OP_BR_IF,
  OP_BR_TABLE,
  OP_CALL,
  OP_CALL_INDIRECT,
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
  OP_TABLE_COPY,
  OP_TABLE_FILL,
  OP_TABLE_GROW,
  OP_TABLE_INIT,
  OP_UNREACHABLE,
} from '../wasm/opcodes.js';
import { V128 } from '../wasm/types.js';
import { invalid, Validator } from '../wasm/validate.js';
import type { Calls } from './callgraph.js';
import { ChargePlan, OBSERVED } from './charges.js';
import { frameWeight } from './depth.js';
import { NanAnalysis } from './nan.js';

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
  readonly loops: number;
  /** Number of calls. */
  readonly calls: number;
}

/** The body has indirect calls. */
export const HAS_INDIRECT_CALL = 1;

/** Structural instructions make no machine code and cost nothing; every other costs one. */
export function costOf(opcode: number): number {
  return opcode === OP_END || opcode === OP_BLOCK || opcode === OP_LOOP || opcode === OP_ELSE ? 0 : 1;
}

/** Operations whose cost grows with a length: they go through generated functions (bulk.ts) that take the counter. */
export function isBulk(opcode: number): boolean {
  switch (opcode) {
    case OP_MEMORY_INIT:
    case OP_MEMORY_COPY:
    case OP_MEMORY_FILL:
    case OP_TABLE_INIT:
    case OP_TABLE_COPY:
    case OP_TABLE_FILL:
    case OP_TABLE_GROW:
      return true;
    default:
      return false;
  }
}

/** The loop nesting outweighs everything else in guessing how often a segment runs. */
const LOOP_WEIGHT = 4;
const BASE_FREQUENCY = 3;

/** Scans bodies one after another. */
class BodyScan {
  readonly plan = new ChargePlan();
  readonly nan = new NanAnalysis();
  loops = 0;
  calls = 0;
  /** HAS_* of the latest body. */
  flags = 0;
  /** Whether the latest body has safe points of its own, and the most operands it has at a time. */
  suspends = 0;
  #operands = 0;
  /** Of all bodies so far: see Calls. */
  readonly callees: number[] = [];
  readonly references = new Set<number>();
  readonly #validator: Validator;
  readonly #reader: InstructionReader;
  /** For each enclosing block: the joint at its label, the frequency at its entry, for `if` the joint of its arms. */
  #labelJoints: number[] = [];
  #frequencies: number[] = [];
  #armJoints: number[] = [];
  #loopDepths: number[] = [];
  #loopDepth = 0;
  #frequency = BASE_FREQUENCY;
  /** Number of the instruction within the body, dead ones not counted. */
  #ordinal = 0;
  #results = 0;

  constructor(module: Module, spaces: IndexSpaces) {
    this.#validator = new Validator(module, spaces);
    this.#reader = new InstructionReader(module.bytes);
  }

  scan(module: Module, index: number, typeIndex: number, where: string): void {
    const reader = this.#reader;
    const validator = this.#validator;
    reader.pos = module.bodyStart[index]!;
    reader.end = module.bodyEnd[index]!;
    reader.where = where;
    validator.begin(module.types[typeIndex]!, reader);
    this.plan.clear();
    this.nan.clear();
    this.flags = 0;
    this.suspends = 0;
    this.#operands = 0;
    this.#ordinal = 0;
    this.#results = module.types[typeIndex]!.results.length;
    this.#labelJoints = [this.plan.joint()];
    this.#frequencies = [BASE_FREQUENCY];
    this.#armJoints = [OBSERVED];
    this.#loopDepths = [0];
    this.#loopDepth = 0;
    this.#frequency = BASE_FREQUENCY;
    this.#begin(OBSERVED);
    while (validator.depth > 0) {
      reader.next();
      const dead = validator.control.dead;
      if (dead && reader.opcode !== OP_END && reader.opcode !== OP_ELSE) this.#skipDead();
      else {
        if (!dead) this.#live();
        else validator.step(reader);
        this.#shape(reader.opcode, dead);
      }
    }
    if (!reader.done) throw invalid('operators remaining after end of function', where, reader.pos);
  }

  /** Applies a live instruction. */
  #live(): void {
    const reader = this.#reader;
    this.plan.cost(costOf(reader.opcode));
    if (reader.opcode <= OP_RETURN_CALL_INDIRECT) {
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
    // Operands count as vectors in a function that has any: a rough bound is enough there.
    const vectors = this.nan.sawVectors || this.#validator.locals.includes(V128);
    return frameWeight(this.#validator.locals, vectors ? this.#operands * 2 : this.#operands);
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

  /** Validates dead code up to the end or else of its block, which has been read and not applied; it is dropped. */
  #skipDead(): void {
    const depth = this.#validator.depth;
    for (;;) {
      this.#validator.step(this.#reader);
      this.#reader.next();
      const opcode = this.#reader.opcode;
      if (this.#validator.depth === depth && (opcode === OP_END || opcode === OP_ELSE)) break;
    }
    this.#validator.step(this.#reader);
    this.#shape(this.#reader.opcode, true);
  }

  #begin(joint: number): void {
    this.plan.begin(joint, this.#frequency);
  }

  #enter(label: number, arms: number): void {
    this.#labelJoints.push(label);
    this.#armJoints.push(arms);
    this.#frequencies.push(this.#frequency);
    this.#loopDepths.push(this.#loopDepth);
  }

  /** What a live instruction (or an end or else after dead code) does to segments and joints. */
  #shape(opcode: number, dead: boolean): void {
    switch (opcode) {
      case OP_BLOCK:
        this.#enter(this.plan.joint(), OBSERVED);
        return;
      case OP_LOOP:
        this.#enter(OBSERVED, OBSERVED);
        this.loops++;
        this.suspends = 1;
        this.#loopDepth++;
        this.#frequency = this.#frequency + LOOP_WEIGHT;
        this.plan.end(OBSERVED);
        this.#begin(OBSERVED);
        return;
      case OP_IF: {
        const arms = this.plan.joint();
        this.#enter(this.plan.joint(), arms);
        this.plan.end(arms);
        this.#frequency--;
        this.#begin(arms);
        return;
      }
      case OP_ELSE: {
        const top = this.#labelJoints.length - 1;
        if (!dead) this.plan.end(this.#labelJoints[top]!);
        const arms = this.#armJoints[top]!;
        this.#armJoints[top] = OBSERVED;
        this.#frequency = this.#frequencies[top]! - 1;
        this.#begin(arms);
        return;
      }
      case OP_END:
        this.#leave(dead);
        return;
      case OP_CALL:
      case OP_CALL_INDIRECT:
        this.#calls(opcode === OP_CALL_INDIRECT);
        this.plan.endAtCounter();
        this.#begin(OBSERVED);
        return;
      default:
        if (opcode <= OP_RETURN_CALL_INDIRECT) this.#shapeBranch(opcode);
        else if (opcode === OP_REF_FUNC) this.references.add(this.#reader.index);
        else if (isBulk(opcode)) {
          this.suspends = 1;
          this.plan.endAtCounter();
          this.#begin(OBSERVED);
        }
    }
  }

  #calls(indirect: boolean): void {
    this.calls++;
    if (indirect) this.flags |= HAS_INDIRECT_CALL;
    this.callees.push(indirect ? -1 - this.#reader.index : this.#reader.index);
  }

  #leave(dead: boolean): void {
    const label = this.#labelJoints.pop()!;
    const arms = this.#armJoints.pop()!;
    const frequency = this.#frequencies.pop()!;
    const loopDepth = this.#loopDepths.pop()!;
    if (this.#labelJoints.length === 0) {
      // What follows the body's outermost block: the counter becomes a result.
      if (!dead) this.plan.end(label);
      this.#frequency = frequency;
      this.#begin(label);
      this.plan.endAtCounter();
      return;
    }
    // An `if` without else leads from its arms' joint straight to its label. OBSERVED = no arms, or else was seen.
    if (arms !== OBSERVED) this.plan.merge(arms, label);
    const loopEnd = this.#loopDepth !== loopDepth;
    this.#loopDepth = loopDepth;
    this.#frequency = frequency;
    if (loopEnd && !dead) {
      // Falling out of a loop goes on with the same segment, yet less often.
      const joint = this.plan.joint();
      this.plan.end(joint);
      this.#begin(joint);
      return;
    }
    if (!dead) this.plan.end(label);
    this.#begin(loopEnd ? this.plan.joint() : label);
  }

  #shapeBranch(opcode: number): void {
    switch (opcode) {
      case OP_UNREACHABLE:
      case OP_RETURN:
        this.plan.endAtCounter();
        return;
      case OP_RETURN_CALL:
      case OP_RETURN_CALL_INDIRECT:
        this.calls++;
        if (opcode === OP_RETURN_CALL_INDIRECT) this.flags |= HAS_INDIRECT_CALL;
        this.plan.endAtCounter();
        return;
      case OP_BR:
        this.#endAtLabel(this.#reader.index);
        return;
      case OP_BR_IF: {
        const level = this.#labelJoints.length - 1 - this.#reader.index;
        const joint = this.#labelJoints[level]!;
        this.plan.end(joint);
        // A branch within the loop skips something: what is skipped runs less often. A branch out of it is an exit.
        if (this.#loopDepths[level] === this.#loopDepth) this.#frequency--;
        this.#begin(joint);
        return;
      }
      case OP_BR_TABLE: {
        const first = this.#labelJoints.length - 1;
        this.#endAtLabel(this.#reader.labels[0]!);
        const joint = this.#labelJoints[first - this.#reader.labels[0]!]!;
        for (let index = 1; index < this.#reader.labelCount; index++) {
          this.plan.merge(joint, this.#labelJoints[first - this.#reader.labels[index]!]!);
        }
      }
    }
  }

  #endAtLabel(index: number): void {
    this.plan.end(this.#labelJoints[this.#labelJoints.length - 1 - index]!);
  }
}

/** @throws EpochvisorError MODULE_MALFORMED, MODULE_INVALID, MODULE_UNSUPPORTED */
export function scanBodies(module: Module, spaces: IndexSpaces, names: ReadonlyMap<number, string>): Scan {
  const body = new BodyScan(module, spaces);
  let charges = new Int32Array(1024);
  const firstCharge = new Uint32Array(module.functions.length + 1);
  const flags = new Uint8Array(module.functions.length);
  const canonical: number[] = [];
  const firstCanonical = new Uint32Array(module.functions.length + 1);
  const firstCallee = new Uint32Array(module.functions.length + 1);
  const suspends = new Uint8Array(module.functions.length);
  const weights = new Uint32Array(module.functions.length);
  let count = 0;
  for (let index = 0; index < module.functions.length; index++) {
    const functionIndex = spaces.importedFunctions + index;
    body.scan(module, index, module.functions[index]!, describeFunction(functionIndex, names));
    if (count + body.plan.segments > charges.length) {
      const larger = new Int32Array((count + body.plan.segments) * 2);
      larger.set(charges);
      charges = larger;
    }
    body.plan.solve(charges, count);
    count += body.plan.segments;
    firstCharge[index + 1] = count;
    body.nan.solve(canonical);
    firstCanonical[index + 1] = canonical.length;
    flags[index] = body.flags;
    firstCallee[index + 1] = body.callees.length;
    suspends[index] = body.suspends;
    weights[index] = body.weight();
  }
  const { loops, calls, references } = body;
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
    weights,
    loops,
    calls,
  };
}
