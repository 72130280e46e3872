// Loops: one that has a safe point is left to take it, and entered again.
//
// A safe point is `c < 0 ? c := boundary(c)`, for the counter `c`. In a loop that would put a call into the hot path,
// around which V8 spills what it holds in registers; so the loop is left instead, and entered again:
//
//   loop T                block T
//     ...  br_if 0          loop T                         enter again
//     ...                     loop (params -> params)
//   end                         block (params -> params)   the original label is the end of this block
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
// Loops whose ways back pass other safe points need none (flow.ts) and stay as they are. Small loops are written twice
// inside (unroll.ts). In a clone, a loop entered in the middle is written again when its iteration ends (resumption.ts).

import { OP_LOOP } from '../wasm/opcodes.js';
import type { ValueType } from '../wasm/types.js';
import type { Body } from './body.js';
import { LOOP_PLAIN, LOOP_UNROLLED } from './flow.js';
import type { BodyPoints } from './points.js';

/** Stands for the opcode of a loop that is left as it is. */
const PLAIN_LOOP = -1;
/** What is written around the inner block of a loop, whose label takes the place of the loop's. */
const BLOCKS_AROUND_LOOP = 3;
const NONE: readonly ValueType[] = [];

/** The number of new blocks around an original one. @param kind its opcode, or PLAIN_LOOP */
export function blocksAround(kind: number): number {
  return kind === OP_LOOP ? BLOCKS_AROUND_LOOP : 0;
}

export class LoopWriter {
  readonly #body: Body;
  readonly #points: BodyPoints;
  /** The safe points of the loops around that have one of their own. */
  readonly #headers: (number | undefined)[] = [];
  /** While the first copy of an unrolled body is written: the number of original blocks around it; else 0. */
  #copyDepth = 0;
  #copyStart = 0;

  constructor(body: Body, points: BodyPoints) {
    this.#body = body;
    this.#points = points;
  }

  /** Begins a body. */
  begin(): void {
    this.#headers.length = 0;
    this.#copyDepth = 0;
  }

  /** At the `loop` that has been read. */
  enter(): void {
    const { context, reader, code, counter, nesting, cloneSizes } = this.#body;
    const { resumption } = this.#points;
    const header = this.#points.after();
    this.#points.goOnFrom(header);
    resumption?.enter(this.#body.position);
    if (!resumption?.restarts(nesting.depth + 1)) this.#points.spill();
    cloneSizes.enterLoop(code.widest);
    const kind = this.#body.loopKind();
    if (context.exact || kind === LOOP_PLAIN) {
      code.copy(reader.bytes, reader.start, reader.pos);
      nesting.enter(PLAIN_LOOP, 0);
      counter.segment();
      return;
    }
    // Leaves the loop's label at the end of the inner block.
    const params = this.#params();
    const kept = context.layout.blockType(params, params);
    code.block(reader.blockType);
    code.loop(reader.blockType);
    code.loop(kept);
    code.block(kept);
    nesting.enter(OP_LOOP, BLOCKS_AROUND_LOOP);
    this.#headers.push(header);
    if (kind === LOOP_UNROLLED) {
      // Branches of the first copy to the loop's label mean the end of this block.
      code.block();
      nesting.addLabel();
      this.#copyDepth = nesting.depth;
      this.#copyStart = reader.pos;
    }
    counter.segment();
  }

  #params(): readonly ValueType[] {
    const { context, reader } = this.#body;
    return reader.blockType >= 0 ? context.layout.module.types[reader.blockType]!.params : NONE;
  }

  /**
   * At an `end`: if it is that of the first copy of an unrolled body, the second begins, and it is done with. Whoever falls
   * through the first leaves the loop.
   */
  endCopy(dead: boolean): boolean {
    const { reader, code, counter, nesting } = this.#body;
    if (this.#copyDepth !== nesting.depth) return false;
    if (!dead) code.br(BLOCKS_AROUND_LOOP + 1);
    code.end();
    nesting.dropLabel();
    this.#copyDepth = 0;
    reader.pos = this.#copyStart;
    counter.segment();
    return true;
  }

  /** At any other `end`, of a block of this kind, which the nesting has left: writes it. */
  end(kind: number, dead: boolean): void {
    const { code, counter, cloneSizes } = this.#body;
    if (kind === OP_LOOP) {
      if (!dead) code.br(BLOCKS_AROUND_LOOP);
      code.end();
      counter.wayBack(this.#points.frame(this.#headers.pop()));
    }
    code.end();
    if (kind !== OP_LOOP && kind !== PLAIN_LOOP) return;
    cloneSizes.leaveLoop(code.widest);
    // A loop that was left as it is has a way back too, with nothing to pay on it.
    if (kind === PLAIN_LOOP) counter.skip();
  }
}
