// Links to other replicas that stand before this one knows how it begins: they are held until it does, and nothing on them is
// read. From then on they are its own, and so is every further one.

import type { Link } from '../channel/link.js';

/** Who takes the links. */
export interface PeerTaker {
  addPeer(peer: string, link: Link, again: () => void): void;
}

interface Held {
  readonly link: Link;
  readonly again: () => void;
}

export class HeldLinks {
  #held = new Map<string, Held>();
  #taker: PeerTaker | undefined;

  /** @param again as PeerSearch says */
  add(peer: string, link: Link, again: () => void): void {
    if (this.#taker !== undefined) {
      this.#taker.addPeer(peer, link, again);
      return;
    }
    // It has connected anew: the other end has seen the end of the first.
    this.#held.get(peer)?.link.terminate();
    this.#held.set(peer, { link, again });
  }

  /** Whether a link to that replica stands. */
  has(peer: string): boolean {
    return this.#held.get(peer)?.link.isOpen === true;
  }

  giveTo(taker: PeerTaker): void {
    this.#taker = taker;
    for (const [peer, { link, again }] of this.#held) taker.addPeer(peer, link, again);
    this.#held.clear();
  }
}
