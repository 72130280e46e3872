// An arbiter in memory: of a machine all of whose replicas are in this process, as those of a failover test are.

import type { ClaimAnswer } from '../protocol/channel.js';
import type { View } from '../protocol/vocabulary.js';
import {
  type Arbiter,
  checkAnnounced,
  checkMember,
  checkNamed,
  claimAnswer,
  type EndAnswer,
  endAnswer,
} from './arbiter.js';
import { type MachineEnd, readEnd, writeEnd } from './machine-end.js';
import { type Announcement, type Member, numbered, surplus } from './members.js';

export class MemoryArbiter implements Arbiter {
  readonly #views = new Map<string, View>();
  readonly #members = new Map<string, Member[]>();
  readonly #ends = new Map<string, string>();

  async claim(view: View): Promise<ClaimAnswer> {
    checkNamed(view.machine, view.number);
    const key = `${view.machine} ${view.number}`;
    const owner = this.#views.get(key) ?? view;
    this.#views.set(key, owner);
    return claimAnswer(view, owner);
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
    checkAnnounced(machine, about);
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

  async end(machine: string, end: MachineEnd): Promise<EndAnswer> {
    checkNamed(machine, 0);
    const standing = this.#ends.get(machine) ?? writeEnd(machine, end);
    this.#ends.set(machine, standing);
    return endAnswer(machine, end, readEnd(standing, 'memory', machine));
  }

  async ended(machine: string): Promise<MachineEnd | undefined> {
    checkNamed(machine, 0);
    const standing = this.#ends.get(machine);
    return standing === undefined ? undefined : readEnd(standing, 'memory', machine);
  }
}
