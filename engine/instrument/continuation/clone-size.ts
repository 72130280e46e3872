// How large the clones of a function can get, found while the function is rewritten.
//
// V8 limits the size of a body, and a clone (resumption.ts) may be larger than the body that it is of: it has what follows
// its safe point, and once more each loop around the point, whole, for the iterations to come:
//
//   loop A                  clone for P:   locals, values, blocks
//     loop B                               2
//       1 [P] 2             ->             loop B 1 2 end
//     end                                  3
//     3                                    loop A loop B 1 2 end 3 end
//   end                                    4
//   4
//
// So its size is (end of the body - place of P) + the sizes of the loops around P + a beginning that depends on the frame.
// The largest of all points is found as the body is written: each open loop keeps the best of the points in it, reckoned
// from the start of the body, and hands it on with its own size when it ends.
//
// A clone's indexes are those of another module, which may take more bytes: places are measured with what that can add
// (CodeWriter.widest). So the bound is sound, and close to what clones have.

/** To load a value (a vector is the worst), to set its local, to push it again from there. */
const VALUE_BYTES = 24;
/** A block to begin, the way back of a loop (without its frame, which the loop has once more, too), the ends. */
const BLOCK_BYTES = 48;
/** A declaration of one local. */
const LOCAL_BYTES = 2;
/** The number of locals, the counter, the call of the next clone. */
const FIXED_BYTES = 32;
/** Takes places in a body as lengths of what has been written of it, as CodeWriter.widest gives them. */
export class CloneSizes {
  /** For each open loop, the body itself first: where it begins, and the best of the points in it, less the body's end. */
  #starts: number[] = [];
  #best: number[] = [];

  begin(): void {
    this.#starts = [0];
    this.#best = [Number.NEGATIVE_INFINITY];
  }

  /** A safe point. @param values of its frame; @param blocks around it */
  point(place: number, values: number, blocks: number): void {
    this.#offer(values * VALUE_BYTES + blocks * BLOCK_BYTES - place);
  }

  #offer(size: number): void {
    const last = this.#best.length - 1;
    if (size > this.#best[last]!) this.#best[last] = size;
  }

  enterLoop(place: number): void {
    this.#starts.push(place);
    this.#best.push(Number.NEGATIVE_INFINITY);
  }

  leaveLoop(place: number): void {
    const best = this.#best.pop()!;
    this.#offer(best + place - this.#starts.pop()!);
  }

  /** The body ends: bytes of its largest clone at most; 0 if it has no safe points. */
  largest(place: number, locals: number): number {
    const best = this.#best[0]!;
    return best === Number.NEGATIVE_INFINITY ? 0 : best + place + locals * LOCAL_BYTES + FIXED_BYTES;
  }
}
