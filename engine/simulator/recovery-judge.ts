// What the judge knows of logs that somebody goes on from: what each durability promises, after which loss, and whether that was kept.
//
//   memory        a kill of every process; with the power of all hosts the end of every log may be lost, and who lacks some of it
//                 must notice (RECOVER_BEHIND)
//   backup-disk   and a loss of power of all, while the disk of a backup is there
//   both-disks    and a loss of power of all, and of any disk but one

import type { Durability } from '../protocol/durability.js';
import type { StreamOffset } from '../protocol/messages.js';
import type { View } from '../protocol/vocabulary.js';

export class RecoveryJudge {
  readonly #durability: Durability;
  /** Who goes on from a log, and of whom that is. */
  readonly #recovered = new Map<string, string>();
  /** Those of them that have since the last loss: a claim of another may be written late, and says nothing of it. */
  readonly #since = new Set<string>();
  /** What had come to the guests of those who go on from a checkpoint, before that. */
  readonly #input = new Map<string, readonly StreamOffset[]>();
  /** Since the last view: all hosts lost their power, and these disks are gone. */
  #powerIsLost = false;
  readonly #lostDisks = new Set<string>();
  /** Some of what has left was in no log that was there, nor promised to be. */
  isCutShort = false;

  constructor(durability: Durability) {
    this.#durability = durability;
  }

  powerLost(disk: string | undefined): void {
    this.#powerIsLost = true;
    this.#since.clear();
    if (disk !== undefined) this.#lostDisks.add(disk);
  }

  recovers(name: string, of: string): void {
    this.#recovered.set(name, of);
    this.#since.add(name);
  }

  get hasRecovered(): boolean {
    return this.#recovered.size > 0;
  }

  has(name: string): boolean {
    return this.#recovered.has(name);
  }

  restored(name: string, input: readonly StreamOffset[]): void {
    if (this.#recovered.size > 0) this.#input.set(name, input);
  }

  /** Who goes on from a checkpoint releases what that has, whoever has released it before; who joins it holds that, too. */
  releases(name: string, { stream, offset }: StreamOffset): boolean {
    return this.#input.get(name)?.some(one => one.stream === stream && one.offset >= offset) === true;
  }

  /** Whether it goes on from the log of one whom that view names. */
  followsFrom(name: string, { primary, backups }: View): boolean {
    const of = this.#recovered.get(name);
    return of !== undefined && (of === primary || backups.includes(of));
  }

  /** A view was written: what is logged from now on no loss has befallen. */
  recorded({ primary }: View): void {
    if (!this.#since.has(primary)) return;
    this.#powerIsLost = false;
    this.#lostDisks.clear();
  }

  /** Whether the logs of those that the view names have all that has left. @param ended those of whom nothing is logged any more */
  isPromised({ primary, backups }: View, hasEnded: (name: string) => boolean): boolean {
    if (this.#durability === 'memory') return !this.#powerIsLost && ![primary, ...backups].some(hasEnded);
    if (this.#durability === 'both-disks' || backups.length === 0) return true;
    return backups.some(name => !this.#lostDisks.has(name));
  }
}
