// How far a guest's output had come, and when: what runs of one program on different machines are compared by.
//
// A program that puts out the same is at the same place when it has put out as much, whatever machine it runs on: the times
// at which two runs came so far compare their speeds, without a count of instructions, which a plain machine does not have.
// An output is a byte that is printed, or an operation that a device is asked for.

/** Marks that are nearer to the one before are left out, ms: a guest that floods is not to fill our memory. */
const MARK_APART_MS = 0.25;

export class OutputCurve {
  /** Times in ms since the guest's first instruction, and the outputs by then; both rise. */
  readonly #ms: number[] = [];
  readonly #outputs: number[] = [];

  /** So many outputs there had been `ms` after the guest's first instruction, of all streams and devices together. */
  note(ms: number, outputs: number): void {
    const last = this.#ms.length - 1;
    // Several writes of one moment are one mark, at its end.
    if (last > 0 && ms - this.#ms[last - 1]! < MARK_APART_MS) {
      this.#ms[last] = ms;
      this.#outputs[last] = outputs;
      return;
    }
    this.#ms.push(ms);
    this.#outputs.push(outputs);
  }

  /** At the last mark; 0 where there is none. */
  get outputs(): number {
    return this.#outputs.at(-1) ?? 0;
  }

  /** When there had been so many, ms, interpolated between marks; undefined where it never came so far. */
  msAt(outputs: number): number | undefined {
    const at = this.#outputs.findIndex(so => so >= outputs);
    if (at < 0) return undefined;
    const [toMs, to] = [this.#ms[at]!, this.#outputs[at]!];
    const [fromMs, from] = at === 0 ? [toMs, to] : [this.#ms[at - 1]!, this.#outputs[at - 1]!];
    if (to === from) return toMs;
    return fromMs + ((toMs - fromMs) * (outputs - from)) / (to - from);
  }
}
