// Rewrites function bodies: the counter goes in as a parameter, is charged, tested at safe points, and comes out as a result.
//
// The counter is a local: the last parameter, `c` below. Where the stack depth is a parameter too (depth.ts), it stands
// before the counter. The declared locals move up by one or two.
//
//   the body              block (results) ... end  c - charge       branches to the function's label leave the block
//   a segment             c := c - charge                           where the plan (charges.ts) says so
//   call f                c - charge  call f  c :=  safe point
//   return                c - charge  return
//   return_call f         c := c - charge  safe point  c  return_call f
//   return_thrown         global := c - charge  zeros  THROWN  return         see exceptions/lower.ts
//   unreachable           global := c - charge  unreachable         the count at this trap is exact
//   a bulk operation      like a call, of the function that bulk.ts made for it
//
// A safe point is `c < 0 ? c := boundary(c)`. Calls with their safe points are written by calls.ts, loops by loops.ts.
//
// Where the module is suspendable, each safe point can unwind the stack (unwind.ts), and the same walk over a body writes
// clones of it that begin at a safe point (continuation/resumption.ts).
//
// Dead code is dropped, for it has no counts.
//
// Under exact counting every instruction that costs is preceded by a safe point, a charge of its own, and a copy of the
// counter to the global, so that even the count at a trap is exact. Slow, and trivially right.

import { assert } from '../errors/errors.js';
import { ENGINE_LIMITS } from '../wasm/engine-limits.js';
import type { InstructionReader } from '../wasm/instructions.js';
import {
  OP_BLOCK,
  OP_BR,
  OP_BR_IF,
  OP_BR_IF_THROWN,
  OP_BR_TABLE,
  OP_CALL,
  OP_CALL_INDIRECT,
  OP_CONTROL_LAST,
  OP_DATA_DROP,
  OP_ELEM_DROP,
  OP_ELSE,
  OP_END,
  OP_GLOBAL_GET,
  OP_GLOBAL_SET,
  OP_IF,
  OP_LOCAL_GET,
  OP_LOCAL_TEE,
  OP_LOOP,
  OP_MEMORY_GROW,
  OP_REF_FUNC,
  OP_RETURN,
  OP_RETURN_CALL,
  OP_RETURN_CALL_INDIRECT,
  OP_RETURN_THROWN,
  OP_UNREACHABLE,
} from '../wasm/opcodes.js';
import { Body } from './body.js';
import { memoryGrowFunction } from './bulk.js';
import { CallWriter } from './calls.js';
import type { CodeWriter } from './code.js';
import type { Resumption } from './continuation/resumption.js';
import { writeDepthCheck } from './depth.js';
import { type BodyMeasure, checkBody } from './fitting.js';
import { blocksAround, LoopWriter } from './loops.js';
import { BodyPoints } from './points.js';
import type { RewriteContext } from './rewrite-context.js';
import { costOf, isBulk } from './scan.js';
import { dropFunction } from './state.js';

/** Rewrites bodies one after another; the module has been validated by the scan. */
export class BodyRewriter {
  readonly #context: RewriteContext;
  readonly #body: Body;
  readonly #points: BodyPoints;
  readonly #loops: LoopWriter;
  readonly #calls: CallWriter;
  readonly #reader: InstructionReader;
  /** The latest body. */
  readonly code: CodeWriter;

  constructor(context: RewriteContext) {
    this.#context = context;
    this.#body = new Body(context);
    this.#reader = this.#body.reader;
    this.code = this.#body.code;
    this.#points = new BodyPoints(this.#body);
    this.#loops = new LoopWriter(this.#body, this.#points);
    this.#calls = new CallWriter(this.#body, this.#points);
  }

  /** Safe points of the latest body at which a function holds a reference. */
  get referencePoints(): number {
    return this.#points.referencePoints;
  }

  /** What of the latest body is limited. */
  get measure(): BodyMeasure {
    const { code, locals, cloneSizes } = this.#body;
    const cloneBytes = this.#points.suspendable ? cloneSizes.largest(code.widest, locals) : 0;
    return { bytes: code.length, locals, cloneBytes, named: code.indexes };
  }

  /** Safe points written so far. */
  get safePoints(): number {
    return this.#body.counter.safePoints;
  }

  /** Leaves the new body of defined function `index` in `code`. @throws EpochvisorError MODULE_TOO_LARGE */
  rewrite(index: number): void {
    this.#write(index, undefined);
    checkBody(this.#context, index, this.measure);
  }

  /** Leaves in `code` a clone of defined function `index`, which begins at the safe point that `resumption` says. */
  resume(index: number, resumption: Resumption): void {
    this.#write(index, resumption);
    assert(resumption.begun, 'the safe point of an activation exists');
    assert(this.code.length <= ENGINE_LIMITS.bodyBytes.most, 'a clone is as small as the rewriting found it to be');
  }

  #write(index: number, resumption: Resumption | undefined): void {
    const { layout } = this.#context;
    const body = this.#body;
    const { code, counter, nesting, reader } = body;
    body.begin(index);
    this.#loops.begin();
    const held = this.#points.begin(index, resumption);
    this.#points.held(body.copyLocals(held));
    const { shape, weight } = body;
    if (weight > 0) writeDepthCheck(code, layout, shape.params, weight, shape.counter);
    code.block(layout.blockType([], shape.results));
    counter.segment();
    while (nesting.depth > 0) {
      const ordinal = body.next();
      this.#instruction(reader.opcode);
      // Checked here for what would not fit into memory either: a few instructions can hold very much.
      if (code.length > ENGINE_LIMITS.bodyBytes.most) break;
      if (ordinal === body.canonicalAt) body.makeCanonical();
    }
    counter.push();
    code.end();
  }

  #instruction(opcode: number): void {
    if (this.#context.exact && costOf(opcode) > 0) this.#payExactly();
    if (opcode <= OP_CONTROL_LAST) this.#control(opcode);
    else if (opcode >= OP_LOCAL_GET && opcode <= OP_LOCAL_TEE) {
      this.code.byte(opcode);
      this.code.u32(this.#body.local(this.#reader.index));
    } else if (opcode === OP_GLOBAL_GET || opcode === OP_GLOBAL_SET) {
      this.code.indexed(opcode, this.#context.layout.movedGlobal(this.#reader.index));
    } else if (opcode === OP_REF_FUNC) {
      this.#context.layout.writeReference(this.code, this.#reader.index);
    } else if (opcode === OP_MEMORY_GROW) {
      this.code.call(memoryGrowFunction(this.#context.layout, this.#context.maxMemoryPages));
    } else if (isBulk(opcode)) this.#calls.bulk(opcode);
    else if (this.#points.suspendable && (opcode === OP_DATA_DROP || opcode === OP_ELEM_DROP)) {
      this.code.call(dropFunction(this.#context.layout, opcode, this.#reader.index));
    } else this.#copy();
  }

  /** Exact counting, before each instruction that costs. */
  #payExactly(): void {
    const { counter } = this.#body;
    const point = this.#points.before();
    counter.testExactly(this.#points.frame(point));
    this.#points.goOnFrom(point);
    counter.chargeExactly();
  }

  #control(opcode: number): void {
    const { counter } = this.#body;
    switch (opcode) {
      case OP_BLOCK:
        this.#enter(opcode);
        return;
      case OP_LOOP:
        this.#loops.enter();
        return;
      case OP_IF:
        this.#enter(opcode);
        counter.segment();
        return;
      case OP_ELSE:
        this.#else();
        return;
      case OP_END:
        this.#end(false);
        return;
      case OP_BR_IF:
        this.#branch(opcode, this.#reader.index);
        counter.segment();
        return;
      case OP_BR_IF_THROWN:
        // The call before it has branched (calls.ts).
        counter.segment();
        return;
      case OP_CALL:
        this.#calls.direct();
        return;
      case OP_CALL_INDIRECT:
        this.#calls.indirect(opcode);
        return;
      default:
        this.#leaveForGood(opcode);
    }
  }

  /** Instructions after which control does not go on. */
  #leaveForGood(opcode: number): void {
    const { reader, code, counter } = this.#body;
    switch (opcode) {
      case OP_BR:
        this.#branch(opcode, reader.index);
        break;
      case OP_BR_TABLE:
        this.#branchTable();
        break;
      case OP_RETURN:
        counter.push();
        code.byte(opcode);
        break;
      case OP_RETURN_THROWN:
        counter.returnThrown(this.#body.shape.results);
        break;
      case OP_UNREACHABLE:
        counter.beforeUnreachable();
        code.byte(opcode);
        break;
      case OP_RETURN_CALL:
      case OP_RETURN_CALL_INDIRECT:
        this.#calls.tail(opcode);
        break;
      default:
        // nop, the only other control instruction: control does go on.
        this.#copy();
        return;
    }
    this.#body.skipDead();
    if (reader.opcode === OP_END) this.#end(true);
    else this.#else();
  }

  /** block, if */
  #enter(opcode: number): void {
    this.#points.spill();
    this.#copy();
    this.#points.resumption?.enter(undefined);
    this.#body.nesting.enter(opcode, 0);
  }

  #else(): void {
    const { code, counter, nesting } = this.#body;
    if (!this.#points.resumption?.skipsArm(code, nesting.depth)) this.#copy();
    counter.segment();
  }

  /** @param dead the end of the block cannot be reached from within */
  #end(dead: boolean): void {
    if (this.#loops.endCopy(dead)) return;
    const { code, counter, nesting } = this.#body;
    const { resumption } = this.#points;
    const depth = nesting.depth;
    const kind = nesting.leave(blocksAround);
    const again = resumption?.leave(code, depth);
    if (again !== undefined) {
      this.#points.startAgain(again);
      return;
    }
    this.#loops.end(kind, dead);
    if (resumption?.ended(code, depth)) nesting.leaveAdded();
    counter.segment();
  }

  /** Copies the instruction that has been read. */
  #copy(): void {
    this.code.copy(this.#reader.bytes, this.#reader.start, this.#reader.pos);
  }

  #branch(opcode: number, label: number): void {
    this.code.byte(opcode);
    this.code.u32(this.#body.nesting.label(label));
  }

  #branchTable(): void {
    const { reader, code, nesting } = this.#body;
    code.byte(OP_BR_TABLE);
    code.u32(reader.labelCount - 1);
    for (let index = 0; index < reader.labelCount; index++) code.u32(nesting.label(reader.labels[index]!));
  }
}
