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
//   unreachable           global := c - charge  unreachable         the count at this trap is exact
//   a bulk operation      like a call, of the function that bulk.ts made for it
//
// A safe point is `c < 0 ? c := boundary(c)`. In a loop that would put a call into the hot path, around which V8 spills
// what it holds in registers; so the loop is left instead, and entered again:
//
//   loop T                block T
//     ...  br_if 0          loop T                         enter again
//     ...                     loop (params -> params)
//                               block (params -> params)   the original label is the end of this block
//                                 ...  br_if 0
//                                 ...
//                                 br 3
//                               end
//                               c := c - charge
//                               c >= 0  br_if 0            the way back
//                             end
//                             c := boundary(c)
//                             br 0
//                           end
//                         end
//
// Where the module is suspendable, each safe point can unwind the stack (unwind.ts), and the same walk over a body writes
// clones of it that begin at a safe point (continuation/resumption.ts).
//
// Loops whose ways back pass other safe points need none (flow.ts) and stay as they are. Dead code is dropped, for it has
// no counts.
//
// Under exact counting every instruction that costs is preceded by a safe point, a charge of its own, and a copy of the
// counter to the global, so that even the count at a trap is exact. Slow, and trivially right.

import { assert } from '../errors/errors.js';
import { ENGINE_LIMITS } from '../wasm/engine-limits.js';
import { InstructionReader } from '../wasm/instructions.js';
import {
  OP_BLOCK,
  OP_BR,
  OP_BR_IF,
  OP_BR_TABLE,
  OP_CALL,
  OP_CALL_INDIRECT,
  OP_DATA_DROP,
  OP_ELEM_DROP,
  OP_ELSE,
  OP_END,
  OP_GLOBAL_GET,
  OP_GLOBAL_SET,
  OP_I32_ADD,
  OP_IF,
  OP_LOCAL_GET,
  OP_LOCAL_TEE,
  OP_LOOP,
  OP_MEMORY_GROW,
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
import { type FunctionType, I32 } from '../wasm/types.js';
import { bulkFunction, memoryGrowFunction, tableGrowFunction } from './bulk.js';
import { CodeWriter } from './code.js';
import { CloneSizes } from './continuation/clone-size.js';
import type { Position, Resumption, SuspensionState } from './continuation/resumption.js';
import { CounterCode } from './counter.js';
import { writeDepthCheck } from './depth.js';
import { type BodyMeasure, checkBody } from './fitting.js';
import { LOOP_PLAIN, LOOP_UNROLLED } from './flow.js';
import { Unwinder } from './frames.js';
import { Nesting } from './nesting.js';
import type { RewriteContext } from './rewrite-context.js';
import { costOf, HAS_INDIRECT_CALL, isBulk, TESTS_ALL_CALLS } from './scan.js';
import { canonicalType, ScratchLocals } from './scratch.js';
import { dropFunction } from './state.js';
import type { Frame } from './unwind.js';

/** Stands for the opcode of a loop that is left as it is. */
const PLAIN_LOOP = -1;
/** What is written around the inner block of a loop, whose label takes the place of the loop's. */
const BLOCKS_AROUND_LOOP = 3;
const NO_TYPES = { params: [], results: [] };

/** Rewrites bodies one after another; the module has been validated by the scan. */
export class BodyRewriter {
  readonly #context: RewriteContext;
  readonly #reader: InstructionReader;
  readonly code = new CodeWriter(1 << 16);
  readonly #counter: CounterCode;
  readonly #nesting = new Nesting();
  /** Number of original parameters; with #carriesDepth, the index of the depth's local. */
  #params = 0;
  #carriesDepth = false;
  /** What the depth check on entry took from the depth; 0 where there is none. */
  #weight = 0;
  readonly #scratches = new ScratchLocals();
  /** Position in what must be made canonical; number of the next live instruction. */
  #nextCanonical = 0;
  #endCanonical = 0;
  #ordinal = 0;
  /** Position in the loops' tests. */
  #nextLoop = 0;
  #testsAllCalls = false;
  /** While the first copy of an unrolled body is written: the number of original blocks around it; else 0. */
  #copyDepth = 0;
  #copyStart = 0;
  /** Where the module is suspendable; and while a clone is written. */
  readonly #unwinder: Unwinder | undefined;
  /** The safe points of the loops around that have one of their own. */
  #headers: (number | undefined)[] = [];
  #resumption: Resumption | undefined;
  /** Of use where the module is suspendable, and no clone is written. */
  readonly #cloneSizes = new CloneSizes();
  /** Locals of the latest body, parameters included. */
  #locals = 0;

  constructor(context: RewriteContext) {
    this.#context = context;
    this.#reader = new InstructionReader(context.layout.module.bytes);
    const { exact, boundary, layout } = context;
    this.#counter = new CounterCode(this.code, context.scan.charges, exact, boundary, layout);
    this.#unwinder = layout.save === undefined ? undefined : new Unwinder(context);
  }

  /** Safe points of the latest body at which a function holds a reference. */
  get referencePoints(): number {
    return this.#unwinder?.referencePoints() ?? 0;
  }

  /** Leaves in `code` a clone of defined function `index`, which begins at the safe point that `resumption` says. */
  resume(index: number, resumption: Resumption): void {
    this.#resumption = resumption;
    this.rewrite(index);
    assert(resumption.begun, 'the safe point of an activation exists');
    assert(this.code.length <= ENGINE_LIMITS.bodyBytes.most, 'a clone is as small as the rewriting found it to be');
    this.#resumption = undefined;
  }

  /** What of the latest body is limited. */
  get measure(): BodyMeasure {
    const { code } = this;
    const cloneBytes = this.#unwinder === undefined ? 0 : this.#cloneSizes.largest(code.widest, this.#locals);
    return { bytes: code.length, locals: this.#locals, cloneBytes, named: code.indexes };
  }

  /** Safe points written so far. */
  get safePoints(): number {
    return this.#counter.safePoints;
  }

  /** Leaves the new body of defined function `index` in `code`. @throws EpochvisorError MODULE_TOO_LARGE */
  rewrite(index: number): void {
    const { layout, scan } = this.#context;
    const { module } = layout;
    const reader = this.#reader;
    const code = this.code;
    const type = module.types[module.functions[index]!]!;
    reader.pos = module.bodyStart[index]!;
    reader.end = module.bodyEnd[index]!;
    const original = layout.spaces.importedFunctions + index;
    this.#params = type.params.length;
    this.#carriesDepth = layout.carriesDepth(original);
    this.#counter.begin(this.#carriesDepth ? this.#params + 1 : this.#params, scan.firstCharge[index]!);
    this.#weight = layout.graph.counted[original] === 1 ? scan.weights[index]! : 0;
    this.#nextCanonical = scan.firstCanonical[index]!;
    this.#endCanonical = scan.firstCanonical[index + 1]!;
    this.#nextLoop = scan.firstLoop[index]!;
    this.#testsAllCalls = (scan.flags[index]! & TESTS_ALL_CALLS) !== 0;
    this.#ordinal = 0;
    this.#unwinder?.begin(
      index,
      {
        function: layout.mainFunction(original),
        results: type.results,
        params: this.#params,
        carriesDepth: this.#carriesDepth,
        counter: this.#counter.local,
      },
      this.#resumption?.point,
    );
    code.clear();
    this.#cloneSizes.begin();
    this.#copyLocals(index);
    this.#nesting.clear();
    this.#nesting.enter(OP_BLOCK, 0);
    if (this.#weight > 0) writeDepthCheck(code, layout, this.#params, this.#weight, this.#counter.local);
    code.block(layout.blockType([], type.results));
    this.#counter.segment();
    while (this.#nesting.depth > 0) {
      reader.next();
      const ordinal = this.#ordinal++;
      this.#instruction(reader.opcode);
      // Checked here for what would not fit into memory either: a few instructions can hold very much.
      if (code.length > ENGINE_LIMITS.bodyBytes.most) break;
      if (this.#nextCanonical < this.#endCanonical && scan.canonical[this.#nextCanonical]! >> 2 === ordinal) {
        this.#scratches.canonical(code, scan.canonical[this.#nextCanonical++]! & 3);
      }
    }
    this.#counter.push();
    code.end();
    if (this.#resumption === undefined) checkBody(this.#context, index, this.measure);
  }

  /** Copies the declarations of locals and adds the scratch locals that are needed. */
  #copyLocals(index: number): void {
    const { scan } = this.#context;
    const reader = this.#reader;
    const groups = reader.u32();
    const start = reader.pos;
    let locals = this.#counter.local + 1;
    for (let group = 0; group < groups; group++) {
      locals += reader.u32();
      reader.byte();
    }
    const end = reader.pos;
    this.#scratches.begin(locals);
    if ((scan.flags[index]! & HAS_INDIRECT_CALL) !== 0) this.#scratches.need(I32);
    for (let at = this.#nextCanonical; at < this.#endCanonical; at++) {
      this.#scratches.need(canonicalType(scan.canonical[at]! & 3));
    }
    const scratches = this.#scratches.types;
    const held = this.#unwinder?.temporaries(locals + scratches.length) ?? NO_TYPES.params;
    this.#locals = locals + scratches.length + held.length;
    this.code.u32(groups + scratches.length + held.length);
    this.code.copy(reader.bytes, start, end);
    for (const types of [scratches, held]) {
      for (const type of types) {
        this.code.u32(1);
        this.code.byte(type);
      }
    }
  }

  // --- unwinding and clones --------------------------------------------------------------------------------------------

  /** The safe point, if the module is suspendable, at the instruction being rewritten: before it, or else. */
  #point(before: boolean): number | undefined {
    if (this.#unwinder === undefined) return undefined;
    const { plan } = this.#unwinder;
    return (before ? plan.before : plan.after).get(this.#reader.start);
  }

  #frame(point: number | undefined): Frame | undefined {
    return point === undefined ? undefined : this.#unwinder!.frame(point);
  }

  /** If this is where the clone begins: drops what was written so far, and writes how it begins. */
  #resume(point: number | undefined): SuspensionState | undefined {
    const resumption = this.#resumption;
    if (point !== undefined && resumption === undefined) {
      this.#cloneSizes.point(this.code.widest, this.#unwinder!.plan.valuesAt(point), this.#nesting.depth);
    }
    if (resumption === undefined || resumption.begun || resumption.point !== point) return undefined;
    const added = resumption.begin(this.code, this.#unwinder!, this.#scratches.types);
    this.#nesting.clear();
    this.#headers = [];
    // A loop entered in the middle is, until its end, the block `again` in another one.
    for (const blocks of added) this.#nesting.enter(OP_BLOCK, blocks);
    return resumption.state;
  }

  /** Where the instruction stands that is being rewritten. */
  #position(): Position {
    return {
      offset: this.#reader.start,
      ordinal: this.#ordinal - 1,
      charge: this.#counter.position,
      nextCanonical: this.#nextCanonical,
      nextLoop: this.#nextLoop,
    };
  }

  #goTo(position: Position): void {
    this.#reader.pos = position.offset;
    this.#ordinal = position.ordinal;
    this.#counter.goTo(position.charge);
    this.#nextCanonical = position.nextCanonical;
    this.#nextLoop = position.nextLoop;
  }

  /** A call has left the counter on the stack. */
  #returned(suspends: boolean): void {
    const point = this.#point(false);
    const state = this.#resume(point);
    if (state === undefined || state === 'callee') {
      this.#counter.returned(suspends, this.#frame(point));
      return;
    }
    if (state === 'boundary') this.#counter.unwind(this.#frame(point)!);
    this.#counter.segment();
  }

  /** After a safe point that stands before an instruction: where a clone may begin. */
  #goOnFrom(point: number | undefined): void {
    if (this.#resume(point) === 'boundary') this.#counter.unwind(this.#frame(point)!);
  }

  // --- instructions ----------------------------------------------------------------------------------------------------

  #instruction(opcode: number): void {
    const reader = this.#reader;
    if (this.#context.exact && costOf(opcode) > 0) {
      const point = this.#point(true);
      this.#counter.testExactly(this.#frame(point));
      this.#goOnFrom(point);
      this.#counter.chargeExactly();
    }
    if (opcode <= OP_RETURN_CALL_INDIRECT) {
      this.#control(opcode);
      return;
    }
    if (opcode >= OP_LOCAL_GET && opcode <= OP_LOCAL_TEE) {
      this.code.byte(opcode);
      this.code.u32(reader.index < this.#params ? reader.index : reader.index + this.#counter.local - this.#params + 1);
    } else if (opcode === OP_GLOBAL_GET || opcode === OP_GLOBAL_SET) {
      this.code.indexed(opcode, this.#context.layout.movedGlobal(reader.index));
    } else if (opcode === OP_REF_FUNC) {
      this.#context.layout.writeReference(this.code, reader.index);
    } else if (opcode === OP_MEMORY_GROW) {
      this.code.call(memoryGrowFunction(this.#context.layout, this.#context.maxMemoryPages));
    } else if (isBulk(opcode)) this.#bulk(opcode);
    else if (this.#unwinder !== undefined && (opcode === OP_DATA_DROP || opcode === OP_ELEM_DROP)) {
      this.code.call(dropFunction(this.#context.layout, opcode, reader.index));
    } else this.code.copy(reader.bytes, reader.start, reader.pos);
  }

  #bulk(opcode: number): void {
    const { layout, boundary, maxTableElements } = this.#context;
    const reader = this.#reader;
    this.#counter.push();
    if (opcode === OP_TABLE_GROW) this.code.call(tableGrowFunction(layout, reader.index, maxTableElements));
    else {
      const named = opcode === OP_MEMORY_INIT || (opcode >= OP_TABLE_INIT && opcode <= OP_TABLE_FILL);
      const two = opcode === OP_TABLE_INIT || opcode === OP_TABLE_COPY;
      const operation = { opcode, index: named ? reader.index : 0, index2: two ? reader.index2 : 0 };
      this.code.call(bulkFunction(layout, boundary, operation));
    }
    this.#returned(true);
  }

  #control(opcode: number): void {
    switch (opcode) {
      case OP_BLOCK:
        this.#unwinder?.spill(this.code, this.#reader.start);
        this.#copy();
        this.#resumption?.enter(undefined);
        this.#nesting.enter(opcode, 0);
        return;
      case OP_LOOP:
        this.#loop();
        return;
      case OP_IF:
        this.#unwinder?.spill(this.code, this.#reader.start);
        this.#copy();
        this.#resumption?.enter(undefined);
        this.#nesting.enter(opcode, 0);
        this.#counter.segment();
        return;
      case OP_ELSE:
        if (!this.#resumption?.skipsArm(this.code, this.#nesting.depth)) this.#copy();
        this.#counter.segment();
        return;
      case OP_END:
        this.#end(false);
        return;
      case OP_BR_IF:
        this.#branch(opcode, this.#reader.index);
        this.#counter.segment();
        return;
      case OP_CALL:
        this.#call();
        return;
      case OP_CALL_INDIRECT:
        this.#callIndirect(opcode);
        this.#returned(true);
        return;
      default:
        this.#leaveForGood(opcode);
    }
  }

  /** Instructions after which control does not go on. */
  #leaveForGood(opcode: number): void {
    const reader = this.#reader;
    switch (opcode) {
      case OP_BR:
        this.#branch(opcode, reader.index);
        break;
      case OP_BR_TABLE:
        this.code.byte(opcode);
        this.code.u32(reader.labelCount - 1);
        for (let index = 0; index < reader.labelCount; index++)
          this.code.u32(this.#nesting.label(reader.labels[index]!));
        break;
      case OP_RETURN:
        this.#counter.push();
        this.code.byte(opcode);
        break;
      case OP_UNREACHABLE:
        this.#counter.beforeUnreachable();
        this.code.byte(opcode);
        break;
      case OP_RETURN_CALL:
      case OP_RETURN_CALL_INDIRECT:
        this.#tailCall(opcode);
        break;
      default:
        // nop, the only other control instruction: control does go on.
        this.#copy();
        return;
    }
    this.#skipDead();
  }

  /** Pushes the depth for a callee that takes it. */
  #pushDepth(carried: boolean, tail: boolean, indirect: boolean): void {
    if (!carried) return;
    if (!this.#carriesDepth) {
      // No callee in this module looks at it; another instance's function in a shared table may.
      if (indirect) this.code.globalGet(this.#context.layout.stackRoom);
      else this.code.i32(0);
      return;
    }
    this.code.localGet(this.#params);
    if (!tail || this.#weight === 0) return;
    this.code.i32(this.#weight);
    this.code.op(OP_I32_ADD);
  }

  #call(): void {
    const { layout } = this.#context;
    const callee = this.#reader.index;
    this.#pushDepth(layout.carriesDepth(callee), false, false);
    this.#counter.push();
    this.code.call(layout.internalFunction(callee));
    this.#returned(this.#testsAllCalls || layout.graph.suspends[callee] === 1);
  }

  #tailCall(opcode: number): void {
    const { layout } = this.#context;
    const callee = this.#reader.index;
    const point = this.#point(false);
    this.#counter.beforeTailCall(this.#frame(point));
    this.#goOnFrom(point);
    if (opcode === OP_RETURN_CALL_INDIRECT) {
      this.#callIndirect(opcode);
      return;
    }
    this.#pushDepth(layout.carriesDepth(callee), true, false);
    this.#counter.push();
    this.code.indexed(opcode, layout.internalFunction(callee));
  }

  /** The table index is on top of the stack, where depth and counter have to go below it. */
  #callIndirect(opcode: number): void {
    const { layout } = this.#context;
    const reader = this.#reader;
    const callee = this.#scratches.index(I32);
    this.code.localSet(callee);
    this.#pushDepth(true, opcode === OP_RETURN_CALL_INDIRECT, true);
    this.#counter.push();
    this.code.localGet(callee);
    this.code.indexed(opcode, layout.internalType(reader.index, true));
    this.code.u32(reader.index2);
  }

  #copy(): void {
    this.code.copy(this.#reader.bytes, this.#reader.start, this.#reader.pos);
  }

  #blockType(): FunctionType {
    const type = this.#reader.blockType;
    if (type >= 0) return this.#context.layout.module.types[type]!;
    return type === -64 ? NO_TYPES : { params: [], results: [type + 128] };
  }

  #loop(): void {
    const { layout, exact, scan } = this.#context;
    const reader = this.#reader;
    const code = this.code;
    const header = this.#point(false);
    this.#goOnFrom(header);
    this.#resumption?.enter(this.#position());
    if (!this.#resumption?.restarts(this.#nesting.depth + 1)) this.#unwinder?.spill(code, reader.start);
    this.#cloneSizes.enterLoop(code.widest);
    const kind = scan.loopTests[this.#nextLoop++]!;
    if (exact || kind === LOOP_PLAIN) {
      this.#copy();
      this.#nesting.enter(PLAIN_LOOP, 0);
      this.#counter.segment();
      return;
    }
    // Leaves the loop's label at the end of the inner block.
    const { params } = this.#blockType();
    const kept = layout.blockType(params, params);
    code.block(reader.blockType);
    code.loop(reader.blockType);
    code.loop(kept);
    code.block(kept);
    this.#nesting.enter(OP_LOOP, BLOCKS_AROUND_LOOP);
    this.#headers.push(header);
    if (kind === LOOP_UNROLLED) {
      // Branches of the first copy to the loop's label mean the end of this block.
      code.block();
      this.#nesting.addLabel();
      this.#copyDepth = this.#nesting.depth;
      this.#copyStart = reader.pos;
    }
    this.#counter.segment();
  }

  /** The first copy of an unrolled body ends: whoever falls through leaves the loop. The second begins. */
  #nextCopy(dead: boolean): void {
    if (!dead) this.code.br(BLOCKS_AROUND_LOOP + 1);
    this.code.end();
    this.#nesting.dropLabel();
    this.#copyDepth = 0;
    this.#reader.pos = this.#copyStart;
    this.#counter.segment();
  }

  #end(dead: boolean): void {
    if (this.#copyDepth === this.#nesting.depth) {
      this.#nextCopy(dead);
      return;
    }
    const code = this.code;
    const depth = this.#nesting.depth;
    const kind = this.#nesting.leave(opcode => (opcode === OP_LOOP ? BLOCKS_AROUND_LOOP : 0));
    const again = this.#resumption?.leave(code, depth);
    if (again !== undefined) {
      this.#endPeeled(again);
      return;
    }
    if (kind === OP_LOOP) {
      if (!dead) code.br(BLOCKS_AROUND_LOOP);
      code.end();
      this.#counter.wayBack(this.#frame(this.#headers.pop()));
    }
    code.end();
    if (kind === OP_LOOP || kind === PLAIN_LOOP) this.#cloneSizes.leaveLoop(code.widest);
    // A loop that was left as it is has a way back too, with nothing to pay on it.
    if (kind === PLAIN_LOOP) this.#counter.skip();
    if (this.#resumption?.ended(code, depth)) this.#nesting.leaveAdded();
    this.#counter.segment();
  }

  /** The rest of an iteration ends, of a loop entered in the middle: the way back, then all of the loop from its start. */
  #endPeeled(start: Position): void {
    const header = this.#unwinder!.plan.after.get(start.offset);
    if (header !== undefined) this.#counter.onlyWayBack(this.#unwinder!.frame(header));
    this.#goTo(start);
  }

  #branch(opcode: number, label: number): void {
    this.code.byte(opcode);
    this.code.u32(this.#nesting.label(label));
  }

  /** Drops the rest of a block, up to its end or else. */
  #skipDead(): void {
    const reader = this.#reader;
    let depth = 0;
    for (;;) {
      reader.next();
      const opcode = reader.opcode;
      if (opcode === OP_BLOCK || opcode === OP_LOOP || opcode === OP_IF) depth++;
      else if (depth === 0 && (opcode === OP_END || opcode === OP_ELSE)) break;
      else if (opcode === OP_END) depth--;
    }
    if (reader.opcode === OP_END) this.#end(true);
    else this.#control(OP_ELSE);
  }
}
