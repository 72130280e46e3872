// What the two ends of a log remember of it: entries are encoded as differences to this (log-entries.ts).

import { SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../protocol/clock.js';
import type { Digest } from '../protocol/vocabulary.js';

/** What both sides remember, as plain data. */
export interface EntryState {
  /** The last value of each clock, by source, in two unsigned halves. */
  readonly clocks: readonly { readonly low: number; readonly high: number }[];
  readonly count: number;
  readonly submitted: number;
  readonly consumed: number;
  readonly values: number;
  readonly timeNs: number;
  readonly epoch: number;
}

/** What both sides remember. Clock values in two unsigned halves: arithmetic on bigints would allocate. */
export class History {
  readonly low = new Uint32Array(2);
  readonly high = new Uint32Array(2);
  count = 0;
  submitted = 0;
  consumed = 0;
  /** Values since the last digest. */
  values = 0;
  timeNs = 0;
  /** The epoch that ends next. */
  epoch = 0;

  constructor(from?: EntryState) {
    if (from === undefined) return;
    this.low.set(from.clocks.map(({ low }) => low));
    this.high.set(from.clocks.map(({ high }) => high));
    this.count = from.count;
    this.submitted = from.submitted;
    this.consumed = from.consumed;
    this.values = from.values;
    this.timeNs = from.timeNs;
    this.epoch = from.epoch;
  }

  save(): EntryState {
    const { count, submitted, consumed, values, timeNs, epoch } = this;
    const clocks = [SOURCE_REAL_TIME, SOURCE_MONOTONIC].map(source => ({
      low: this.low[source]!,
      high: this.high[source]!,
    }));
    return { clocks, count, submitted, consumed, values, timeNs, epoch };
  }

  digest(digest: Digest): void {
    this.count = digest.count;
    this.submitted = digest.submitted;
    this.consumed = digest.consumed;
    this.values = 0;
  }
}
