// A recording run again: a guest thread that is a backup's, fed with the log from a file in place of a primary's packets. There is
// no network, no bus and no clock: what the guest learns of the world is in the log, and nobody waits for anything.
//
//   file -> parts -> ring -> guest thread (ExecutionDriver, Guest, Meter) -> ring -> outputs, compared with what was noted
//
// It comes to one of four ends:
//
//   the guest's      the log holds it; the guest, promoted then as a backup would be, puts out how it ended
//   the recording's  the guest stands still, for there is no more: the ring is empty, and it says that it awaits the log
//   the stop         asked for (stop-hook.ts)
//   a difference     the guest is not where the log says (DG, SD), or puts out something else

import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { rewriterHash } from '../cache/rewritten-modules.js';
import { assert, EpochvisorError } from '../errors/errors.js';
import type { Outcome, Output } from '../protocol/vocabulary.js';
import type { Recording } from '../recording/recording.js';
import { ThreadHost } from '../replica/thread-host.js';
import { SharedBlock, WORD_AWAITS_LOG, WORD_COUNT, WORD_EPOCH, WORD_OUTSTANDING } from '../threads/shared.js';
import type { SegmentRecord } from '../wire/segment-records.js';
import { type Difference, ExpectedOutputs } from './expected-outputs.js';
import { findCheckpoint, type RecordingStart, stateAt } from './recording-start.js';
import { type Instruction, type StateThere, StopReport } from './stop-hook.js';

/** How often to look where the other thread has something to do, ms. */
const LOOK_MS = 1;
/** Records of the file between two turns of the event loop. */
const RECORDS_A_TURN = 64;

export interface ReplayOptions {
  readonly recording: Recording;
  readonly module: Uint8Array;
  /** Whether rewritten modules are kept on disk. */
  readonly moduleCache: boolean;
  /** Where to stop. */
  readonly to?: Instruction;
  /** What the guest puts out, in order. */
  readonly put: (stream: number, bytes: Uint8Array) => void;
  /** Whether nothing more is to be put out for now. */
  readonly isCongested: () => boolean;
}

/** How far the guest has come. */
export interface ReplayPlace {
  readonly epoch: number;
  readonly count: number;
  readonly outstanding: number;
}

export type ReplayEnd =
  | { readonly type: 'ended'; readonly outcome: Outcome; readonly place: ReplayPlace }
  /** The recording ends earlier than the guest did. */
  | { readonly type: 'open'; readonly place: ReplayPlace }
  | { readonly type: 'stopped'; readonly state: StateThere };

export class Replay {
  readonly #options: ReplayOptions;
  readonly #start: RecordingStart;
  readonly #report = new StopReport();
  readonly #thread: ThreadHost;
  readonly #shared: SharedBlock;
  readonly #expected: ExpectedOutputs;
  #hasEnded = false;
  /** What was recorded came to the guest's end. */
  #cameToEnd = false;
  #isPromoted = false;
  #outcome: Outcome | undefined;
  #failure: EpochvisorError | undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
    const { recording, module, moduleCache, to } = options;
    this.#start = findCheckpoint(recording, to?.epoch);
    this.#expected = new ExpectedOutputs(this.#start.position);
    this.#thread = new ThreadHost({
      module,
      options: recording.machine.options,
      role: 'backup',
      moduleCache: moduleCache && { rewriter: rewriterHash() },
      restores: this.#start.checkpoint !== undefined,
      ...(to === undefined ? {} : { hook: this.#report.hook(to) }),
    });
    this.#shared = new SharedBlock(this.#thread.sampled);
  }

  /** @throws EpochvisorError REPLAY_DIFFERS, REPLAY_FAILED, LOG_CORRUPT */
  async run(): Promise<ReplayEnd> {
    this.#listen();
    try {
      const { recording } = this.#options;
      const { checkpoint } = this.#start;
      if (checkpoint === undefined) this.#thread.begin();
      else this.#thread.restore(stateAt(recording, checkpoint));
      return await this.#feed();
    } finally {
      await this.#thread.abandon();
    }
  }

  #listen(): void {
    this.#thread.listen({
      output: (position, output) => this.#putOut(position, output),
      ended: () => {
        this.#hasEnded = true;
      },
      diverged: message => this.#fail(message),
      failed: message => {
        const { epoch } = this.#place;
        this.#failure ??= new EpochvisorError('REPLAY_FAILED', `the replay can't go on in epoch ${epoch}: ${message}`);
      },
      congested: () => this.#failure !== undefined || this.#options.isCongested(),
      // A backup logs nothing; one that was promoted has nothing left to log where it is at its end.
      logged: () => this.#fail('the machine came to its end there, and the guest has not'),
      drained: () => undefined,
      loaded: () => undefined,
      running: () => undefined,
      live: () => undefined,
    });
  }

  // ---- to the guest

  async #feed(): Promise<ReplayEnd> {
    let position = this.#start.position;
    let [records, logs] = [0, 0];
    for (const found of this.#options.recording.records()) {
      if (found.type === 'log') logs += 1;
      // What precedes the beginning, and checkpoints, are not even read.
      const isWanted = logs > this.#start.logsBefore && (found.type === 'log' || found.type === 'outputs');
      if (!isWanted && found.type !== 'closed') continue;
      const { record } = found;
      if (record.type === 'outputs') for (const note of record.notes) this.#differs(this.#expected.noted(note));
      else if (record.type === 'log') position = await this.#feedParts(record, position);
      else if (record.type === 'closed') this.#cameToEnd = record.code === '';
      const end = this.#end;
      if (end !== undefined) return end;
      records += 1;
      if (records % RECORDS_A_TURN === 0) await this.#turn();
    }
    return await this.#lastWords();
  }

  /** @returns the position after them */
  async #feedParts({ position, parts }: SegmentRecord & { type: 'log' }, from: number): Promise<number> {
    let at = position;
    for (const { entries, bytes } of parts) {
      const isBefore = at + entries <= from;
      at += entries;
      if (isBefore) continue;
      if (at - entries !== from) throw noBeginning(this.#options.recording.path, from, at - entries);
      await this.#untilTaken();
      if (this.#end !== undefined) break;
      this.#thread.sendLog(bytes);
      from = at;
    }
    return from;
  }

  async #untilTaken(): Promise<void> {
    while (this.#thread.waits && this.#end === undefined) {
      await sleep(LOOK_MS);
      this.#thread.drain();
    }
  }

  async #turn(): Promise<void> {
    this.#thread.drain();
    await setImmediate();
  }

  /**
   * All of the log was given to it. Where a primary died before it could tell of its guest's end, the survivor came to it by
   * itself, and the log does not know: the guest stands at its end then, and awaits to hear of it.
   */
  async #lastWords(): Promise<ReplayEnd> {
    for (;;) {
      const isOpen = this.#awaitsMore;
      this.#thread.drain();
      const end = this.#end;
      if (end !== undefined) return end;
      const isOver = isOpen && this.#shared.toIo.isEmpty;
      if (!this.#isPromoted && (this.#hasEnded || (isOver && this.#cameToEnd))) {
        this.#isPromoted = true;
        this.#thread.sendPromotion();
      } else if (isOver && !this.#isPromoted) {
        this.#refuseMissing();
        return { type: 'open', place: this.#place };
      }
      await sleep(LOOK_MS);
    }
  }

  /** In this order: it takes back that it awaits more before it takes the last of it. */
  get #awaitsMore(): boolean {
    const isEmpty = !this.#thread.waits && this.#shared.toGuest.isEmpty;
    return isEmpty && Atomics.load(this.#shared.words, WORD_AWAITS_LOG) === 1;
  }

  // ---- from the guest

  #putOut(position: number, output: Output): void {
    if (output.type === 'outcome') {
      this.#outcome = output.outcome;
      return;
    }
    this.#differs(this.#expected.putOut(position, output));
    if (output.type === 'stream' && this.#failure === undefined) this.#options.put(output.stream, output.bytes);
  }

  #differs(difference: Difference | undefined): void {
    if (difference === undefined) return;
    const { recorded, again } = difference;
    const bytes = `${recorded.length} bytes of stream ${recorded.stream} at offset ${recorded.offset}`;
    const what =
      again === undefined
        ? 'are not put out again'
        : again.length === recorded.length
          ? 'are others'
          : `are ${again.length}`;
    this.#fail(`${bytes} ${what}`, recorded.position);
  }

  #refuseMissing(): void {
    this.#differs(this.#expected.missing);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** @param position of the log, where it is known better than by how far the guest has come */
  #fail(message: string, position?: number): void {
    const epoch = position === undefined ? this.#place.epoch : this.#start.epochAt(position);
    this.#failure ??= new EpochvisorError(
      'REPLAY_DIFFERS',
      `the replay differs from what was recorded in epoch ${epoch}: ${message}`,
      'the recording was changed, or is executed otherwise here; the backup is this replay, its primary what was recorded',
    );
  }

  get #place(): ReplayPlace {
    const { positions } = this.#shared;
    return {
      epoch: positions[WORD_EPOCH] ?? 0,
      count: positions[WORD_COUNT] ?? 0,
      outstanding: positions[WORD_OUTSTANDING] ?? 0,
    };
  }

  /** @throws EpochvisorError what was found to differ */
  get #end(): ReplayEnd | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    const { there } = this.#report;
    if (there !== undefined) {
      // What it has put out up to there.
      while (!this.#shared.toIo.isEmpty && this.#failure === undefined) this.#thread.drain();
      if (this.#failure !== undefined) throw this.#failure;
      return { type: 'stopped', state: there };
    }
    if (this.#outcome === undefined) return undefined;
    this.#refuseMissing();
    return { type: 'ended', outcome: this.#outcome, place: this.#place };
  }
}

function noBeginning(path: string, due: number, position: number): EpochvisorError {
  assert(position > due, 'what precedes is left out');
  return new EpochvisorError(
    'LOG_CORRUPT',
    `${path} can't be run again: the log goes on at ${position}, where ${due} was due`,
    'name the folder with all of it',
  );
}
