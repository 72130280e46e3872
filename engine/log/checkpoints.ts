// Checkpoints of a replica that logs: taken by time, or by how much was logged, and written while its guest runs.
//
// Each replica takes its own, so that each log can be begun at alone, and what precedes can be dropped from it (retention.ts). A
// primary stands at a position of the log wherever it is asked to; a backup does when it has executed what it was sent, at the latest
// where its primary has taken a checkpoint.

import type { ReplicaPorts } from '../driver/ports.js';
import type { EpochvisorError } from '../errors/errors.js';
import type { LogWriter } from './log-writer.js';
import type { Retention } from './retention.js';
import type { LoggedState } from './stored-checkpoints.js';

/** When one is due: after so many ms, or so many bytes of log; in either case, since the one before. */
export type CheckpointPace = { readonly everyMs: number } | { readonly everyBytes: number };

/**
 * Encoding and writing hold up heartbeats, acknowledgements and outputs: they get their turn after so long, ms. Where little else is
 * done that is most of the time, so that a checkpoint is whole as soon as it can be.
 */
const TURN_MS = 2;
/** Pieces wait for a disk that has so much before it, bytes, and look again so much later, ms. */
const AHEAD_BYTES = 1 << 20;
const AHEAD_MS = 2;

export interface CheckpointsOptions {
  readonly writer: LogWriter;
  readonly pace: CheckpointPace;
  readonly retention: Retention | undefined;
  /** What a segment that begins with a checkpoint has to repeat, for what told it may be dropped. */
  readonly heading: () => void;
  /** Replicas that are named no more, and whose logs are this one's to drop. */
  readonly gone: () => readonly string[];
}

export class Checkpoints<State extends LoggedState> {
  readonly #options: CheckpointsOptions;
  readonly #ports: ReplicaPorts<State>;
  #isUnderWay = false;
  #loggedBytes = 0;
  #keepFromNext: (() => void) | undefined;

  constructor(ports: ReplicaPorts<State>, options: CheckpointsOptions) {
    this.#ports = ports;
    this.#options = options;
    const { pace } = options;
    if ('everyMs' in pace) this.#takeEach(pace.everyMs);
  }

  #takeEach(everyMs: number): void {
    this.#keepFromNext = this.#options.writer.time.after(everyMs, () => {
      this.#takeEach(everyMs);
      this.#take();
    });
  }

  /** So many bytes more were logged. */
  logged(bytes: number): void {
    this.#loggedBytes += bytes;
    const { pace } = this.#options;
    if ('everyBytes' in pace && this.#loggedBytes >= pace.everyBytes) this.#take();
  }

  end(): void {
    this.#keepFromNext?.();
  }

  #take(): void {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    this.#loggedBytes = 0;
    this.#ports.guest.requestSnapshot({
      join: false,
      taken: (_, state) => this.#taken(state),
      // Not now: it is asked for again.
      failed: (_: EpochvisorError) => {
        this.#isUnderWay = false;
      },
    });
  }

  /** At once, and before more is logged: the segment that begins here has all of the log that a primary's checkpoint needs. */
  #taken(state: State): void {
    const { writer, retention, heading, gone } = this.#options;
    writer.beginSegment();
    heading();
    writer.record({ type: 'begins' });
    retention?.begun(gone());
    this.#ports.pieces(state, pieces => this.#write(pieces, state));
  }

  #write(pieces: Iterator<Uint8Array>, state: State): void {
    const { writer } = this.#options;
    const { time } = writer;
    if (writer.waitingBytes > AHEAD_BYTES) {
      time.after(AHEAD_MS, () => this.#write(pieces, state));
      return;
    }
    const untilMs = time.nowMs() + TURN_MS;
    do {
      const next = pieces.next();
      if (next.done === true) {
        this.#whole(state);
        return;
      }
      writer.record({ type: 'piece', bytes: next.value });
    } while (time.nowMs() < untilMs);
    time.soon(() => this.#write(pieces, state));
  }

  #whole({ position, execution, count }: State): void {
    const { writer, retention } = this.#options;
    writer.record({ type: 'checkpoint', position, epoch: execution.epoch, count });
    retention?.whole(position);
    this.#isUnderWay = false;
  }
}
