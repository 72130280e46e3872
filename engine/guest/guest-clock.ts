// What a guest thread reads of the world: the machine's clocks by way of this host's, and random numbers.

import { Clock, type ClockState, SOURCE_HOST, SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../protocol/clock.js';
import { HostClock } from './host-clock.js';

export class GuestClock {
  readonly #clock: Clock;
  readonly #host: HostClock;
  readonly #random: () => bigint;
  /** The next value of what an embedder's function gives. */
  hostResults: () => bigint = () => 0n;

  /** @param bornMs the machine's birth, ms since 1970; @param random 64 bits */
  constructor(bornMs: number, random: () => bigint, state?: ClockState) {
    this.#clock = new Clock(state);
    this.#host = new HostClock(bornMs);
    this.#random = random;
  }

  save(): ClockState {
    return this.#clock.save();
  }

  /** The result of an environment instruction here, P0. */
  read(source: number): bigint {
    switch (source) {
      case SOURCE_REAL_TIME:
        return this.#clock.readRealTimeNs(this.#host.realTimeNs());
      case SOURCE_MONOTONIC:
        return BigInt(this.monotonicNs());
      case SOURCE_HOST:
        return this.hostResults();
      default:
        return this.#random();
    }
  }

  monotonicNs(): number {
    return this.#clock.readMonotonicNs(this.#host.monotonicNs());
  }

  /** A result, whoever read it. */
  observe(source: number, value: bigint): void {
    this.#clock.observe(source, value);
  }

  observeMonotonicNs(timeNs: number): void {
    this.#clock.observeMonotonicNs(timeNs);
  }

  /** CK: from here on this host's clocks are read, and go on from the greatest value seen. */
  adopt(): void {
    this.#clock.adopt(this.#host.realTimeNs(), this.#host.monotonicNs());
  }
}
