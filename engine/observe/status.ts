// The status of a machine, and the file that keeps it current.

import { accessSync, constants, renameSync, rmSync, writeFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';

/** One replica as the status names it. */
export interface ReplicaStatus {
  readonly pid: number;
  readonly incarnation: string;
  /** There where what it logs (`--log`, `--record`) is not written down any more: no room, a broken disk. The run goes on. */
  readonly unlogged?: UnloggedStatus;
}

/** Why the log of a replica has ended before its replica. */
export interface UnloggedStatus {
  /** `LOG_FULL`, `LOG_FAILED`. */
  readonly code: string;
  /** One sentence, which names the folder. */
  readonly why: string;
  /** ISO 8601. */
  readonly since: string;
}

/** Whether the replicas were found to agree, and how thoroughly that was looked at (SD). Times in ms; parts from 0 to 1. */
export interface VerificationStatus {
  /** Part of a replica's time that comparing may take (`--verify`), and what it has taken of the primary's. */
  readonly share: number;
  readonly spent: number;
  /** State digests compared and found equal, by all backups that the machine has had; when the last one was, ISO 8601. */
  readonly comparisons: number;
  readonly last: string | null;
  /** Part of memory that was compared at least once, and after how long it is compared again; of the least compared backup. */
  readonly covered: number;
  readonly everyMs: number | null;
  /** Replicas that were found to differ: none of them was promoted. */
  readonly divergences: number;
}

/** What a replica does, and how far it is. */
export interface ReplicaFigures {
  readonly incarnation: string;
  readonly pid: number;
  readonly role: 'primary' | 'backup' | 'joining';
  readonly epoch: number;
  readonly instructions: number;
  /** Interrupts that its guest was given since its process began. */
  readonly interruptsDelivered: number;
  /** Resident memory of its process. */
  readonly rssBytes: number;
}

/** When another replica became the primary; null: not known, or not yet. */
export interface LastFailover {
  /** The view that it began. */
  readonly view: number;
  /** ISO 8601. */
  readonly at: string;
  /** From the last word of the old primary that the bus has heard to the fence of the new one, ms. */
  readonly silentMs: number | null;
  readonly failoverEpoch: number | null;
  /** Operations that ended uncertain. */
  readonly uncertain: number | null;
}

/** The process that started the machine, and has its bus. */
export interface LauncherStatus {
  readonly pid: number;
  readonly host: string;
  /** Path of the guest. */
  readonly guest: string;
  /** ISO 8601. */
  readonly since: string;
  /** Where its metrics are, with `--metrics`. */
  readonly metrics?: string;
  /** Where its page is, with `--dashboard`; the token that it may need was said when it started. */
  readonly dashboard?: string;
}

/** What `--status-file` holds, as JSON. */
export interface Status {
  readonly machine: string;
  readonly view: number;
  /** Epoch the primary's guest is in. */
  readonly epoch: number;
  /** Instructions an epoch, at present; 0 while the machine starts. */
  readonly epochLength: number;
  /** Instructions executed at the end of the epoch before. */
  readonly instructions: number;
  /** Whether the death of either replica now would go unnoticed. */
  readonly protected: boolean;
  /**
   * Why not; empty while protected. As VMware words it: `starting`, `need secondary`, `disabled`; after `;`, what has kept
   * the last replacement from joining.
   */
  readonly reason: string;
  readonly primary: ReplicaStatus;
  readonly backups: readonly ReplicaStatus[];
  /** Replicas that were started and are not named in the view yet. */
  readonly joining: readonly ReplicaStatus[];
  /** Those of this view, and who joins. */
  readonly replicas: readonly ReplicaFigures[];
  /** Of the primary, over the last second. */
  readonly instructionsPerSecond: number;
  /** How far the slowest backup's execution is behind, ms. */
  readonly lagMs: number;
  /** The same in entries of the log. */
  readonly lagEntries: number;
  /** Entries that the primary's log has. */
  readonly logEnd: number;
  /** So many of them all backups have acknowledged. */
  readonly acknowledged: number;
  /** Interrupts that the bus has told the primary of since its process began; some again, after a failover. */
  readonly interruptsTold: number;
  /** Operations outstanding at the guest. */
  readonly outstanding: number;
  /** Bytes of log that the primary has shipped since it started. */
  readonly logBytes: number;
  /** The same over the last second. */
  readonly logBytesPerSecond: number;
  /** Bytes of output that wait for an acknowledgement, or for room in a stream. */
  readonly heldBytes: number;
  /** Age of the oldest of them, ms. */
  readonly heldMs: number;
  readonly verification: VerificationStatus;
  /** The process that started the machine. */
  readonly launcher?: LauncherStatus;
  /** Times that another replica became the primary, and the last one. */
  readonly failovers?: number;
  /** Null: there was none. */
  readonly lastFailover?: LastFailover | null;
  /** There where outputs wait for what can't be written down (`--durability`), and why. */
  readonly logWaits?: string;
  /** The socket on which the launcher takes requests, for `epochvisor snapshot`. */
  readonly control?: string;
}

/** What changes while nothing happens. */
const NO_FIGURES = {
  epoch: undefined,
  epochLength: undefined,
  instructions: undefined,
  count: undefined,
  rssBytes: undefined,
  replicas: undefined,
  instructionsPerSecond: undefined,
  logBytesPerSecond: undefined,
  lagMs: undefined,
  lagEntries: undefined,
  logEnd: undefined,
  acknowledged: undefined,
  interruptsTold: undefined,
  interruptsDelivered: undefined,
  heldBytes: undefined,
  heldMs: undefined,
  heldFor: undefined,
  roundTrips: undefined,
  outstanding: undefined,
  logBytes: undefined,
  verification: undefined,
} as const;

/**
 * Writes the status whenever it has changed: a reader sees the old one or the new one, never half of one. The file is there
 * as long as the machine is: who kills the processes that it names must not hit others.
 *
 * Which processes there are, and whether they protect each other, is written at once. Figures change many times a second, and to
 * put a file in another's place can take a file system milliseconds, in which the bus would answer nobody: they are written
 * beside.
 */
export class StatusFile<T extends object = Status> {
  readonly #path: string;
  #last = '';
  #lastNames = '';
  #removed = false;
  /** Figures to be written, while others are. */
  #figures: string | undefined;
  #writes = false;
  /** Figures that were begun before the latest of this number are not wanted any more. */
  #round = 0;
  #failure: unknown;

  /**
   * Removes what an earlier machine left there: whoever reads a status finds processes that live.
   * @throws EpochvisorError STATUS_FILE
   */
  constructor(path: string) {
    this.#path = path;
    try {
      accessSync(dirname(path), constants.W_OK);
      rmSync(path, { force: true });
    } catch (error) {
      throw unwritable(error);
    }
  }

  /** @throws EpochvisorError STATUS_FILE */
  write(status: T): void {
    if (this.#removed) return;
    const text = `${JSON.stringify(status, null, 2)}\n`;
    if (text === this.#last) return;
    this.#last = text;
    const names = JSON.stringify({ ...status, ...NO_FIGURES });
    if (names === this.#lastNames) {
      this.#figures = text;
      if (!this.#writes) void this.#writeFigures();
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure !== undefined) throw unwritable(failure);
      return;
    }
    this.#lastNames = names;
    try {
      this.#endFigures();
      const temporary = `${this.#path}.${process.pid}.tmp`;
      writeFileSync(temporary, text);
      renameSync(temporary, this.#path);
    } catch (error) {
      throw unwritable(error);
    }
  }

  async #writeFigures(): Promise<void> {
    this.#writes = true;
    for (let text = this.#figures; text !== undefined; text = this.#figures) {
      this.#figures = undefined;
      const round = this.#round;
      try {
        await writeFile(this.#temporary, text);
        if (round === this.#round) await rename(this.#temporary, this.#path);
        else await rm(this.#temporary, { force: true });
      } catch (error) {
        if (round === this.#round) this.#failure = error;
      }
    }
    this.#writes = false;
  }

  get #temporary(): string {
    return `${this.#path}.${process.pid}.figures.tmp`;
  }

  /** What is on its way to the file's place is there already, or finds itself gone. */
  #endFigures(): void {
    this.#round += 1;
    this.#figures = undefined;
    if (this.#writes) rmSync(this.#temporary, { force: true });
  }

  /** There is nobody to name at present. */
  clear(): void {
    this.#endFigures();
    this.#last = '';
    this.#lastNames = '';
    rmSync(this.#path, { force: true });
  }

  /** The machine is over; what is still said of it, while its replicas end, is not written any more. */
  remove(): void {
    this.#removed = true;
    this.clear();
  }
}

function unwritable(error: unknown): EpochvisorError {
  const why = error instanceof Error ? error.message : String(error);
  return new EpochvisorError('STATUS_FILE', `the status file can't be written: ${why}`, 'name another');
}
