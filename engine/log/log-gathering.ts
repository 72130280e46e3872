// What is gathered of a log before it is a record: parts that follow each other, and notes of what was put out, in order.

import type { LogPart, OutputNote, SegmentRecord } from '../wire/segment-records.js';

/** What a note counts for. */
export const NOTE_BYTES = 16;

export class LogGathering {
  #parts: LogPart[] = [];
  #notes: OutputNote[] = [];
  #bytes = 0;
  /** Position of the first part that is gathered, and after the last one: where the log goes on. */
  #from = 0;
  end = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there is some of the log. */
  get hasLog(): boolean {
    return this.#parts.length > 0;
  }

  /** Whether a part that begins there follows what is gathered. */
  goesOnAt(position: number): boolean {
    return this.#parts.length === 0 || position === this.end;
  }

  part(position: number, part: LogPart): void {
    if (this.#parts.length === 0) this.#from = position;
    this.#parts.push(part);
    this.end = position + part.entries;
    this.#bytes += part.bytes.length;
  }

  note(note: OutputNote): void {
    this.#notes.push(note);
    this.#bytes += NOTE_BYTES;
  }

  /** All of it; nothing is gathered then. */
  take(): SegmentRecord[] {
    const [parts, notes] = [this.#parts, this.#notes];
    [this.#parts, this.#notes, this.#bytes] = [[], [], 0];
    const records: SegmentRecord[] = [];
    if (parts.length > 0) records.push({ type: 'log', position: this.#from, parts });
    if (notes.length > 0) records.push({ type: 'outputs', notes });
    return records;
  }
}
