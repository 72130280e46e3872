// The guest thread's end of the memory shared with the I/O thread: it blocks where a rule says 'await'.
//
// What is logged is gathered in a part, which goes into the ring as one record: a record for each value of a clock would
// cost both threads many times what the value does. Rule FL says when it goes: before anything else that is told, before
// this thread waits, and soon. While the I/O thread looks at the ring every millisecond by itself, soon is at the next
// boundary or when the part is full; else it is at once, for what is rare may be all that a backup waits for.

import { copyOf } from '../channel/copying.js';
import { CLOCK_MAX_BYTES, EntryEncoder, maxSize } from '../channel/entries.js';
import type { EntryState } from '../channel/entry-history.js';
import type { Interrupt, LogEntry, Output } from '../protocol/machine.js';
import * as records from './records.js';
import {
  type SharedBlock,
  SNAPSHOT_NOTHING,
  SNAPSHOT_SIZE,
  WORD_ACKNOWLEDGED,
  WORD_ALONE,
  WORD_IO_POLLING,
  WORD_SNAPSHOT,
  WORD_THROTTLE,
  WORD_TO_GUEST_BELL,
  WORD_TO_IO_BELL,
} from './shared.js';

/** A stream write is cut into pieces of this size, bytes: small enough to flow through ring, packets and bus. */
const STREAM_PIECE_BYTES = 64 * 1024;
/** A part of the log, bytes: hundreds of clock values, a fraction of a millisecond of a loop that does nothing else. */
const PART_BYTES = 1024;
/** A full ring empties as fast as the I/O thread works; this is how often a blocked writer looks. */
const FULL_RING_LOOK_MS = 1;

/** What the I/O thread has for the guest thread. */
export type Incoming =
  | { readonly type: 'log'; readonly bytes: Uint8Array }
  | { readonly type: 'interrupt'; readonly interrupt: Interrupt }
  | { readonly type: 'promote' };

export class ThreadLink {
  readonly #shared: SharedBlock;
  #encoder: EntryEncoder;
  /** Entries logged so far: this replica's position in the log while it is the one who writes it. */
  #logged = 0;
  /** Entries encoded and not yet in the ring. */
  readonly #part = new Uint8Array(PART_BYTES);
  #partBytes = 0;
  #partEntries = 0;
  readonly #utf8 = new TextEncoder();

  /** @param state what the next entry is encoded against, where this is not the first of the machine */
  constructor(shared: SharedBlock, state?: EntryState) {
    this.#shared = shared;
    this.#encoder = new EntryEncoder(state);
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
    if (sizeMax > PART_BYTES) {
      this.ship();
      this.#writeLog(1, sizeMax, (bytes, at) => this.#encoder.encode(entry, bytes, at));
      return;
    }
    if (this.#partBytes + sizeMax > PART_BYTES) this.ship();
    this.#gathered(this.#encoder.encode(entry, this.#part, this.#partBytes));
  }

  /** As `log` for the value of a clock, from its unsigned halves. */
  logClock(source: number, low: number, high: number): void {
    this.#logged += 1;
    if (this.alone) return;
    if (this.#partBytes + CLOCK_MAX_BYTES > PART_BYTES) this.ship();
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
    if (this.#shared.words[WORD_IO_POLLING] === 0) this.ship();
  }

  /** At each boundary: what is logged goes into the ring. */
  ship(): void {
    if (this.#partEntries === 0) return;
    const entries = this.#partEntries;
    this.#partEntries = 0;
    this.#writeLog(entries, this.#partBytes, (bytes, at) => {
      bytes.set(this.#part.subarray(0, this.#partBytes), at);
      return this.#partBytes;
    });
    this.#partBytes = 0;
  }

  #writeLog(entries: number, sizeMax: number, fill: (bytes: Uint8Array, at: number) => number): void {
    const head = records.LOG_HEAD_BYTES;
    this.#write(records.RECORD_LOG, head + sizeMax, (bytes, at, view) => {
      view.setUint32(at, entries, true);
      return head + fill(bytes, at + head);
    });
    // After the write, and not before: the I/O thread says that it stops polling, and then looks once more.
    if (Atomics.load(this.#shared.words, WORD_IO_POLLING) === 0) this.#ringIo();
  }

  output(position: number, output: Output): void {
    if (output.type === 'stream' && output.bytes.length > STREAM_PIECE_BYTES) {
      for (let at = 0; at < output.bytes.length; at += STREAM_PIECE_BYTES) {
        const bytes = output.bytes.subarray(at, at + STREAM_PIECE_BYTES);
        this.#output(position, { ...output, offset: output.offset + at, bytes });
      }
    } else {
      this.#output(position, output);
    }
  }

  #output(position: number, output: Output): void {
    this.ship();
    this.#write(records.RECORD_OUTPUT, records.outputSizeMax(output), (bytes, at, view) =>
      records.writeOutput(position, output, bytes, at, view),
    );
    this.flush();
  }

  /** A record without data but a text. */
  tell(type: number, text: string): void {
    const data = this.#utf8.encode(text);
    this.ship();
    this.#write(type, data.length, (bytes, at) => {
      bytes.set(data, at);
      return data.length;
    });
    this.flush();
  }

  tellNumber(type: number, value: number): void {
    this.ship();
    this.#write(type, 8, (_, at, view) => {
      view.setFloat64(at, value, true);
      return 8;
    });
    this.flush();
  }

  tellLive(epoch: number, uncertain: number): void {
    this.ship();
    this.#write(records.RECORD_LIVE, 16, (_, at, view) => {
      view.setFloat64(at, epoch, true);
      view.setFloat64(at + 8, uncertain, true);
      return 16;
    });
    this.flush();
  }

  flush(): void {
    this.ship();
    this.#ringIo();
  }

  #ringIo(): void {
    this.#shared.ring(WORD_TO_IO_BELL);
  }

  #write(type: number, sizeMax: number, fill: (bytes: Uint8Array, at: number, view: DataView) => number): void {
    while (!this.#shared.toIo.write(type, sizeMax, fill)) {
      this.#ringIo();
      this.#sleep(Atomics.load(this.#shared.words, WORD_TO_GUEST_BELL), FULL_RING_LOOK_MS);
    }
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
        incoming = { type: 'interrupt', interrupt: records.readInterrupt(bytes, at, length) };
      } else incoming = { type: 'promote' };
    });
    return incoming;
  }

  /** Blocks until something comes in, at most until `timeoutMs` from now. */
  awaitIncoming(timeoutMs: number): void {
    const bell = Atomics.load(this.#shared.words, WORD_TO_GUEST_BELL);
    if (!this.hasIncoming) this.#sleep(bell, timeoutMs);
  }

  /** As `awaitIncoming`, and returns at a request for a snapshot, too. @param ready whether one can be taken */
  awaitInterrupt(timeoutMs: number, ready: () => boolean): void {
    const bell = Atomics.load(this.#shared.words, WORD_TO_GUEST_BELL);
    const asked = Atomics.load(this.#shared.words, WORD_SNAPSHOT);
    const wanted = asked === SNAPSHOT_SIZE || (asked !== SNAPSHOT_NOTHING && ready());
    if (!this.hasIncoming && !wanted) this.#sleep(bell, timeoutMs);
  }

  /** Blocks until all that was logged is acknowledged. */
  awaitAcknowledgement(): void {
    for (;;) {
      const bell = Atomics.load(this.#shared.words, WORD_TO_GUEST_BELL);
      if ((this.#shared.positions[WORD_ACKNOWLEDGED] ?? 0) >= this.#logged) return;
      this.#sleep(bell, Infinity);
    }
  }

  /** LG: blocks while the backup lags too far behind. */
  awaitBackup(): void {
    // A plain load: a boundary later will do.
    if (this.#shared.words[WORD_THROTTLE] === 0) return;
    while (Atomics.load(this.#shared.words, WORD_THROTTLE) === 1) {
      this.flush();
      const bell = Atomics.load(this.#shared.words, WORD_TO_GUEST_BELL);
      if (Atomics.load(this.#shared.words, WORD_THROTTLE) === 1) this.#sleep(bell, Infinity);
    }
  }

  #sleep(bell: number, timeoutMs: number): void {
    Atomics.wait(this.#shared.words, WORD_TO_GUEST_BELL, bell, timeoutMs);
  }
}
