// How far a guest's output had come, and when: what runs of one program on different machines are compared by.
//
// A program that prints the same bytes is at the same place when it has printed the same number of them, whatever
// machine it runs on: the times at which two runs reached one offset compare their speeds, without a count of
// instructions, which a plain machine does not have.

/** Marks that are nearer to the one before are left out, ms: a guest that floods is not to fill our memory. */
const MARK_APART_MS = 0.25;

export class OutputCurve {
  /** Times in ms since the guest's first instruction, and the bytes printed by then; both rise. */
  readonly #ms: number[] = [];
  readonly #bytes: number[] = [];

  /** `bytes` had been printed, all streams together, `ms` after the guest's first instruction. */
  note(ms: number, bytes: number): void {
    const last = this.#ms.length - 1;
    // Several writes of one moment are one mark, at its end.
    if (last > 0 && ms - this.#ms[last - 1]! < MARK_APART_MS) {
      this.#ms[last] = ms;
      this.#bytes[last] = bytes;
      return;
    }
    this.#ms.push(ms);
    this.#bytes.push(bytes);
  }

  /** Bytes printed at the last mark; 0 where there is none. */
  get bytes(): number {
    return this.#bytes.at(-1) ?? 0;
  }

  /** When `bytes` had been printed, ms, interpolated between marks; undefined where it never came so far. */
  msAt(bytes: number): number | undefined {
    const at = this.#bytes.findIndex(printed => printed >= bytes);
    if (at < 0) return undefined;
    const [toMs, toBytes] = [this.#ms[at]!, this.#bytes[at]!];
    const [fromMs, fromBytes] = at === 0 ? [toMs, toBytes] : [this.#ms[at - 1]!, this.#bytes[at - 1]!];
    if (toBytes === fromBytes) return toMs;
    return fromMs + ((toMs - fromMs) * (bytes - fromBytes)) / (toBytes - fromBytes);
  }
}

/**
 * The time of one run over that of another to the furthest offset that both printed; undefined where they have none
 * in common.
 */
export function timeRatio(run: OutputCurve, baseline: OutputCurve): number | undefined {
  const bytes = Math.min(run.bytes, baseline.bytes);
  if (bytes === 0) return undefined;
  const [runMs, baselineMs] = [run.msAt(bytes), baseline.msAt(bytes)];
  return runMs === undefined || baselineMs === undefined || baselineMs <= 0 ? undefined : runMs / baselineMs;
}
