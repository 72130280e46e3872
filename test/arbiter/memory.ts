// An arbiter in memory, for tests that need one without files.

import { type Arbiter, checkMember, checkNamed } from '../../engine/arbiter/arbiter.js';
import { type Announcement, type Member, numbered, surplus } from '../../engine/arbiter/members.js';
import type { ClaimAnswer } from '../../engine/protocol/channel.js';
import type { View } from '../../engine/protocol/vocabulary.js';

export class MemoryArbiter implements Arbiter {
  readonly #views = new Map<string, View>();
  readonly #members = new Map<string, Member[]>();

  async claim(view: View): Promise<ClaimAnswer> {
    checkNamed(view.machine, view.number);
    const key = `${view.machine} ${view.number}`;
    const owner = this.#views.get(key) ?? view;
    this.#views.set(key, owner);
    return owner.claim === view.claim ? { result: 'won' } : { result: 'lost', owner };
  }

  async read(machine: string, number: number): Promise<View | undefined> {
    checkNamed(machine, number);
    return this.#views.get(`${machine} ${number}`);
  }

  async latest(machine: string): Promise<View | undefined> {
    checkNamed(machine, 0);
    const views = [...this.#views.values()].filter(view => view.machine === machine);
    return views.sort((a, b) => a.number - b.number).at(-1);
  }

  async announce(machine: string, about: Announcement): Promise<Member> {
    checkMember(machine, about.incarnation);
    const view = await this.latest(machine);
    const standing = this.#members.get(machine) ?? [];
    const own = numbered(about, standing);
    const all = [...standing.filter(({ incarnation }) => incarnation !== own.incarnation), own];
    const gone = surplus(all, view === undefined ? [] : [view.primary, ...view.backups]);
    this.#members.set(
      machine,
      all.filter(one => !gone.includes(one)),
    );
    return own;
  }

  async members(machine: string): Promise<readonly Member[]> {
    checkNamed(machine, 0);
    return this.#members.get(machine) ?? [];
  }

  async withdraw(machine: string, incarnation: string): Promise<void> {
    checkMember(machine, incarnation);
    const standing = this.#members.get(machine) ?? [];
    this.#members.set(
      machine,
      standing.filter(one => one.incarnation !== incarnation),
    );
  }
}
