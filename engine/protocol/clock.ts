// The clock of a machine: it goes on from the greatest of the host's own time and every value already seen (rule CK).

/** Environment sources that are clocks, by their number in `LogEntry.value.source`; others (random) have no order. */
export const SOURCE_REAL_TIME = 0;
export const SOURCE_MONOTONIC = 1;
export const SOURCE_RANDOM = 2;
/** The embedder's functions that look at the world. */
export const SOURCE_HOST = 3;

/**
 * Turns readings of the host's clocks into those of the machine. A backup only observes; at promotion the offset is
 * chosen so that time goes on from the greatest value sent, at the host's pace, rather than stand still until the
 * host's clock has caught up.
 */
export interface ClockState {
  readonly realTimeNs: bigint;
  readonly monotonicNs: number;
}

export class Clock {
  /** Greatest value given to the guest or received in the log, ns. */
  #realTimeNs = 0n;
  #monotonicNs = 0;
  /** What is added to the host's reading, ns; never negative. */
  #realTimeOffsetNs = 0n;
  #monotonicOffsetNs = 0;

  /** @param state what `save` gave; who is to read its own host's clock adopts it first */
  constructor(state?: ClockState) {
    if (state === undefined) return;
    this.#realTimeNs = state.realTimeNs;
    this.#monotonicNs = state.monotonicNs;
  }

  /** The greatest values given: the offsets belong to this host. */
  save(): ClockState {
    return { realTimeNs: this.#realTimeNs, monotonicNs: this.#monotonicNs };
  }

  /** A value the guest was given or the log brought. Sources that are no clocks are ignored. */
  observe(source: number, valueNs: bigint): void {
    if (source === SOURCE_REAL_TIME) {
      if (valueNs > this.#realTimeNs) this.#realTimeNs = valueNs;
    } else if (source === SOURCE_MONOTONIC) {
      this.observeMonotonicNs(Number(valueNs));
    }
  }

  observeMonotonicNs(valueNs: number): void {
    this.#monotonicNs = Math.max(this.#monotonicNs, valueNs);
  }

  /** Rule CK: called at promotion with the host's readings of the moment. */
  adopt(hostRealTimeNs: bigint, hostMonotonicNs: number): void {
    const behindNs = this.#realTimeNs - hostRealTimeNs;
    this.#realTimeOffsetNs = behindNs > 0n ? behindNs : 0n;
    this.#monotonicOffsetNs = Math.max(0, this.#monotonicNs - Math.floor(hostMonotonicNs));
  }

  /** The machine's time of day for a reading of the host's clock; never less than any value before it. */
  readRealTimeNs(hostNs: bigint): bigint {
    this.observe(SOURCE_REAL_TIME, hostNs + this.#realTimeOffsetNs);
    return this.#realTimeNs;
  }

  /** The machine's monotonic clock, likewise; whole ns, exact below 2^53 (104 days). */
  readMonotonicNs(hostNs: number): number {
    this.observeMonotonicNs(Math.floor(hostNs) + this.#monotonicOffsetNs);
    return this.#monotonicNs;
  }
}
