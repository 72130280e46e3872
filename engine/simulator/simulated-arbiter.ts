// The arbiter: write-once view records, answers late, lost, or (for a while) none at all.

import type { ClaimAnswer } from '../protocol/channel.js';
import type { View } from '../protocol/vocabulary.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';
import type { Seen } from './seen.js';

export interface ArbiterOptions {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly first: View;
  readonly delayNs: readonly [number, number];
  /** How likely an answer is lost after the record was written. */
  readonly lossProbability: number;
  /** A record may be read late by so much: a cache that is not told. A claim always finds it. */
  readonly staleNs: number;
  readonly recorded: (view: View) => void;
  readonly see: (seen: Seen) => void;
}

export class Arbiter {
  readonly #options: ArbiterOptions;
  readonly #records = new Map<number, View>();
  readonly #writtenNs = new Map<number, number>();
  #latest: View;
  /** Ways in which it is out of reach; they overlap. */
  #outages = 0;
  #silences = 0;

  constructor(options: ArbiterOptions) {
    this.#options = options;
    this.#latest = options.first;
    this.#records.set(options.first.number, options.first);
    options.recorded(options.first);
  }

  get latest(): View {
    return this.#latest;
  }

  outage(durationNs: number, silent: boolean): void {
    this.#outages += 1;
    if (silent) this.#silences += 1;
    this.#options.schedule.after(durationNs, () => {
      this.#outages -= 1;
      if (silent) this.#silences -= 1;
    });
  }

  /** Claims that have been sent, and may be written yet: whoever sent them may be dead. */
  readonly underWay = new Set<View>();

  /** Put-if-absent (VW); a claim that is repeated after a lost answer finds itself. */
  claim(view: View, answer: (answer: ClaimAnswer) => void): void {
    const { schedule, random, delayNs, lossProbability } = this.#options;
    const delay = (): number => random.between(delayNs[0], delayNs[1]);
    this.underWay.add(view);
    schedule.after(delay(), () => {
      this.underWay.delete(view);
      if (this.#silences > 0) return;
      if (this.#outages > 0) {
        schedule.after(delay(), () => answer({ result: 'unreachable', reason: 'out of reach' }));
        return;
      }
      const isPresent = this.#records.has(view.number);
      const owner = this.#put(view);
      if (isPresent) this.#options.see({ type: 'present', view: owner, itself: owner.claim === view.claim });
      const lost = this.#outages > 0 || random.chance(lossProbability);
      schedule.after(delay(), () => {
        if (lost) answer({ result: 'unreachable', reason: 'the answer was lost' });
        else answer(owner.claim === view.claim ? { result: 'won' } : { result: 'lost', owner });
      });
    });
  }

  /**
   * The latest record, or undefined where the arbiter is out of reach.
   * @param answer is also told, for the judge, the number of the latest record that no reader would have missed
   */
  read(answer: (view: View | undefined, certain: number) => void): void {
    const { schedule, random, delayNs, lossProbability } = this.#options;
    const delay = (): number => random.between(delayNs[0], delayNs[1]);
    schedule.after(delay(), () => {
      if (this.#silences > 0) return;
      const view = this.#outages > 0 || random.chance(lossProbability) ? undefined : this.#seen();
      if (view !== undefined && view !== this.latest) this.#options.see({ type: 'staleRead' });
      const certain = view === undefined ? 0 : (this.#old().at(-1)?.number ?? 0);
      schedule.after(delay(), () => answer(view, certain));
    });
  }

  /** The latest record, or the latest that a reader is sure to see. */
  #seen(): View {
    const old = this.#old();
    return this.#options.random.chance(0.5) ? this.latest : (old.at(-1) ?? this.latest);
  }

  /** Records that a reader is sure to see. */
  #old(): View[] {
    const { schedule, staleNs } = this.#options;
    return [...this.#records.values()].filter(({ number }) => {
      return schedule.nowNs - (this.#writtenNs.get(number) ?? -Infinity) >= staleNs;
    });
  }

  #put(view: View): View {
    const present = this.#records.get(view.number);
    if (present !== undefined) return present;
    this.#records.set(view.number, view);
    this.#writtenNs.set(view.number, this.#options.schedule.nowNs);
    this.#latest = view;
    this.#options.recorded(view);
    return view;
  }
}
