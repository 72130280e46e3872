// Clones: functions that begin at a safe point of the original, for one activation to go on from.
//
// The problem. A WebAssembly function can only be entered at its top, and the frame that it is to go on with must first be
// put together again. Asyncify lets the original find its way to the middle by tests around everything it does. That costs
// every run; here code is made for the one point where it is needed.
//
// The design. A clone is the rest of the function as seen from the safe point: its suffix. Structured code makes suffixes
// simple: of each enclosing block only the part after the point remains, and the blocks nest as before. With [P] the point:
//
//   block                        load locals
//     A                          block
//     block                        operands of the outer block
//       B [P] C                    block
//     end                            operands of the inner block; C
//     D                            end
//   end                            D
//                                end
//
//   if B [P] C else D end        block C end                 a branch to the `if` is a branch to the block
//
//   loop L                       block exit
//     B [P] C                      block again
//   end                              C          a branch to L leaves `again`
//                                    br exit    falling out of the loop
//                                  end
//                                  loop L B C end             the whole loop, as in the original: the hot code is clean
//                                end
//
// (Between `end` and `loop L` stands the way back of L: its charge and its safe point.)
//
// The blocks have no parameters (their operands are loaded or pushed inside) and the results of the originals, so that
// branches carry what they carried. There is no dispatch and no test of a mode: a clone is entered only to go on.
//
// The same walk that rewrites a function writes its clones (rewrite.ts): from the top of the body, throwing away what it
// writes, until it comes to the point; then it writes the beginning below, and goes on as ever. At the end of a loop that
// has been entered in the middle it goes back to the loop's start, for the clean copy. Charges, safe points and NaNs are
// therefore the original's by construction, and a clone can be unwound like the original: the next snapshot sees activations
// of the original function, whoever ran it.
//
// What was going on at the point is one of three:
//
//   here       the host's boundary was the innermost: the counter is in the global
//   boundary   the boundary was interrupted in a handler: its clone comes first, and leaves the counter
//   callee     the function called has an activation: its clone comes first, and leaves its results and the counter; then
//              the safe point after the call is still to come

import { OP_CALL_INDIRECT, OP_IF, OP_LOOP } from '../../wasm/opcodes.js';
import { I32, type ValueType } from '../../wasm/types.js';
import type { CodeWriter } from '../code.js';
import type { Frames } from '../frames.js';
import type { ContinuationLayout } from './continuation-layout.js';
import { loadLocals, loadStack } from './load.js';

export type SuspensionState = 'here' | 'boundary' | 'callee';

/** Where the walk over a body stands: all that it needs to go on from there. */
export interface Position {
  readonly offset: number;
  readonly ordinal: number;
  readonly charge: number;
  readonly nextCanonical: number;
  readonly nextLoop: number;
}

/** A loop entered in the middle: where it begins, and whether its clean copy has been reached. */
interface PeeledLoop {
  readonly start: Position;
  again: boolean;
}

/** One clone while it is written. */
export class Resumption {
  readonly point: number;
  readonly state: SuspensionState;
  readonly #layout: ContinuationLayout;
  /** Functions that the module imported before the walk to the point, which needs none. */
  readonly #imported: number;
  begun = false;
  /** Of the enclosing blocks: where the loops among them begin. */
  readonly #starts: (Position | undefined)[] = [undefined];
  /** By the number of enclosing blocks, itself included. */
  readonly #peeled = new Map<number, PeeledLoop>();
  /** Blocks that were the first arm of an `if`: where in the code the other arm begins, which is dropped. */
  readonly #arms = new Map<number, number>();

  constructor(layout: ContinuationLayout, point: number, state: SuspensionState) {
    this.#layout = layout;
    this.point = point;
    this.state = state;
    this.#imported = layout.importedFunctions;
  }

  /**
   * Writes the beginning: the locals, the values, the blocks, and in state `callee` or `boundary` the call of the next
   * clone. Gives, for each enclosing block, the number of new blocks around its own.
   */
  begin(code: CodeWriter, frames: Frames, scratches: readonly ValueType[]): readonly number[] {
    const layout = this.#layout;
    const { plan } = frames;
    this.begun = true;
    layout.forgetFunctions(this.#imported);
    code.clear();
    code.locals(frames.allLocals(scratches));
    const frame = frames.frame(this.point);
    const point = plan.points[this.point]!;
    loadLocals(code, layout.load, frame);
    // At a loop's header the loop itself is still to be written.
    const open = point.kind === 'header' ? plan.around.slice(0, -1) : plan.around;
    const added: number[] = [];
    open.forEach((block, index) => {
      if (index > 0) frames.pushHeld(code, open[index - 1]!.height, block.height, point.operands);
      const start = this.#starts[index];
      if (block.opcode === OP_LOOP) {
        code.block(layout.blockType([], block.results));
        code.block(layout.blockType([], block.params));
        this.#peeled.set(index + 1, { start: start!, again: false });
        added.push(1);
      } else {
        code.block(layout.blockType([], block.results));
        if (block.opcode === OP_IF) this.#arms.set(index + 1, -1);
        added.push(0);
      }
    });
    frames.pushHeld(code, open[open.length - 1]!.height, point.base, point.operands);
    this.#starts.length = open.length;
    loadStack(code, layout.load, frame, this.state === 'callee' ? point.results : 0);
    const results = point.operands.slice(point.operands.length - point.results);
    writeState(code, layout, this.state, results, frames.counter);
    return added;
  }

  enter(start: Position | undefined): void {
    this.#starts.push(start);
  }

  /** At the else of an `if` with that number of blocks around, itself included: true if the arm is not to be written. */
  skipsArm(code: CodeWriter, depth: number): boolean {
    if (!this.#arms.has(depth)) return false;
    this.#arms.set(depth, code.length);
    return true;
  }

  /** Before the end of a block. At the end of a loop entered in the middle: where its clean copy begins. */
  leave(code: CodeWriter, depth: number): Position | undefined {
    this.#starts.pop();
    const arm = this.#arms.get(depth);
    if (arm !== undefined) {
      this.#arms.delete(depth);
      if (arm >= 0) code.truncate(arm);
    }
    const peeled = this.#peeled.get(depth);
    if (peeled === undefined || peeled.again) return undefined;
    peeled.again = true;
    code.br(1);
    code.end();
    return peeled.start;
  }

  /** True at the beginning of a clean copy: the operands below have been copied to locals, and are out of reach. */
  restarts(depth: number): boolean {
    return this.#peeled.has(depth);
  }

  /** After the end of a block: true if it was a clean copy, around which a block ends too. */
  ended(code: CodeWriter, depth: number): boolean {
    if (!this.#peeled.has(depth)) return false;
    this.#peeled.delete(depth);
    code.end();
    return true;
  }
}

/**
 * After the values: gets the counter. `here`: into its local; else onto the stack, in state `callee` above the results of
 * the callee.
 */
export function writeState(
  code: CodeWriter,
  layout: ContinuationLayout,
  state: SuspensionState,
  results: readonly ValueType[],
  counter: number,
): void {
  if (state === 'here') {
    code.globalGet(layout.counter);
    code.localSet(counter);
    return;
  }
  writeNext(code, layout, state === 'callee' ? results : []);
}

/** Calls the clone of the next activation, which gives these results and the counter. */
export function writeNext(code: CodeWriter, layout: ContinuationLayout, results: readonly ValueType[]): void {
  code.call(layout.load.next);
  code.byte(OP_CALL_INDIRECT);
  code.u32(layout.type(cloneType(results)));
  code.u32(layout.clones);
}

/** The type of the clone of a function with these results. */
export function cloneType(results: readonly ValueType[]) {
  return { params: [], results: [...results, I32] };
}
