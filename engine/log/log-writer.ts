// The log of a replica, written down in a folder of its own: segments (segment-files.ts), which a queue (log-queue.ts) fills.
//
// Whatever takes time is done beside the I/O thread: a disk that stalls keeps no heartbeat.

import type { EpochvisorError } from '../errors/errors.js';
import type { SegmentHeader } from '../wire/segments.js';
import type { LogHost, LogTime } from './disk.js';
import { LogQueue } from './log-queue.js';
import { SegmentFiles } from './segment-files.js';
import { unwritable } from './unwritable.js';

export interface LogWriterOptions {
  readonly host: LogHost;
  /** Its own, and not there yet, or empty. */
  readonly folder: string;
  readonly header: Pick<SegmentHeader, 'machine' | 'incarnation' | 'moduleHash' | 'description'>;
  readonly segmentBytes?: number;
  /** Whether the log begins with the machine, as it does if not said, or with a checkpoint. */
  readonly beginsWhole?: boolean;
  /** Whether outputs wait for what is written: a full disk is tried again then. */
  readonly isAwaited?: boolean;
  /** There is no room, which is waited for; undefined: there is again. */
  readonly waits?: (error: EpochvisorError | undefined) => void;
  /** Nothing is logged any more. Said once. */
  readonly ended: (error: EpochvisorError) => void;
}

/** What was told of the log last, and who hears of more. */
interface Heard {
  last?: readonly [written: number, synced: number];
  kept?: (written: number, synced: number) => void;
}

export class LogWriter extends LogQueue {
  readonly #heard: Heard;
  readonly time: LogTime;

  /** @throws EpochvisorError LOG_FAILED, LOG_FULL */
  constructor(options: LogWriterOptions) {
    const { host, folder, header, segmentBytes, beginsWhole = true, isAwaited = false, waits, ended } = options;
    try {
      host.disk.makeFolder(folder);
    } catch (error) {
      throw unwritable(folder, error);
    }
    const heard: Heard = {};
    super({
      disk: new SegmentFiles(folder, host),
      header,
      beginsWhole,
      waitsForRoom: isAwaited,
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
      observer: {
        kept: (written, synced) => {
          heard.last = [written, synced];
          heard.kept?.(written, synced);
        },
        waits: error => waits?.(unwritable(folder, error)),
        goesOn: () => waits?.(undefined),
        ended: error => {
          ended(unwritable(folder, error));
          // Who waits for what will not be written sees that it has ended.
          if (heard.last !== undefined) heard.kept?.(...heard.last);
        },
      },
    });
    this.#heard = heard;
    this.time = host.time;
  }

  /** How far it has come: what is told from now on, and, soon, what was told last (LogObserver). */
  listen(kept: (written: number, synced: number) => void): void {
    this.#heard.kept = kept;
    this.time.soon(() => {
      if (this.#heard.last !== undefined) kept(...this.#heard.last);
    });
  }

  /** Resolves when all of it is on the disk, or nothing can be. */
  closed(): Promise<void> {
    return new Promise(resolve => this.close(resolve));
  }
}
