// Finding the other replicas of a machine by their records at the arbiter: no replica needs anybody to tell it where they are.
//
//   1. It announces where it listens.
//   2. It reads who else has, and calls those it needs who were announced before it (members.ts): of two the later one calls,
//      so that two never call each other at once.
//   3. While it lacks somebody it looks again, later each time: one may not be announced yet, or not have called yet, or a
//      record may be of the dead. A replica that lacks nobody reads nothing.
//
// Whom it needs: those of its view, each once, for a link that ends later is a matter of suspicion; where it joins and has not
// been welcomed, those of the latest view, and it calls the others who are joining, too: they may come to be in one view. Those of
// the view call nobody who is not of it. So a spare that waits for its turn calls those of the view also where they came later.
// A port of a dead replica may be another's by now, of this machine or not. Who answers says who it is: it counts only if it
// is the one that was called.

import type { Arbiter } from '../arbiter/arbiter.js';
import { isLater, type Member } from '../arbiter/members.js';
import type { Link } from '../channel/link.js';
import { EpochvisorError } from '../errors/errors.js';
import type { View } from '../protocol/vocabulary.js';
import type { Timers } from '../threads/thread-ports.js';
import { BIRTH_VIEW } from './first-view.js';

/**
 * Pauses between looks: the first, each further one so many times as long, up to the bound, ms. The first is short, for two who
 * start at once may have missed each other by a moment; later ones cost a peer that still loads its processor.
 */
const LOOK_AGAIN_MS = 10;
const LOOK_GROWTH = 4;
const LOOK_MAX_MS = 1_000;

export interface PeerSearchParts {
  readonly machine: string;
  readonly incarnation: string;
  /** The name of this host, for people to read. */
  readonly host?: string;
  readonly arbiter: Pick<Arbiter, 'announce' | 'members' | 'latest'>;
  readonly timers: Pick<Timers, 'after'>;
  /** That of this replica; undefined: it joins, and has not been welcomed. */
  readonly view: () => View | undefined;
  /** One attempt. @throws EpochvisorError where nobody of this machine answers */
  readonly call: (address: string) => Promise<Link>;
  /** A link to a peer stands. @param again it has ended: searches for that peer once more */
  readonly found: (peer: string, link: Link, again: () => void) => void;
  /** The records can't be used: this replica can't go on. */
  readonly failed: (error: unknown) => void;
}

export class PeerSearch {
  readonly #parts: PeerSearchParts;
  #address = '';
  /** This replica, once it is announced. */
  #own: Member | undefined;
  readonly #met = new Set<string>();
  readonly #calling = new Set<string>();
  /** Whom it needed at its last look; undefined: there was no view to join. */
  #needed: readonly string[] | undefined;
  #looking = false;
  #delayMs = LOOK_AGAIN_MS;
  /** Looks that are planned; all but the last are off. */
  #planned = 0;

  constructor(parts: PeerSearchParts) {
    this.#parts = parts;
  }

  /** @param address where this replica listens */
  start(address: string): void {
    this.#address = address;
    this.look();
  }

  /** Who is needed may have changed. */
  look(): void {
    this.#delayMs = LOOK_AGAIN_MS;
    this.#lookNow();
  }

  /** A peer has called. */
  called(link: Link): void {
    const { incarnation } = link.peer;
    // It has called its own port, as that of a dead replica which had it before.
    if (incarnation === this.#parts.incarnation) void link.close();
    else this.#meet(incarnation, link);
  }

  /** Whether it needs somebody, and has met nobody of those. */
  get isAlone(): boolean {
    const needed = this.#needed ?? [];
    return needed.length > 0 && !needed.some(peer => this.#met.has(peer));
  }

  #meet(peer: string, link: Link): void {
    this.#met.add(peer);
    this.#parts.found(peer, link, () => this.#lost(peer));
  }

  #lookNow(): void {
    this.#look().catch(this.#parts.failed);
  }

  async #look(): Promise<void> {
    if (this.#looking || (this.#own !== undefined && this.#lacksNobody())) return;
    this.#looking = true;
    let needed: readonly string[] | undefined;
    try {
      needed = await this.#callWhoIsNeeded();
    } catch (error) {
      // Out of reach, it is asked again; whatever else it says is no matter of time.
      if (!(error instanceof EpochvisorError) || error.code !== 'ARBITER_UNREACHABLE') throw error;
    } finally {
      this.#looking = false;
    }
    if (needed?.every(peer => this.#met.has(peer)) !== true) this.#lookLater();
  }

  #lookLater(): void {
    const planned = ++this.#planned;
    this.#parts.timers.after(this.#delayMs, () => {
      if (planned === this.#planned) this.#lookNow();
    });
    this.#delayMs = Math.min(LOOK_GROWTH * this.#delayMs, LOOK_MAX_MS);
  }

  #lacksNobody(): boolean {
    const view = this.#parts.view();
    return view !== undefined && this.#othersOf(view).every(peer => this.#met.has(peer));
  }

  #othersOf(view: View): string[] {
    return namedIn(view).filter(named => named !== this.#parts.incarnation);
  }

  /** @returns whom this replica needs; undefined where nobody has a view to join */
  async #callWhoIsNeeded(): Promise<readonly string[] | undefined> {
    const { arbiter, machine, incarnation } = this.#parts;
    const host = this.#parts.host === undefined ? {} : { host: this.#parts.host };
    this.#own ??= await arbiter.announce(machine, { incarnation, kind: 'replica', address: this.#address, ...host });
    const members = await arbiter.members(machine);
    const own = this.#parts.view();
    const view = own ?? (await arbiter.latest(machine));
    const needed = view === undefined || view.number === BIRTH_VIEW ? undefined : this.#othersOf(view);
    this.#needed = needed;
    const isSpare = own === undefined && view !== undefined && !namedIn(view).includes(incarnation);
    for (const member of members) {
      const isNeeded = needed?.includes(member.incarnation) === true;
      const isOurs = isLater(this.#own!, member) || (isSpare && isNeeded);
      if (isOurs && this.#isDue(member, members) && (own === undefined || isNeeded)) {
        this.#call(member).catch(this.#parts.failed);
      }
    }
    return needed;
  }

  #isDue(member: Member, members: readonly Member[]): boolean {
    const { kind, incarnation, address } = member;
    if (kind !== 'replica' || incarnation === this.#own!.incarnation) return false;
    if (this.#met.has(incarnation) || this.#calling.has(incarnation)) return false;
    // Who has a port now is the last that was announced with it.
    return !members.some(other => other.address === address && isLater(other, member));
  }

  async #call({ incarnation, address }: Member): Promise<void> {
    this.#calling.add(incarnation);
    try {
      const link = await this.#parts.call(address);
      if (link.peer.incarnation === incarnation) this.#meet(incarnation, link);
      else void link.close();
    } catch (error) {
      // One that died is missed by those whose view names it, in their own time; a stranger with its port refuses.
      if (!(error instanceof EpochvisorError)) throw error;
    } finally {
      this.#calling.delete(incarnation);
    }
  }

  #lost(peer: string): void {
    this.#met.delete(peer);
    this.look();
  }
}

function namedIn({ primary, backups }: View): string[] {
  return [primary, ...backups];
}
