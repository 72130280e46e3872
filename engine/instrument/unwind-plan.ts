// Reads a body to find out what has to be saved at each of its safe points, before the body is rewritten (see unwind.ts).
//
// At a safe point a frame consists of its live locals (unwind-liveness.ts) and its operands, of all enclosing blocks:
//
//   i32.const 1                     position 0, outside
//   block (result i32)
//     i64.const 2                   position 1, inside
//     call $f                       position 2: the result
//     -- safe point: the operands of the block itself are on top of the stack, where code can take them;
//        position 0 is out of its reach, so it has been copied to a local when the block was entered: a spill.
//
// Blocks are spilled only if a safe point is inside and operands are below. The local for an operand is found by its
// position and type, so that nested spills need no stack of their own.

import type { EpochvisorError } from '../errors/errors.js';
import { ENGINE_LIMITS, type EngineLimit, tooMany } from '../wasm/engine-limits.js';
import { InstructionReader } from '../wasm/instructions.js';
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
  OP_LOCAL_GET,
  OP_LOCAL_SET,
  OP_LOCAL_TEE,
  OP_LOOP,
  OP_RETURN,
  OP_RETURN_CALL,
  OP_RETURN_CALL_INDIRECT,
  OP_RETURN_THROWN,
  OP_TABLE_GROW,
  OP_UNREACHABLE,
} from '../wasm/opcodes.js';
import type { ValueType } from '../wasm/types.js';
import { type Control, Validator } from '../wasm/validate.js';
import { placeOf } from './fitting.js';
import { LOOP_PLAIN } from './flow.js';
import type { RewriteContext } from './rewrite-context.js';
import { costOf, isBulk, TESTS_ALL_CALLS } from './scan.js';
import { Liveness } from './unwind-liveness.js';

/**
 * Before an instruction (exact counting), between the charge and the jump of a tail call, after a call or bulk operation,
 * on the way back of a loop, where the frame is that of its header.
 */
type PointKind = 'before' | 'tail' | 'after' | 'header';

interface Point {
  readonly kind: PointKind;
  /** Types of all operands, the lowest first; at a loop's header its parameters are the last. */
  readonly operands: readonly ValueType[];
  /** Operands from here on are those of the innermost block. */
  readonly base: number;
  /** After a call: the number of its results, which are the last operands. */
  readonly results: number;
}

/** Operands `[from, to)` are on top of the stack before a block; those below `keep` stay below the block. */
interface Spill {
  readonly from: number;
  readonly keep: number;
  readonly to: number;
  readonly types: readonly ValueType[];
}

/** An enclosing block, as it is when the point that `begin` was asked about is reached. */
interface OpenBlock {
  readonly opcode: number;
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
  readonly height: number;
}

/** Cold code saves each value that a local holds with a `local.get`, of so many bytes at least. */
const SAVED_BYTES = 2;
/** What the operands of a block are limited by. */
const OPERANDS: EngineLimit = {
  ...ENGINE_LIMITS.params,
  what: 'operands of one block at a safe point',
  hint: 'keep some of them in memory',
};

export class UnwindPlan {
  readonly #context: RewriteContext;
  readonly #validator: Validator;
  readonly #reader: InstructionReader;
  readonly #liveness = new Liveness();
  points: Point[] = [];
  /** By point: the live locals, by their original indexes; the depth of the stack is one more, the last. */
  live: readonly (readonly number[])[] = [];
  /** Types of the parameters and locals. */
  locals: readonly ValueType[] = [];
  /** Points by the offset of their instruction: those of the kind 'before', and the others. */
  readonly before = new Map<number, number>();
  readonly after = new Map<number, number>();
  /** By the offset of the block's instruction. */
  readonly spills = new Map<number, Spill>();
  /** Types of the locals that hold operands, and which of them holds what: by position and type. */
  readonly temporaries: ValueType[] = [];
  readonly #temporary = new Map<number, number>();
  /** The blocks around the point that was asked about, the function's own first. */
  around: readonly OpenBlock[] = [];
  #wanted = -1;
  #testsAllCalls = false;
  #nextLoop = 0;
  /** The defined function, and the operands below the innermost block, of all its points so far. */
  #index = 0;
  #held = 0;
  /** For each open block: the number of points before it, and what would be spilled. */
  #entered: { point: number; offset: number; spill: Spill }[] = [];

  constructor(context: RewriteContext) {
    this.#context = context;
    const { module, spaces } = context.layout;
    this.#validator = new Validator(module, spaces);
    this.#reader = new InstructionReader(module.bytes);
  }

  /** Reads the body of defined function `index`. @param wanted the point whose surroundings are to be kept in `around` */
  begin(index: number, wanted = -1): void {
    const { layout, scan } = this.#context;
    const { module } = layout;
    const reader = this.#reader;
    const validator = this.#validator;
    this.points = [];
    this.before.clear();
    this.after.clear();
    this.spills.clear();
    this.temporaries.length = 0;
    this.#temporary.clear();
    this.#entered = [];
    this.around = [];
    this.#wanted = wanted;
    this.#index = index;
    this.#held = 0;
    this.#testsAllCalls = (scan.flags[index]! & TESTS_ALL_CALLS) !== 0;
    this.#nextLoop = scan.firstLoop[index]!;
    reader.pos = module.bodyStart[index]!;
    reader.end = module.bodyEnd[index]!;
    validator.begin(module.types[module.functions[index]!]!, reader);
    this.locals = [...validator.locals.subarray(0, validator.localCount)];
    this.#liveness.begin(this.locals.length + 1);
    while (validator.depth > 0) {
      reader.next();
      if (validator.control.dead) this.#skipDead();
      this.#instruction(reader.opcode);
    }
    const live = this.#liveness.solve(ENGINE_LIMITS.bodyBytes.most / SAVED_BYTES);
    if (live === undefined) throw this.#tooMany(ENGINE_LIMITS.bodyBytes, module.bodyStart[index]!);
    this.live = live;
  }

  /** Values that the frame at a point has. */
  valuesAt(point: number): number {
    return this.live[point]!.length + this.points[point]!.operands.length;
  }

  #tooMany(limit: EngineLimit, offset: number): EpochvisorError {
    return tooMany(limit, placeOf(this.#context, this.#index, offset), 'rewritten');
  }

  /** The number, among `temporaries`, of the local that holds operand `position` of that type. */
  temporary(position: number, type: ValueType): number {
    const key = position * 256 + type;
    let index = this.#temporary.get(key);
    if (index === undefined) {
      index = this.temporaries.push(type) - 1;
      this.#temporary.set(key, index);
    }
    return index;
  }

  /** Goes on to the end or else of a block whose rest cannot be reached. */
  #skipDead(): void {
    const reader = this.#reader;
    let depth = 0;
    for (;;) {
      const opcode = reader.opcode;
      if (depth === 0 && (opcode === OP_END || opcode === OP_ELSE)) return;
      if (opcode === OP_BLOCK || opcode === OP_LOOP || opcode === OP_IF) depth++;
      else if (opcode === OP_END) depth--;
      reader.next();
    }
  }

  #instruction(opcode: number): void {
    const validator = this.#validator;
    const reader = this.#reader;
    const { exact } = this.#context;
    // Dead code costs nothing: the end of a dead block has no point, and costs nothing either.
    if (exact && costOf(opcode) > 0) this.#point('before', 0);
    if (opcode <= OP_CONTROL_LAST) {
      this.#control(opcode);
      return;
    }
    if (opcode === OP_LOCAL_GET) this.#liveness.read(reader.index);
    else if (opcode === OP_LOCAL_SET || opcode === OP_LOCAL_TEE) this.#liveness.write(reader.index);
    validator.step(reader);
    if (isBulk(opcode)) this.#point('after', opcode === OP_TABLE_GROW ? 1 : 0);
  }

  #control(opcode: number): void {
    const reader = this.#reader;
    const validator = this.#validator;
    const liveness = this.#liveness;
    switch (opcode) {
      case OP_BLOCK:
      case OP_LOOP:
      case OP_IF:
        this.#enter(opcode);
        return;
      case OP_ELSE:
        liveness.else();
        break;
      case OP_END:
        liveness.end();
        this.#leave();
        break;
      case OP_BR_IF:
        liveness.branch(reader.index);
        break;
      case OP_BR:
        liveness.branch(reader.index);
        liveness.leave();
        break;
      case OP_BR_TABLE:
        for (let index = 0; index < reader.labelCount; index++) liveness.branch(reader.labels[index]!);
        liveness.leave();
        break;
      case OP_BR_IF_THROWN:
        liveness.branch(reader.index);
        break;
      case OP_RETURN:
      case OP_RETURN_THROWN:
      case OP_UNREACHABLE:
        liveness.leave();
        break;
      case OP_CALL:
      case OP_CALL_INDIRECT: {
        this.#readDepth(opcode);
        const results = validator.calleeType(reader).results.length;
        validator.step(reader);
        if (this.#unwinds(opcode)) this.#point('after', results);
        return;
      }
      case OP_RETURN_CALL:
      case OP_RETURN_CALL_INDIRECT:
        this.#point('tail', 0);
        this.#readDepth(opcode);
        liveness.leave();
        break;
    }
    validator.step(reader);
  }

  /** A call takes the depth of the stack where its callee looks at it. */
  #readDepth(opcode: number): void {
    const indirect = opcode === OP_CALL_INDIRECT || opcode === OP_RETURN_CALL_INDIRECT;
    if (indirect || this.#context.layout.carriesDepth(this.#reader.index)) this.#liveness.read(this.locals.length);
  }

  /** Whether a call may come back unwound. */
  #unwinds(opcode: number): boolean {
    const { exact, layout } = this.#context;
    return (
      exact || opcode === OP_CALL_INDIRECT || this.#testsAllCalls || layout.graph.suspends[this.#reader.index] === 1
    );
  }

  #enter(opcode: number): void {
    const validator = this.#validator;
    const reader = this.#reader;
    const from = validator.control.height;
    const to = validator.height;
    const types = [...validator.types.subarray(0, to)];
    validator.step(reader);
    const spill = { from, keep: validator.control.height, to, types };
    this.#entered.push({ point: this.points.length, offset: reader.start, spill });
    if (opcode === OP_BLOCK) this.#liveness.block();
    else if (opcode === OP_IF) this.#liveness.if();
    else {
      this.#liveness.loop();
      const tests = this.#context.scan.loopTests[this.#nextLoop++]! !== LOOP_PLAIN;
      if (tests && !this.#context.exact) this.#point('header', 0);
    }
  }

  #leave(): void {
    const entered = this.#entered.pop();
    if (entered === undefined || entered.point === this.points.length) return;
    const { spill, offset } = entered;
    if (spill.keep === spill.from) return;
    this.spills.set(offset, spill);
    for (let position = spill.from; position < spill.to; position++) this.temporary(position, spill.types[position]!);
  }

  /** The types of all operands; of points one after another with the same ones, the same list. */
  #operands(): readonly ValueType[] {
    const { types, height } = this.#validator;
    const known = this.points[this.points.length - 1]?.operands;
    if (known?.length === height && known.every((type, position) => type === types[position])) return known;
    return [...types.subarray(0, height)];
  }

  #point(kind: PointKind, results: number): void {
    const validator = this.#validator;
    const reader = this.#reader;
    const point = this.points.length;
    const base = validator.control.height;
    // Cold code has the operands of the block as parameters. Each of those below is a local, which it saves.
    if (validator.height - base > ENGINE_LIMITS.params.most) throw this.#tooMany(OPERANDS, reader.start);
    this.#held += base;
    if (this.#held * SAVED_BYTES > ENGINE_LIMITS.bodyBytes.most) {
      throw this.#tooMany(ENGINE_LIMITS.bodyBytes, this.#context.layout.module.bodyStart[this.#index]!);
    }
    const operands = this.#operands();
    this.points.push({ kind, operands, base, results });
    (kind === 'before' ? this.before : this.after).set(reader.start, point);
    this.#liveness.point();
    if (point === this.#wanted) this.around = validator.controls.slice(0, validator.depth).map(copyOf);
  }
}

function copyOf({ opcode, params, results, height }: Control): OpenBlock {
  return { opcode, params, results, height };
}
