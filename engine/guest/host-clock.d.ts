export declare class HostClock {
  #private;
  /** @param bornMs the machine's birth, ms since 1970 */
  constructor(bornMs: number);
  /** ns since the machine's birth; never goes backwards, whatever is done to the host's time of day. */
  monotonicNs(): number;
  /** ns since 1970, as of the machine's birth and the monotonic clock since. */
  realTimeNs(): bigint;
}
/** The host's monotonic clock, ms: comparable between processes, as `performance.now()` is not. */
export declare function hostMs(): number;
