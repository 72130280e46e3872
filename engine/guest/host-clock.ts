// The host's clocks as a guest thread reads them: ns since the machine's birth, and time of day.

export class HostClock {
  /** From the machine's birth to this thread's time origin, ns. */
  readonly #originNs: number;
  readonly #bornNs: bigint;

  /**
   * A host whose time of day is behind the machine's birth, as it was set on another host, begins at the birth: its clock must
   * not stand still until the host's has caught up.
   * @param bornMs the machine's birth, ms since 1970
   * @param timeOriginMs when this thread was started, by the host's time of day, ms since 1970
   */
  constructor(bornMs: number, timeOriginMs = performance.timeOrigin) {
    this.#originNs = Math.max(0, timeOriginMs - bornMs) * 1e6;
    this.#bornNs = BigInt(Math.floor(bornMs)) * 1_000_000n;
  }

  /** ns since the machine's birth; never goes backwards, whatever is done to the host's time of day. */
  monotonicNs(): number {
    return Math.floor(this.#originNs + performance.now() * 1e6);
  }

  /** ns since 1970, as of the machine's birth and the monotonic clock since. */
  realTimeNs(): bigint {
    return this.#bornNs + BigInt(this.monotonicNs());
  }
}

/** The host's monotonic clock, ms: comparable between processes, as `performance.now()` is not. */
export function hostMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
