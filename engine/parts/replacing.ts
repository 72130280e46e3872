// What an agent decides when its replica ends: another one is started, each later while they end soon, or nothing can mend it.
//
// What ended a replica (a kill, a lost view, a divergence) may end the next one, too: the pause grows until one has been part of
// the machine for a while, and what ends them all is said once. A replica that is refused for what it is (another module,
// secret or version) would be refused for ever.

import type { ReplicaEnding } from '../launch/launching.js';

/** The first pause, each further one twice as long, up to the bound, ms. */
const DELAY_FIRST_MS = 200;
const DELAY_MAX_MS = 5_000;
/** One that was named for so long has mended what ended those before. */
const STEADY_MS = 10_000;

/** Nothing of it is a matter of time. */
const UNMENDABLE = new Set([
  ...['PEER_REFUSED', 'PEER_UNPROVEN', 'MODULE_CHANGED', 'MACHINE_MALFORMED'],
  ...['VIEW_CORRUPT', 'MEMBER_CORRUPT', 'ARBITER_UNSUPPORTED', 'ARBITER_MALFORMED', 'ARBITER_CREDENTIALS'],
  ...['ADDRESS_MALFORMED', 'CHANNEL_IN_CLEAR', 'PORT_IN_USE', 'LISTEN_FAILED', 'MODULE_TOO_LARGE', 'NOT_WASM'],
]);

export type Replacement =
  | { readonly type: 'again'; readonly delayMs: number; readonly isNews: boolean }
  | { readonly type: 'never' };

export class Replacing {
  #failures = 0;
  /** Kinds of endings since one was steady. */
  readonly #kinds = new Set<string>();

  /** @param namedMs for how long a view has named it; 0: none has */
  ended({ reason, halted }: ReplicaEnding, namedMs: number): Replacement {
    if (halted !== undefined && UNMENDABLE.has(halted.code)) return { type: 'never' };
    if (namedMs >= STEADY_MS) {
      this.#failures = 0;
      this.#kinds.clear();
    }
    const delayMs = Math.min(DELAY_FIRST_MS * 2 ** this.#failures, DELAY_MAX_MS);
    this.#failures += 1;
    const kind = halted?.code ?? reason;
    const isNews = !this.#kinds.has(kind);
    this.#kinds.add(kind);
    return { type: 'again', delayMs, isNews };
  }
}
