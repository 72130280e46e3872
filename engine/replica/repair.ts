// When a replacement is started for a replica that died.
//
// The view says who is missing: while a dead replica is still named, the others are about to claim a view without it,
// and need the processor for that. A replacement that dies before it is named is followed by another, later each time:
// what killed it may not be over.

import type { View } from '../protocol/machine.js';

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

  get delayMs(): number {
    return this.#failures === 0 ? 0 : Math.min(DELAY_FIRST_MS * 2 ** (this.#failures - 1), DELAY_MAX_MS);
  }

  /** One has come to be named in a view. */
  joined(): void {
    this.#failures = 0;
  }

  /** One has ended before it was named. */
  failed(): void {
    this.#failures += 1;
  }
}
