// Which segments of a log are kept: all from which its last two checkpoints can be begun at.
//
//   ... | parts, checkpoint 1 ... | checkpoint 2 ... | checkpoint 3 ...       each begins a segment
//         dropped once 3 is whole   from here on
//
// Two, and not one: the last one may turn out to be damaged. What is needed of one is its pieces, and the log from its position on;
// a backup has logged more than it has executed, so that this position may lie in an earlier segment than the pieces do.
// A checkpoint that was never finished counts for nothing; and nothing is dropped before what takes its place is on the disk. Nor does
// one count while something that was put out before it has not left: it is in no checkpoint, and who goes on needs the log for it.
//
// With the segments goes what the dead have written: of a replica that no view names any more nobody needs the log once there are two
// checkpoints that were begun after that, for it never comes back.

import type { SegmentPlace } from './log-backlog.js';
import type { LogQueue } from './log-queue.js';

/** A checkpoint: the segment in which its first piece is, and its position in the log. */
export interface CheckpointPlace {
  readonly segment: number;
  readonly position: number;
}

/** The number of the first segment without which nobody could begin at a checkpoint. */
export function firstNeeded(segments: readonly SegmentPlace[], { segment, position }: CheckpointPlace): number {
  const holding = segments.findLast(one => one.position <= position)?.number ?? 0;
  return Math.min(segment, holding);
}

interface Kept extends CheckpointPlace {
  readonly gone: readonly string[];
}

/** Told of the checkpoints that a writer is given. */
export class Retention {
  readonly #writer: Pick<LogQueue, 'segments' | 'drop'>;
  #begun: Omit<Kept, 'position'> = { segment: 0, gone: [] };
  /** The last one that counts, and those after it, of which not all before them has left. */
  #last: Kept | undefined;
  #waiting: Kept[] = [];
  #left: () => number = () => Infinity;

  constructor(writer: Pick<LogQueue, 'segments' | 'drop'>) {
    this.#writer = writer;
  }

  /** @param left all that was put out before this position of the log has left */
  asks(left: () => number): void {
    this.#left = left;
  }

  /** The record that begins a checkpoint was written. @param gone replicas that are named no more, and whose logs are this one's to drop */
  begun(gone: readonly string[] = []): void {
    this.#begun = { segment: this.#writer.segments.at(-1)?.number ?? 0, gone };
  }

  /** The record that ends it was. */
  whole(position: number): void {
    this.#waiting.push({ ...this.#begun, position });
    const left = this.#left();
    for (let next = this.#waiting[0]; next !== undefined && next.position < left; next = this.#waiting[0]) {
      this.#waiting.shift();
      const before = this.#last;
      this.#last = next;
      if (before !== undefined) this.#writer.drop(firstNeeded(this.#writer.segments, before), before.gone);
    }
  }
}
