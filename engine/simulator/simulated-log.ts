// What a simulated replica writes down: the production log (log/replica-log.ts and all below it) over a simulated disk; what the disk
// has, the judge is shown.

import type { EpochvisorError } from '../errors/errors.js';
import { type BegunLogOptions, beginLog, beginsWhole } from '../log/begun-log.js';
import type { LogTime } from '../log/disk.js';
import type { ReplicaLog } from '../log/replica-log.js';
import type { Durability } from '../protocol/durability.js';
import type { View } from '../protocol/vocabulary.js';
import type { Actor } from './actor.js';
import { LogScan, type ScannedSegment } from './log-scan.js';
import type { Parts } from './parts.js';
import type { Random } from './random.js';
import type { RunOptions } from './run-plan.js';
import type { Schedule } from './schedule.js';
import { SimulatedDisk, type SimulatedFile, type SimulatedFiles } from './simulated-disk.js';
import type { SavedGuest } from './simulated-guest-thread.js';
import type { SimulatedSnapshots } from './simulated-snapshots.js';

/** In it each replica has a folder of its name. */
export const LOGS_FOLDER = '/logs';

/** Small enough that runs have several. */
const SEGMENT_BYTES = 1_000;
/** What a saved guest is written in. */
const PIECES = 6;

export interface SimulatedLogOptions {
  readonly name: string;
  readonly durability: Durability;
  readonly run: Pick<RunOptions, 'logSyncNs' | 'checkpointPace' | 'keepsLogs'>;
  readonly view: View | undefined;
  /** What it goes on from, where that is a checkpoint of another log. */
  readonly first: SavedGuest | undefined;
  /** Whether it goes on from the log of another. */
  readonly recovers: boolean;
  readonly files: SimulatedFiles;
  readonly parts: Parts;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly process: Actor;
  readonly snapshots: SimulatedSnapshots;
  /** A log that was relied on is not what was written. */
  readonly violate: (what: string) => void;
}

/** What a log is worth now: after a kill of all processes, and after a loss of power. */
export interface KeptLogs {
  readonly written: LogScan;
  readonly synced: LogScan;
  /** Nothing is logged any more. */
  readonly hasEnded: boolean;
}

export class SimulatedLog implements KeptLogs {
  readonly disk: SimulatedDisk;
  readonly log: ReplicaLog<SavedGuest>;
  readonly written: LogScan;
  readonly synced: LogScan;
  readonly #options: SimulatedLogOptions;
  readonly #folder: string;
  readonly #beginsWhole: boolean;
  hasEnded = false;

  constructor(options: SimulatedLogOptions) {
    this.#options = options;
    const { name, view, first, recovers, files, schedule, random, process, run, durability, parts, snapshots } =
      options;
    this.#folder = `${LOGS_FOLDER}/${name}`;
    const begun: BegunLogOptions<SavedGuest> = {
      ...{ incarnation: name, view, durability, keeps: run.keepsLogs === true, recovers },
      ...(run.checkpointPace === undefined ? {} : { checkpoints: run.checkpointPace }),
      ...(first === undefined ? {} : { first: { state: first, pieces: snapshots.pieces(first, PIECES) } }),
    };
    this.#beginsWhole = beginsWhole(begun);
    this.written = new LogScan(this.#beginsWhole, snapshots);
    this.synced = new LogScan(this.#beginsWhole, snapshots);
    this.disk = new SimulatedDisk({
      ...{ files, schedule, random, process, syncNs: run.logSyncNs ?? 0 },
      changed: () => this.#changed(),
    });
    const writer = parts.logWriter({
      host: { disk: this.disk, time: timeOf(schedule, random, process) },
      folder: this.#folder,
      header: { machine: 'm', incarnation: name, moduleHash: '', description: new Uint8Array() },
      beginsWhole: this.#beginsWhole,
      isAwaited: durability !== 'memory',
      segmentBytes: SEGMENT_BYTES,
      ended: (_: EpochvisorError) => {
        this.hasEnded = true;
      },
    });
    this.log = beginLog(writer, begun);
  }

  /** Its process is killed: had its host lost its power, what is read then has all that was synced, and nothing that was not written. */
  checkPowerLoss(): void {
    const { files, random, snapshots, violate, name } = this.#options;
    // Of one that a view has left out, and that only slept, the primary has dropped it: nobody goes on from it.
    if (!files.hasFolder(this.#folder)) return;
    const left = files.afterPowerLoss(this.#folder, random).under(this.#folder);
    const isFromBeginning = left[0]?.[0].endsWith('/00000001.epvlog') ?? true;
    const scan = new LogScan(this.#beginsWhole && isFromBeginning, snapshots, 'marked');
    try {
      scan.look(left.map(([path, { bytes }]) => ({ path, bytes, size: bytes.length })));
    } catch (error) {
      violate(`the log of ${name} can't be read after a loss of power: ${String(error)} (DU)`);
      return;
    }
    const [found, least, most] = [scan.course, this.synced.course, this.written.course];
    const isEnough = least === undefined || (found?.has(least, least.length) ?? false);
    const isTrue = found === undefined || (most?.has(found, found.length) ?? false);
    if (!isEnough) violate(`the log of ${name} lacks what was synced after a loss of power (DU)`);
    if (!isTrue) violate(`the log of ${name} has what was not written after a loss of power (DU)`);
  }

  #changed(): void {
    const segments = this.#options.files.under(this.#folder);
    const as = (size: (file: SimulatedFile) => number): ScannedSegment[] =>
      segments.map(([path, file]) => ({ path, bytes: file.bytes, size: size(file) }));
    this.written.look(as(({ bytes }) => bytes.length));
    this.synced.look(as(({ isNamed, syncedBytes }) => (isNamed ? syncedBytes : 0)));
  }
}

/** To look at the clock takes a ms: so that what is done for some ms a turn has several turns. */
function timeOf(schedule: Schedule, random: Random, process: Actor): LogTime {
  let looks = 0;
  return {
    nowMs: () => schedule.nowMs + looks++,
    dateMs: () => Math.floor(schedule.nowMs),
    soon: act => process.after(random.between(1e3, 2e4), act),
    after: (delayMs, act) => {
      let isOff = false;
      process.timer(delayMs * 1e6, () => {
        if (!isOff) act();
      });
      return () => {
        isOff = true;
      };
    },
  };
}
