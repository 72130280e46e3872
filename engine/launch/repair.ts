// When a replacement is started for a replica that died.
//
// The view says who is missing: while a dead replica is still named, the others are about to claim a view without it,
// and need the processor for that. A replacement that dies before it is named is followed by another, later each time:
// what killed it may not be over. It may also never be over (a host that is out of memory or of processes): the machine
// goes on without a backup then, and says why it has none, once and in its status, not with every attempt.

import type { View } from '../protocol/vocabulary.js';

/** The first one after a failed one waits this long, each further one twice as long, up to the bound, ms. */
const DELAY_FIRST_MS = 200;
const DELAY_MAX_MS = 5_000;

export interface ReplicaState {
  readonly incarnation: string;
  readonly joins: boolean;
  readonly hasEnded: boolean;
}

export class Repair {
  readonly #wanted: number;
  #failures = 0;
  #why = '';
  /** Kinds of failures since one has joined. */
  readonly #kinds = new Set<string>();

  /** @param wanted replicas of a machine that lacks none */
  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  /** How many are to be started now. */
  missing(view: View, replicas: readonly ReplicaState[]): number {
    const named = [view.primary, ...view.backups];
    const alive = replicas.filter(({ hasEnded }) => !hasEnded);
    // Without a replica that has the machine's state there is nothing to join.
    if (!alive.some(({ incarnation }) => named.includes(incarnation))) return 0;
    const joining = alive.filter(({ incarnation, joins }) => joins && !named.includes(incarnation));
    return Math.max(0, this.#wanted - named.length - joining.length);
  }

  /** How many in a row have ended before they were named. */
  get failures(): number {
    return this.#failures;
  }

  /** Why the last of them did; empty where none has since one has joined. */
  get why(): string {
    return this.#why;
  }

  get delayMs(): number {
    return this.#failures === 0 ? 0 : Math.min(DELAY_FIRST_MS * 2 ** (this.#failures - 1), DELAY_MAX_MS);
  }

  /** One has come to be named in a view. */
  joined(): void {
    this.#failures = 0;
    this.#why = '';
    this.#kinds.clear();
  }

  /**
   * One has ended before it was named.
   * @param kind of the failure: a code, or a way to end
   * @returns whether it is the first of its kind since one has joined
   */
  failed(why: string, kind: string): boolean {
    this.#failures += 1;
    this.#why = why;
    const isNews = !this.#kinds.has(kind);
    this.#kinds.add(kind);
    return isNews;
  }
}
