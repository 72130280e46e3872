// The guest thread's end of the memory shared with the I/O thread. Nothing here blocks: who drives it (execution-driver.ts)
// stands still while it is `full`, and where a rule says 'await'.
//
// What is logged is gathered in a part, which goes into the ring as one record: a record for each value of a clock would
// cost both threads many times what the value does. Rule FL says when it goes: before anything else that is told, before
// this thread waits, and soon. While the I/O thread looks at the ring every millisecond by itself, soon is at the next
// boundary or when the part is full; else it is at once, for what is rare may be all that a backup waits for.

import { BOUNDS, type Bounds } from '../protocol/bounds.js';
import type { Interrupt, LogEntry, Output } from '../protocol/vocabulary.js';
import { copyOf, putCopy } from '../wire/copying.js';
import type { EntryState } from '../wire/entry-history.js';
import { readInterrupt } from '../wire/interrupts.js';
import { CLOCK_MAX_BYTES, EntryEncoder, maxSize } from '../wire/log-entries.js';
import * as records from '../wire/records.js';
import {
  ASKED_OPERATION,
  type SharedBlock,
  SNAPSHOT_NOTHING,
  SNAPSHOT_SIZE,
  WORD_ACKNOWLEDGED,
  WORD_ALONE,
  WORD_ASKED_END,
  WORD_ASKED_MS,
  WORD_ASKED_STREAM,
  WORD_AWAITS_ACKNOWLEDGEMENT,
  WORD_AWAITS_LOG,
  WORD_IO_POLLING,
  WORD_SAMPLED,
  WORD_SNAPSHOT,
  WORD_THROTTLE,
  WORD_TO_IO_BELL,
} from './shared.js';

/** What the I/O thread has for the guest thread. */
export type Incoming =
  | { readonly type: 'log'; readonly bytes: Uint8Array }
  | { readonly type: 'interrupt'; readonly interrupt: Interrupt }
  | { readonly type: 'promote' };

/**
 * How soon the I/O thread is to hear of an output: at once, for somebody waits for it; by the end of the epoch, with whatever
 * else is rung for until then; or when it looks by itself.
 */
export type Hurry = 'now' | 'epoch' | 'look';

type Fill = (bytes: Uint8Array, at: number, view: DataView) => number;

export class GuestEnd {
  readonly #shared: SharedBlock;
  readonly #bounds: Bounds;
  /** Records that found the ring full, in order. What they are made of stays as it is while the guest stands still. */
  #waiting: { readonly type: number; readonly sizeMax: number; readonly fill: Fill }[] = [];
  #encoder: EntryEncoder;
  /** Entries logged so far: this replica's position in the log while it is the one who writes it. */
  #logged = 0;
  /** Entries encoded and not yet in the ring. */
  readonly #part: Uint8Array;
  #partBytes = 0;
  #partEntries = 0;
  /** When the output that is made next was asked for; 0: nobody measures it. */
  #askedMs = 0;
  /** There are records in the ring that were not rung for, and such as are to be at the next boundary. */
  #unrung = false;
  #isBellDue = false;

  /** @param state what the next entry is encoded against, where this is not the first of the machine */
  constructor(shared: SharedBlock, state?: EntryState, bounds: Bounds = BOUNDS) {
    this.#shared = shared;
    this.#bounds = bounds;
    this.#part = new Uint8Array(bounds.gatheredBytes);
    this.#encoder = new EntryEncoder(state);
  }

  /** Records wait for room in the ring: the guest must not go on. */
  get full(): boolean {
    return this.#waiting.length > 0;
  }

  /** Writes what waits, as far as there is room; whether nothing waits any more. */
  makeRoom(): boolean {
    if (this.#waiting.length === 0) return true;
    let written = 0;
    for (const { type, sizeMax, fill } of this.#waiting) {
      if (!this.#shared.toIo.write(type, sizeMax, fill)) break;
      written += 1;
    }
    this.#waiting.splice(0, written);
    this.#ringIo();
    return this.#waiting.length === 0;
  }

  get logged(): number {
    return this.#logged;
  }

  /** Goes on writing a log that was read, or written elsewhere, up to here. */
  continueAt(position: number, codec: EntryState): void {
    this.#logged = position;
    this.#encoder = new EntryEncoder(codec);
  }

  get codec(): EntryState {
    return this.#encoder.save();
  }

  log(entry: LogEntry): void {
    this.#logged += 1;
    if (this.alone) return;
    const sizeMax = maxSize(entry);
    if (sizeMax > this.#part.length) {
      this.#ship();
      this.#writeLog(1, sizeMax, (bytes, at) => this.#encoder.encode(entry, bytes, at));
      return;
    }
    if (this.#partBytes + sizeMax > this.#part.length) this.#ship();
    this.#gathered(this.#encoder.encode(entry, this.#part, this.#partBytes));
  }

  /** As `log` for the value of a clock, from its unsigned halves. */
  logClock(source: number, low: number, high: number): void {
    this.#logged += 1;
    if (this.alone) return;
    if (this.#partBytes + CLOCK_MAX_BYTES > this.#part.length) this.#ship();
    this.#gathered(this.#encoder.encodeClock(source, low, high, this.#part, this.#partBytes));
  }

  /**
   * Nobody takes the log: the acknowledged position is Infinity, so that nothing waits for it. A plain load: what is logged
   * though nobody takes it any more does no harm.
   */
  get alone(): boolean {
    return this.#shared.words[WORD_ALONE] === 1;
  }

  #gathered(bytes: number): void {
    this.#partBytes += bytes;
    this.#partEntries += 1;
    if (this.#shared.words[WORD_IO_POLLING] === 0) this.#ship();
  }

  /** At each boundary: what is logged goes into the ring. */
  ship(): void {
    this.#ship();
    if (this.#isBellDue) this.#ringIo();
  }

  #ship(): void {
    if (this.#partEntries === 0) return;
    const entries = this.#partEntries;
    this.#partEntries = 0;
    const length = this.#partBytes;
    this.#partBytes = 0;
    this.#writeLog(entries, length, (bytes, at) => {
      bytes.set(this.#part.subarray(0, length), at);
      return length;
    });
  }

  /** Entries are encoded in their order, each against those before: what has to wait is encoded all the same. */
  #writeLog(entries: number, sizeMax: number, fill: (bytes: Uint8Array, at: number) => number): void {
    const head = records.LOG_HEAD_BYTES;
    const write: Fill = (bytes, at, view) => {
      view.setUint32(at, entries, true);
      return head + fill(bytes, at + head);
    };
    if (this.full || !this.#shared.toIo.write(records.RECORD_LOG, head + sizeMax, write)) {
      const record = new Uint8Array(head + sizeMax);
      const length = write(record, 0, new DataView(record.buffer));
      this.#write(records.RECORD_LOG, length, (bytes, at) => {
        putCopy(bytes, at, record.subarray(0, length));
        return length;
      });
    }
    // After the write, and not before: the I/O thread says that it stops polling, and then looks once more.
    if (Atomics.load(this.#shared.words, WORD_IO_POLLING) === 0) this.#ringIo();
    else this.#unrung = true;
  }

  /** Whether somebody measures how long outputs are held, and could note the next one. */
  get isSampled(): boolean {
    return this.#shared.words[WORD_SAMPLED] === 1 && this.#shared.positions[WORD_ASKED_MS] === 0;
  }

  /** The guest asks for the output that is made next, now. @param nowMs of the host's monotonic clock */
  asks(nowMs: number): void {
    this.#askedMs = nowMs;
  }

  #noteAsked(output: Output): void {
    const { positions } = this.#shared;
    if (output.type === 'stream') {
      positions[WORD_ASKED_STREAM] = output.stream;
      positions[WORD_ASKED_END] = output.offset + output.bytes.length;
    } else if (output.type === 'operation') {
      positions[WORD_ASKED_STREAM] = ASKED_OPERATION;
      positions[WORD_ASKED_END] = Number(output.operation.id);
    } else {
      return;
    }
    // Last: who finds it set reads the others. The ring's bell, rung by the record that follows, makes them visible.
    positions[WORD_ASKED_MS] = this.#askedMs;
    this.#askedMs = 0;
  }

  output(position: number, output: Output, hurry: Hurry = 'now'): void {
    if (this.#askedMs > 0) this.#noteAsked(output);
    const { streamPieceBytes } = this.#bounds;
    if (output.type === 'stream' && output.bytes.length > streamPieceBytes) {
      for (let at = 0; at < output.bytes.length; at += streamPieceBytes) {
        const bytes = output.bytes.subarray(at, at + streamPieceBytes);
        this.#output(position, { ...output, offset: output.offset + at, bytes }, hurry);
      }
    } else {
      this.#output(position, output, hurry);
    }
  }

  #output(position: number, output: Output, hurry: Hurry): void {
    this.#ship();
    this.#write(
      records.RECORD_OUTPUT,
      records.outputRecordBytesMax(output),
      (bytes, at) => records.putOutputRecord(bytes, at, position, output) - at,
    );
    if (hurry === 'now') this.flush();
    else if (hurry === 'epoch') this.#isBellDue = true;
  }

  /** A record without data but a text. */
  tell(type: number, text: string): void {
    const data = records.encodeText(text);
    this.#ship();
    this.#write(type, data.length, (bytes, at) => {
      bytes.set(data, at);
      return data.length;
    });
    this.flush();
  }

  tellNumber(type: number, value: number): void {
    this.#ship();
    this.#write(type, 8, (_, at, view) => {
      view.setFloat64(at, value, true);
      return 8;
    });
    this.flush();
  }

  tellLive(epoch: number, uncertain: number): void {
    this.#ship();
    this.#write(records.RECORD_LIVE, 16, (_, at, view) => {
      view.setFloat64(at, epoch, true);
      view.setFloat64(at + 8, uncertain, true);
      return 16;
    });
    this.flush();
  }

  flush(): void {
    this.#ship();
    if (this.#unrung) this.#ringIo();
  }

  #ringIo(): void {
    this.#unrung = false;
    this.#isBellDue = false;
    this.#shared.ring(WORD_TO_IO_BELL);
  }

  #write(type: number, sizeMax: number, fill: Fill): void {
    if (this.#waiting.length === 0 && this.#shared.toIo.write(type, sizeMax, fill)) {
      this.#unrung = true;
      return;
    }
    this.#waiting.push({ type, sizeMax, fill });
    this.#ringIo();
  }

  // ---- what comes in

  get hasIncoming(): boolean {
    return !this.#shared.toGuest.isEmpty;
  }

  /** As `hasIncoming`, without the cost of an atomic load: what just came may be seen a boundary later. */
  get seemsToHaveIncoming(): boolean {
    return !this.#shared.toGuest.seemsEmpty;
  }

  /** The oldest thing that came, if any. */
  take(): Incoming | undefined {
    let incoming: Incoming | undefined;
    this.#shared.toGuest.read((type, bytes, at, length) => {
      if (type === records.RECORD_LOG) incoming = { type: 'log', bytes: copyOf(bytes.subarray(at, at + length)) };
      else if (type === records.RECORD_INTERRUPT) {
        incoming = { type: 'interrupt', interrupt: readInterrupt(records.recordReader(bytes, at, length)) };
      } else incoming = { type: 'promote' };
    });
    return incoming;
  }

  /** A snapshot is asked for that could be answered here. @param ready whether one can be taken */
  isSnapshotWanted(ready: () => boolean): boolean {
    const asked = Atomics.load(this.#shared.words, WORD_SNAPSHOT);
    return asked === SNAPSHOT_SIZE || (asked !== SNAPSHOT_NOTHING && ready());
  }

  /** Said before the acknowledged position is looked at: an acknowledgement that comes later wakes this thread. */
  set awaitsAcknowledgement(awaits: boolean) {
    Atomics.store(this.#shared.words, WORD_AWAITS_ACKNOWLEDGEMENT, awaits ? 1 : 0);
  }

  /** Taken back before more is taken from the ring: who finds that empty, and this said, knows that there is no more. */
  set awaitsLog(awaits: boolean) {
    Atomics.store(this.#shared.words, WORD_AWAITS_LOG, awaits ? 1 : 0);
  }

  /** All that was logged is acknowledged. */
  get isAcknowledged(): boolean {
    return (this.#shared.positions[WORD_ACKNOWLEDGED] ?? 0) >= this.#logged;
  }

  /** LG: the backup lags too far behind. A plain load: a boundary later will do. */
  get isThrottled(): boolean {
    return this.#shared.words[WORD_THROTTLE] === 1;
  }
}
