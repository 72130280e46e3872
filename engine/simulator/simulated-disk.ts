// The disk of a replica that logs: segments, late, slow, and full for a while. The disk goes on while the process stands still; what
// was written and not synced a loss of power may take, tear, or leave without what came before it.

import type { Answer } from '../driver/journal-queue.js';
import type { LogDisk } from '../driver/log-queue.js';
import { assert } from '../errors/errors.js';
import type { Actor } from './actor.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';

/** As far as bytes are lost, they are lost in blocks. */
const BLOCK_BYTES = 64;

/** A segment, and how much of it the disk has for certain. */
export interface DiskSegment {
  readonly number: number;
  bytes: Uint8Array;
  syncedBytes: number;
}

const NO_ROOM = new Error('no room');

export class SimulatedDisk implements LogDisk {
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #process: Actor;
  readonly #syncNs: number;
  readonly #changed: () => void;
  segments: DiskSegment[] = [];
  #stalledUntilNs = 0;
  #fullUntilNs = 0;

  /** @param syncNs the longest that a sync takes @param changed something was written, or synced */
  constructor(schedule: Schedule, random: Random, process: Actor, syncNs: number, changed: () => void) {
    this.#schedule = schedule;
    this.#random = random;
    this.#process = process;
    this.#syncNs = syncNs;
    this.#changed = changed;
  }

  /** It does nothing for a while. */
  stall(durationNs: number): void {
    this.#stalledUntilNs = Math.max(this.#stalledUntilNs, this.#schedule.nowNs + durationNs);
  }

  /** Somebody else fills it, for a while. */
  fill(durationNs: number): void {
    this.#fullUntilNs = Math.max(this.#fullUntilNs, this.#schedule.nowNs + durationNs);
  }

  /** What is left when the host loses its power now: of what was not synced some blocks, and others not. */
  afterPowerLoss(random: Random): Uint8Array[] {
    return this.segments.flatMap(({ bytes, syncedBytes }, index) => {
      const isLast = index === this.segments.length - 1;
      // The name of a file that was never synced may be lost with it.
      if (isLast && syncedBytes === 0 && random.chance(0.5)) return [];
      const left = bytes.slice(0, random.between(syncedBytes, bytes.length + 1));
      for (let at = syncedBytes; at < left.length; at += BLOCK_BYTES) {
        if (random.chance(0.3)) left.fill(0, at, Math.min(left.length, at + BLOCK_BYTES));
      }
      return [left];
    });
  }

  // ---- what the queue asks of it (LogDisk)

  begin(number: number, bytes: Uint8Array, then: Answer): void {
    this.#do(this.#syncNs / 10, () => {
      if (this.#isFull) return () => then(NO_ROOM);
      this.segments.push({ number, bytes: bytes.slice(), syncedBytes: 0 });
      return () => then(undefined);
    });
  }

  write(bytes: Uint8Array, at: number, then: (error: unknown, written: number) => void): void {
    this.#do(this.#syncNs / 10, () => {
      const segment = this.#last;
      assert(at === segment.bytes.length, 'a segment is written from its end on');
      // Where there is no room for all there may be for some.
      const written = this.#isFull ? this.#random.below(bytes.length) : bytes.length;
      const longer = new Uint8Array(at + written);
      longer.set(segment.bytes);
      longer.set(bytes.subarray(0, written), at);
      segment.bytes = longer;
      this.#changed();
      return () => then(written < bytes.length ? NO_ROOM : undefined, written);
    });
  }

  sync(then: Answer): void {
    const segment = this.#last;
    const { length } = segment.bytes;
    this.#do(this.#syncNs, () => {
      segment.syncedBytes = Math.max(segment.syncedBytes, length);
      this.#changed();
      return () => then(undefined);
    });
  }

  remove(numbers: readonly number[], _others: readonly string[], then: Answer): void {
    this.segments = this.segments.filter(({ number }) => !numbers.includes(number));
    this.#do(this.#syncNs / 10, () => () => then(undefined));
  }

  close(then: () => void): void {
    this.#do(0, () => then);
  }

  isFull(error: unknown): boolean {
    return error === NO_ROOM;
  }

  soon(act: () => void): void {
    this.#process.after(this.#random.between(1e3, 2e4), act);
  }

  after(delayMs: number, act: () => void): () => void {
    let isOff = false;
    this.#process.timer(delayMs * 1e6, () => {
      if (!isOff) act();
    });
    return () => {
      isOff = true;
    };
  }

  get #last(): DiskSegment {
    const segment = this.segments.at(-1);
    assert(segment !== undefined, 'a segment is begun before it is written');
    return segment;
  }

  get #isFull(): boolean {
    return this.#schedule.nowNs < this.#fullUntilNs;
  }

  /** Does it, also when the process that asked is gone; that hears of it when it runs. */
  #do(mostNs: number, act: () => () => void): void {
    const waitNs = Math.max(0, this.#stalledUntilNs - this.#schedule.nowNs);
    this.#schedule.after(waitNs + this.#random.between(1, 1 + mostNs), () => {
      // It was stalled meanwhile.
      if (this.#schedule.nowNs < this.#stalledUntilNs) {
        this.#do(mostNs, act);
        return;
      }
      const answer = act();
      if (!this.#process.dead) this.#process.do(answer);
    });
  }
}
