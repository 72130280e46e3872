// The clock of a machine: it goes on from the greatest of the host's own time and every value already seen (rule CK).

/** Environment sources that are clocks, by their number in `LogEntry.value.source`; others (random) have no order. */
export const SOURCE_REAL_TIME = 0;
export const SOURCE_MONOTONIC = 1;
export const SOURCE_RANDOM = 2;

/**
 * Turns readings of the host's clocks into those of the machine. A backup only observes; at promotion the offset is
 * chosen so that time goes on from the greatest value sent, at the host's pace, rather than stand still until the
 * host's clock has caught up.
 */
export class Clock {
  /** Greatest value given to the guest or received in the log, per clock, ns. */
  readonly #greatest: [bigint, bigint] = [0n, 0n];
  /** What is added to the host's reading, per clock, ns; never negative. */
  readonly #offset: [bigint, bigint] = [0n, 0n];

  /** A value the guest was given or the log brought. Sources that are no clocks are ignored. */
  observe(source: number, valueNs: bigint): void {
    if (source === SOURCE_REAL_TIME || source === SOURCE_MONOTONIC) {
      if (valueNs > this.#greatest[source]) this.#greatest[source] = valueNs;
    }
  }

  /** Rule CK: called at promotion with the host's readings of the moment. */
  adopt(hostRealTimeNs: bigint, hostMonotonicNs: bigint): void {
    const host = [hostRealTimeNs, hostMonotonicNs] as const;
    for (const source of [SOURCE_REAL_TIME, SOURCE_MONOTONIC] as const) {
      const behind = this.#greatest[source] - host[source];
      this.#offset[source] = behind > 0n ? behind : 0n;
    }
  }

  /** The machine's time for a reading of the host's clock; never less than any value before it. */
  read(source: typeof SOURCE_REAL_TIME | typeof SOURCE_MONOTONIC, hostNs: bigint): bigint {
    this.observe(source, hostNs + this.#offset[source]);
    return this.#greatest[source];
  }

  /** Like `read` for the monotonic clock, as a plain number of ns: exact below 2^53 ns (104 days). */
  readMonotonicNs(hostNs: number): number {
    return Number(this.read(SOURCE_MONOTONIC, BigInt(Math.floor(hostNs))));
  }
}
