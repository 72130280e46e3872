// The body that is being rewritten: where it is read, what the scan said of the instruction there, and where it is written.

import { InstructionReader } from '../wasm/instructions.js';
import { OP_BLOCK, OP_BR_IF_THROWN, OP_ELSE, OP_END, OP_IF, OP_LOOP } from '../wasm/opcodes.js';
import { I32, type ValueType } from '../wasm/types.js';
import { CodeWriter } from './code.js';
import { CloneSizes } from './continuation/clone-size.js';
import type { Position } from './continuation/resumption.js';
import { CounterCode } from './counter.js';
import type { FrameShape } from './frames.js';
import { canonicalOrdinal, canonicalShape } from './nan.js';
import { Nesting } from './nesting.js';
import type { RewriteContext } from './rewrite-context.js';
import { HAS_INDIRECT_CALL, TESTS_ALL_CALLS } from './scan.js';
import { canonicalType, ScratchLocals } from './scratch.js';

/** One body after another, for what writes into it: rewrite.ts, loops.ts, calls.ts, points.ts. */
export class Body {
  readonly context: RewriteContext;
  readonly reader: InstructionReader;
  readonly code = new CodeWriter(1 << 16);
  readonly counter: CounterCode;
  readonly nesting = new Nesting();
  readonly scratches = new ScratchLocals();
  /** Of use where the module is suspendable, and no clone is written. */
  readonly cloneSizes = new CloneSizes();
  shape!: FrameShape;
  /** What the depth check on entry takes from the depth; 0 where there is none. */
  weight = 0;
  testsAllCalls = false;
  /** Parameters included. */
  locals = 0;
  /** What is added to the index of a declared local, one that is no parameter: the counter and the depth stand before it. */
  #moved = 0;
  #params = 0;
  /** Ordinal of the next instruction whose result must be made canonical; -1: none is left. */
  canonicalAt = -1;
  /** Position in what must be made canonical; number of the next live instruction. */
  #nextCanonical = 0;
  #endCanonical = 0;
  #ordinal = 0;
  /** Position in the loops' tests. */
  #nextLoop = 0;

  constructor(context: RewriteContext) {
    const { exact, boundary, layout, scan } = context;
    this.context = context;
    this.reader = new InstructionReader(layout.module.bytes);
    this.counter = new CounterCode(this.code, scan.charges, exact, boundary, layout);
  }

  /** Begins defined function `index`; its declarations of locals come next (`copyLocals`). */
  begin(index: number): void {
    const { layout, scan } = this.context;
    const { module } = layout;
    const original = layout.spaces.importedFunctions + index;
    const type = module.types[module.functions[index]!]!;
    const params = type.params.length;
    const carriesDepth = layout.carriesDepth(original);
    const counter = carriesDepth ? params + 1 : params;
    this.shape = { function: layout.mainFunction(original), results: type.results, params, carriesDepth, counter };
    this.weight = layout.graph.counted[original] === 1 ? scan.weights[index]! : 0;
    this.testsAllCalls = (scan.flags[index]! & TESTS_ALL_CALLS) !== 0;
    this.#params = params;
    this.#moved = carriesDepth ? 2 : 1;
    this.reader.pos = module.bodyStart[index]!;
    this.reader.end = module.bodyEnd[index]!;
    this.counter.begin(counter, scan.firstCharge[index]!);
    this.#endCanonical = scan.firstCanonical[index + 1]!;
    this.#canonicalFrom(scan.firstCanonical[index]!);
    this.#nextLoop = scan.firstLoop[index]!;
    this.#ordinal = 0;
    this.code.clear();
    this.cloneSizes.begin();
    this.nesting.clear();
    this.nesting.enter(OP_BLOCK, 0);
    this.#needScratches(index);
  }

  #needScratches(index: number): void {
    const { scan } = this.context;
    this.scratches.clear();
    if ((scan.flags[index]! & HAS_INDIRECT_CALL) !== 0) this.scratches.need(I32);
    for (let at = this.#nextCanonical; at < this.#endCanonical; at++) {
      this.scratches.need(canonicalType(canonicalShape(scan.canonical[at]!)));
    }
  }

  /**
   * Copies the declarations of locals and adds the scratch locals that are needed, and those of `held`.
   * Gives the index of the first of the latter.
   */
  copyLocals(held: readonly ValueType[]): number {
    const { reader, code } = this;
    const groups = reader.u32();
    const start = reader.pos;
    let locals = this.shape.counter + 1;
    for (let group = 0; group < groups; group++) {
      locals += reader.u32();
      reader.byte();
    }
    const scratches = this.scratches.types;
    this.scratches.first = locals;
    this.locals = locals + scratches.length + held.length;
    code.u32(groups + scratches.length + held.length);
    code.copy(reader.bytes, start, reader.pos);
    for (const types of [scratches, held]) {
      for (const type of types) {
        code.u32(1);
        code.byte(type);
      }
    }
    return locals + scratches.length;
  }

  /** Reads the next instruction, a live one, and gives its ordinal. */
  next(): number {
    this.reader.next();
    return this.#ordinal++;
  }

  /** The label of the `br_if_thrown` that comes next, if it does. */
  handlerAhead(): number | undefined {
    const { reader } = this;
    if (reader.bytes[reader.pos] !== OP_BR_IF_THROWN) return undefined;
    const { pos } = reader;
    reader.pos++;
    const label = reader.u32();
    reader.pos = pos;
    return label;
  }

  /** Passes over dead code to the end or else of its block. */
  skipDead(): void {
    const { reader } = this;
    let depth = 0;
    for (;;) {
      reader.next();
      const { opcode } = reader;
      if (opcode === OP_BLOCK || opcode === OP_LOOP || opcode === OP_IF) depth++;
      else if (depth === 0 && (opcode === OP_END || opcode === OP_ELSE)) return;
      else if (opcode === OP_END) depth--;
    }
  }

  /** LOOP_* of the loop that has been read. */
  loopKind(): number {
    return this.context.scan.loopTests[this.#nextLoop++]!;
  }

  /** After the instruction of the ordinal `canonicalAt`: makes its result canonical. */
  makeCanonical(): void {
    const entry = this.context.scan.canonical[this.#nextCanonical]!;
    this.scratches.canonical(this.code, canonicalShape(entry));
    this.#canonicalFrom(this.#nextCanonical + 1);
  }

  #canonicalFrom(position: number): void {
    this.#nextCanonical = position;
    this.canonicalAt = position === this.#endCanonical ? -1 : canonicalOrdinal(this.context.scan.canonical[position]!);
  }

  /** Where the instruction stands that has been read. */
  get position(): Position {
    return {
      offset: this.reader.start,
      ordinal: this.#ordinal - 1,
      charge: this.counter.position,
      nextCanonical: this.#nextCanonical,
      nextLoop: this.#nextLoop,
    };
  }

  goTo(position: Position): void {
    this.reader.pos = position.offset;
    this.#ordinal = position.ordinal;
    this.counter.goTo(position.charge);
    this.#canonicalFrom(position.nextCanonical);
    this.#nextLoop = position.nextLoop;
  }

  /** The index in the rewritten body of an original local. */
  local(original: number): number {
    return original < this.#params ? original : original + this.#moved;
  }
}
