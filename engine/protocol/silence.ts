// Silence: how long a peer, or the bus, may say nothing before it is suspected. It follows the flow of what is heard.
//
// The problem. Words come once a heartbeat at least, later where their sender waits for a processor, or the network lost some
// and sends them again. A time that forgives the worst of hosts is a second without output on the best.
//
// The design. The longest gap between two words is remembered, and forgotten over minutes; a silence of several times that
// length is too long. It is never taken to be too long before `leastMs`, some heartbeats, so that the first accident on a calm
// host is none; and always after the suspicion time that was asked for. Until enough is known, that time is the limit.
//
// On a crowded host, where more threads want to run than there are processors, each waits for its turn, and what has been heard so
// far says little of what a few more will do: the least grows with the crowd, before the first gap has shown what that does.
//
// Rejected: mean and deviation of the gaps (as of TCP's timer, or accrual detectors). A log that flows has gaps of a
// millisecond, an idle one those of heartbeats: a mean says which of them there were more of. What matters is the tail, of
// which the longest is the best witness.
//
// Time in which this replica itself did not run is nobody's silence: `postpone`. And nothing but time to the takeover depends
// on this: a suspicion that was false costs the protection, one that comes late costs its lateness.

export interface SilenceTiming {
  readonly heartbeatMs: number;
  /** Silence after which whoever it is is suspected, whatever is known of it. */
  readonly suspicionMs: number;
}

/** The least that is too long: so many heartbeats (several are lost in a row, or held up by one repetition of TCP), ... */
const LEAST_HEARTBEATS = 5;
/** ... and this share of the suspicion time: who asks for a longer one asks for more patience. */
const LEAST_SHARE = 1 / 4;
/** Threads a processor that are no crowd: those of a pair that works, its bus and its clients on the same host. */
const CALM = 2;
/** Too long is so many times the longest gap: next to a gap that a host has had, a longer one is no surprise. */
const LONGEST_TIMES = 2.5;
/** In so long two thirds of a gap are forgotten. */
const FORGET_MS = 120_000;
/** Heartbeats' worth of gaps that have to be known. */
const KNOWN_HEARTBEATS = 40;

export class Silence {
  readonly #timing: SilenceTiming;
  #sinceMs: number;
  #knownMs = 0;
  #longestMs = 0;
  #everLongestMs = 0;

  /** @param sinceMs when it begins; in the future, where a first word may take longer */
  constructor(timing: SilenceTiming, sinceMs: number) {
    this.#timing = timing;
    this.#sinceMs = sinceMs;
  }

  /** When it began, less what was no silence. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  lastsMs(nowMs: number): number {
    return nowMs - this.#sinceMs;
  }

  /** The limit where all is calm. */
  get leastMs(): number {
    const { heartbeatMs, suspicionMs } = this.#timing;
    return Math.min(suspicionMs, Math.max(LEAST_HEARTBEATS * heartbeatMs, LEAST_SHARE * suspicionMs));
  }

  /** What is too long at present, ms. @param crowding threads that want to run here, per processor */
  limitMs(crowding: number): number {
    const { heartbeatMs, suspicionMs } = this.#timing;
    if (this.#knownMs < KNOWN_HEARTBEATS * heartbeatMs) return suspicionMs;
    const leastMs = this.leastMs * Math.max(1, crowding - CALM + 1);
    return Math.min(suspicionMs, Math.max(leastMs, LONGEST_TIMES * this.#longestMs));
  }

  /** The longest that was ever broken. */
  get everLongestMs(): number {
    return this.#everLongestMs;
  }

  isTooLong(nowMs: number, crowding: number): boolean {
    return this.lastsMs(nowMs) >= this.limitMs(crowding);
  }

  /** A word has come. */
  broken(nowMs: number): void {
    this.#learn(nowMs);
    this.#sinceMs = nowMs;
  }

  /** What was not said until now is nobody's fault: it begins now, and nothing is learnt. */
  begins(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  /** For `ms` this replica did not run, and could hear nothing. */
  postpone(ms: number, nowMs: number): void {
    if (this.#sinceMs < nowMs) this.#sinceMs = Math.min(nowMs, this.#sinceMs + ms);
  }

  /** It was too long, and whoever it was is given another chance: what it is like is known better now. */
  endured(nowMs: number): void {
    this.#learn(nowMs);
  }

  #learn(nowMs: number): void {
    const gapMs = Math.max(0, this.lastsMs(nowMs));
    this.#knownMs += gapMs;
    // A longer one than is ever waited for has nothing more to say, and would be remembered for longer.
    const lessonMs = Math.min(gapMs, this.#timing.suspicionMs);
    this.#longestMs = Math.max(lessonMs, this.#longestMs * Math.exp(-gapMs / FORGET_MS));
    this.#everLongestMs = Math.max(gapMs, this.#everLongestMs);
  }
}
