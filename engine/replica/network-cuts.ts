// For tests: the network between this replica and others, or the bus, stands still, and is there again. The processes live on.
//
// Links that stand are held (channel/link.ts); one that would begin meanwhile never stands. Both ends of a cut are told of it, for
// what one of them sends is on no wire then.

import type { Link } from '../channel/link.js';
import { EpochvisorError } from '../errors/errors.js';

/** Stands for the bus, whatever its incarnation. */
export const THE_BUS = 'bus';

export class NetworkCuts {
  #cut: ReadonlySet<string> = new Set();
  readonly #links = new Set<Link>();

  /** Of a link of this replica that has just come to stand: whether it may. One that may not ends. */
  admits(link: Link): boolean {
    for (const one of this.#links) if (!one.isOpen && !this.#isCut(one)) this.#links.delete(one);
    if (this.#isCut(link)) {
      link.terminate();
      return false;
    }
    this.#links.add(link);
    return true;
  }

  /** Likewise. @throws EpochvisorError PEER_UNREACHABLE */
  admit(link: Link): Link {
    if (this.admits(link)) return link;
    throw new EpochvisorError('PEER_UNREACHABLE', `the network to ${link.peer.incarnation} is cut`);
  }

  /** @param from incarnations of replicas, and THE_BUS; what is not named any more is there again */
  cut(from: readonly string[]): void {
    this.#cut = new Set(from);
    for (const link of this.#links) {
      if (this.#isCut(link)) link.hold();
      else link.release();
    }
  }

  #isCut(link: Link): boolean {
    const { incarnation } = link.peer;
    return this.#cut.has(incarnation) || (incarnation.startsWith(`${THE_BUS}-`) && this.#cut.has(THE_BUS));
  }
}
