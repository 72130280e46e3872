// Kills: a random named replica once the machine is Protected, joining ones at any time; never the last one that has the
// machine's state. Between kills it looks at what the processes hold.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../engine/observe/status.js';
import { Random } from '../../engine/simulator/random.js';
import { type Held, heldBy } from './held.js';
import type { Mill } from './mill.js';

const LOOK_EVERY_MS = 5;
/** Protected for at most this long before the next kill: most strike a young pair, some an old one. */
const PROTECTED_MAX_MS = 1_500;
/** A joining replica is killed within this time of its start. */
const JOINING_MAX_MS = 600;
const JOINING_KILLED = 0.25;
/** Not Protected again for so long: the soak has failed. */
const PATIENCE_MS = 60_000;

export class Executioner {
  readonly kills = { primary: 0, backup: 0, joining: 0 };
  /** From the death of a named replica to Protected again, ms, where no joining one was killed between. */
  readonly protectedAgainMs: number[] = [];
  readonly held: Held[] = [];
  readonly startedMs = performance.now();
  #failure: string | undefined;
  readonly #mill: Mill;
  readonly #random: Random;

  constructor(mill: Mill, seed: number) {
    this.#mill = mill;
    this.#random = new Random(seed);
  }

  get total(): number {
    return this.kills.primary + this.kills.backup + this.kills.joining;
  }

  /** Why it gave up; undefined where it did not. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Until there were so many kills, and so much time has passed. */
  async work(kills: number, forMs: number): Promise<void> {
    let killedMs: number | undefined;
    let view = 0;
    while (this.total < kills || performance.now() - this.startedMs < forMs) {
      const status = await this.#await(one => one.protected && one.view > view && one.joining.length === 0);
      if (status === undefined) return;
      if (killedMs !== undefined) this.protectedAgainMs.push(performance.now() - killedMs);
      this.held.push(heldBy(this.#mill.pid));
      await sleep(this.#random.below(PROTECTED_MAX_MS));
      view = status.view;
      const kind = this.#random.chance(0.5) ? 'primary' : 'backup';
      const victim = kind === 'primary' ? status.primary : this.#random.pick(status.backups);
      killedMs = performance.now();
      this.#kill(victim.pid, kind);
      // A failover makes one view, and joining another.
      view += 1;
      if (this.#random.chance(JOINING_KILLED) && (await this.#killJoining())) killedMs = undefined;
      if (this.total % 20 === 0) console.error(`soak: ${this.total} kills, ${this.#mill.answered} lines`);
    }
  }

  async #killJoining(): Promise<boolean> {
    const status = await this.#await(one => one.joining.length > 0);
    if (status === undefined) return true;
    await sleep(this.#random.below(JOINING_MAX_MS));
    const pid = status.joining[0]?.pid ?? 0;
    // Named meanwhile, it is a backup like any other, and the primary lives.
    this.#kill(pid, 'joining');
    return true;
  }

  #kill(pid: number, kind: keyof Executioner['kills']): void {
    try {
      process.kill(pid, 'SIGKILL');
      this.kills[kind] += 1;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  async #await(fits: (status: Status) => boolean): Promise<Status | undefined> {
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < deadline) {
      const { status } = this.#mill;
      if (status !== undefined && fits(status)) return status;
      if (this.#mill.hasEnded) {
        this.#failure = 'the machine ended by itself';
        return undefined;
      }
      await sleep(LOOK_EVERY_MS);
    }
    this.#failure = `not Protected again for ${PATIENCE_MS / 1000} s: ${JSON.stringify(this.#mill.status)}`;
    return undefined;
  }
}
