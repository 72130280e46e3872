// The I/O thread's end of the memory shared with the guest thread: it never blocks.
//
// Records from the guest come in program order. Log entries that follow each other are joined into one part; an output
// is handed over after the part that precedes it. What the guest thread cannot take at once waits here, in order; its
// length is bounded by the windows of those who send it (the bus's input window, the primary's lag).

import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { putCopy } from '../channel/copying.js';
import { assert, describeThrown } from '../errors/errors.js';
import type { GuestThreadData } from '../machine/configuration.js';
import type { GuestState } from '../machine/guest-state.js';
import * as records from '../machine/records.js';
import {
  SharedBlock,
  WORD_ACKNOWLEDGED,
  WORD_ALONE,
  WORD_BEGUN,
  WORD_EXECUTED,
  WORD_IO_POLLING,
  WORD_THROTTLE,
  WORD_TO_GUEST_BELL,
  WORD_TO_IO_BELL,
} from '../machine/shared.js';
import type { Interrupt, Output } from '../protocol/machine.js';
import { SnapshotRequesting } from './snapshot-requesting.js';

/** A part of the log is closed at this size, bytes: one packet must not hold up the heartbeats behind it. */
const PART_BYTES = 256 * 1024;
/** While log entries come, the ring is looked at this often, ms (rule FL). */
const POLL_MS = 1;
/** Records handed over in one turn of the event loop: some milliseconds of work at the most. */
const DRAIN_RECORDS_MAX = 1024;
/** Looks that found nothing, after which the guest thread has to ring again. */
const POLLS_IDLE_MAX = 5;
/** Host stack of the guest thread: room for the deepest stack the guest's limit allows, in either tier. */
const GUEST_STACK_MEGABYTES = 64;
/** How often a full ring to the guest is tried again, ms. */
const RETRY_MS = 1;

/** What the guest thread says, in order. */
export interface GuestListener {
  /** A part of the log: `entries` whole entries. */
  logged(part: Uint8Array, entries: number): void;
  output(position: number, output: Output): void;
  /** All that the guest has said so far is handed over. */
  drained(): void;
  /** The guest's module is compiled: a thread that `restores` can be given a state. */
  loaded(): void;
  running(): void;
  live(failoverEpoch: number, uncertain: number): void;
  ended(): void;
  diverged(message: string): void;
  /** A snapshot that was asked for; what was logged before precedes `position`, and what comes next follows it. */
  snapshot(position: number, state: GuestState): void;
  /** A snapshot that was asked for can't be had. */
  notSnapshotable(message: string): void;
  /** The thread is gone, or cannot go on. */
  failed(message: string): void;
  /** Whether to leave what the guest says in the ring for now: it will have to wait. */
  congested(): boolean;
}

type Write = () => boolean;

/** What a guest thread is started with, but for what it shares with its host; `restores`: no, if not said. */
export type ThreadHostData = Omit<GuestThreadData, 'memory' | 'port' | 'restores'> & { readonly restores?: boolean };

export class ThreadHost {
  readonly #memory = SharedBlock.allocate();
  readonly #shared = new SharedBlock(this.#memory);
  readonly #worker: Worker;
  #listening: GuestListener | undefined;
  #waiting: Write[] = [];
  #part: Uint8Array[] = [];
  #partEntries = 0;
  #partBytes = 0;
  #polling: NodeJS.Timeout | undefined;
  #idlePolls = 0;
  #drainIsDue = false;
  #terminated = false;
  readonly #port: MessagePort;
  readonly #snapshots: SnapshotRequesting;

  /**
   * The thread starts at once, and loads the guest; the guest's first instruction waits for `begin`, or, where it goes on
   * from a snapshot, for `restore`.
   */
  constructor(data: ThreadHostData) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#snapshots = new SnapshotRequesting(this.#shared, port1);
    const restores = data.restores === true;
    // Nothing is executed, not even the log up to the snapshot.
    if (restores) this.#shared.positions[WORD_EXECUTED] = -1;
    this.#worker = new Worker(new URL('../machine/guest-thread.js', import.meta.url), {
      workerData: { ...data, restores, port: port2, memory: this.#memory } satisfies GuestThreadData,
      transferList: [port2],
      resourceLimits: { stackSizeMb: GUEST_STACK_MEGABYTES },
    });
  }

  get #listener(): GuestListener {
    assert(this.#listening !== undefined, 'somebody listens before the guest can say anything');
    return this.#listening;
  }

  get positions(): Float64Array {
    return this.#shared.positions;
  }

  listen(listener: GuestListener): void {
    this.#listening = listener;
    this.#worker.on('error', error => this.#listener.failed(describeThrown(error)));
    this.#worker.on('exit', () => {
      this.drain();
      if (!this.#terminated) this.#listener.failed('the guest thread has ended');
    });
    void this.#answerBells();
  }

  // ---- to the guest

  /** Lets the guest execute its first instruction. */
  begin(): void {
    Atomics.store(this.#shared.words, WORD_BEGUN, 1);
    Atomics.notify(this.#shared.words, WORD_BEGUN);
  }

  /** Ends the thread wherever it stands; what it has said is handed over. */
  async terminate(): Promise<void> {
    this.#terminated = true;
    await this.#worker.terminate();
  }

  /** The guest goes on from what another thread's `snapshot` gave. Log may follow at once. */
  restore(state: GuestState): void {
    this.#port.postMessage(state);
    this.begin();
  }

  /** Asks a primary for a snapshot: for a joining replica, which takes the log from there on, or only to keep it. */
  requestSnapshot(join: boolean): void {
    this.#snapshots.ask(join);
  }

  /** @param alone nobody takes the log: nothing needs to be logged */
  setAcknowledged(position: number, alone: boolean): void {
    this.#shared.positions[WORD_ACKNOWLEDGED] = position;
    Atomics.store(this.#shared.words, WORD_ALONE, alone ? 1 : 0);
    this.#shared.ring(WORD_TO_GUEST_BELL);
  }

  setThrottle(on: boolean): void {
    Atomics.store(this.#shared.words, WORD_THROTTLE, on ? 1 : 0);
    this.#shared.ring(WORD_TO_GUEST_BELL);
  }

  sendLog(part: Uint8Array): void {
    this.#send(records.RECORD_LOG, part.length, (bytes, at) => {
      putCopy(bytes, at, part);
      return part.length;
    });
  }

  sendInterrupt(interrupt: Interrupt): void {
    this.#send(records.RECORD_INTERRUPT, records.interruptSizeMax(interrupt), (bytes, at, view) =>
      records.writeInterrupt(interrupt, bytes, at, view),
    );
  }

  sendPromotion(): void {
    this.#send(records.RECORD_PROMOTE, 0, () => 0);
  }

  #send(type: number, sizeMax: number, fill: (bytes: Uint8Array, at: number, view: DataView) => number): void {
    const write: Write = () => this.#shared.toGuest.write(type, sizeMax, fill);
    if (this.#waiting.length === 0 && write()) {
      this.#shared.ring(WORD_TO_GUEST_BELL);
      return;
    }
    this.#waiting.push(write);
    if (this.#waiting.length === 1) setTimeout(() => this.#retry(), RETRY_MS);
  }

  #retry(): void {
    let done = 0;
    while (this.#waiting[done]?.()) done += 1;
    if (done > 0) {
      this.#waiting.splice(0, done);
      this.#shared.ring(WORD_TO_GUEST_BELL);
    }
    if (this.#waiting.length > 0) setTimeout(() => this.#retry(), RETRY_MS);
  }

  // ---- from the guest

  async #answerBells(): Promise<never> {
    for (;;) {
      const bell = Atomics.load(this.#shared.words, WORD_TO_IO_BELL);
      this.drain();
      const rung = Atomics.waitAsync(this.#shared.words, WORD_TO_IO_BELL, bell);
      // A guest that rings all the time must not keep the sockets from their turn.
      if (rung.async) await rung.value;
      else await new Promise(resolve => setImmediate(resolve));
    }
  }

  /**
   * Hands over what the guest has said so far, for DRAIN_RECORDS_MAX records at most: a guest that says more while it is
   * listened to must not keep heartbeats and acknowledgements from their turn.
   */
  drain(): void {
    let logged = false;
    let taken = 0;
    while (!this.#listener.congested()) {
      if (taken === DRAIN_RECORDS_MAX) {
        this.#drainSoon();
        break;
      }
      const more = this.#shared.toIo.read((type, bytes, at, length) => {
        logged ||= type === records.RECORD_LOG;
        this.#record(type, bytes, at, length);
      });
      if (!more) break;
      taken += 1;
    }
    this.#closePart();
    this.#listener.drained();
    if (logged) this.#poll();
  }

  #drainSoon(): void {
    if (this.#drainIsDue) return;
    this.#drainIsDue = true;
    setImmediate(() => {
      this.#drainIsDue = false;
      this.drain();
    });
  }

  #record(type: number, bytes: Uint8Array, at: number, length: number): void {
    if (type === records.RECORD_LOG) {
      const { entries, part } = records.readLog(bytes, at, length);
      if (this.#partBytes + part.length > PART_BYTES) this.#closePart();
      this.#part.push(part);
      this.#partBytes += part.length;
      this.#partEntries += entries;
      return;
    }
    this.#closePart();
    const number = () => new DataView(bytes.buffer, bytes.byteOffset + at, length).getFloat64(0, true);
    const text = () => new TextDecoder().decode(bytes.slice(at, at + length));
    switch (type) {
      case records.RECORD_OUTPUT: {
        const { position, output } = records.readOutput(bytes, at, length);
        this.#listener.output(position, output);
        return;
      }
      case records.RECORD_LIVE: {
        const view = new DataView(bytes.buffer, bytes.byteOffset + at, length);
        this.#listener.live(view.getFloat64(0, true), view.getFloat64(8, true));
        return;
      }
      case records.RECORD_LOADED:
        this.#listener.loaded();
        return;
      case records.RECORD_SNAPSHOT_SIZE:
        void this.#sized(number());
        return;
      case records.RECORD_SNAPSHOT: {
        const state = this.#snapshots.answered(true);
        assert(state !== undefined, 'a snapshot that was taken is there');
        this.#listener.snapshot(number(), state);
        return;
      }
      case records.RECORD_NOT_SNAPSHOTABLE:
        this.#snapshots.answered(false);
        this.#listener.notSnapshotable(text());
        return;
      case records.RECORD_STARTED:
        this.#listener.running();
        return;
      case records.RECORD_ENDED:
        this.#listener.ended();
        return;
      case records.RECORD_DIVERGED:
        this.#listener.diverged(text());
        return;
      case records.RECORD_FAILED:
        this.#listener.failed(text());
        return;
    }
  }

  async #sized(bytes: number): Promise<void> {
    try {
      await this.#snapshots.sized(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#snapshots.answered(false);
      this.#listener.notSnapshotable(`this host has no memory for a copy of ${bytes} bytes`);
    }
  }

  #closePart(): void {
    if (this.#part.length === 0) return;
    const part = this.#part.length === 1 ? this.#part[0]! : Buffer.concat(this.#part, this.#partBytes);
    const entries = this.#partEntries;
    this.#part = [];
    this.#partBytes = 0;
    this.#partEntries = 0;
    this.#listener.logged(part, entries);
  }

  /** FL: while entries come, look every millisecond, so that the guest needs not ring for each. */
  #poll(): void {
    this.#idlePolls = 0;
    if (this.#polling !== undefined) return;
    Atomics.store(this.#shared.words, WORD_IO_POLLING, 1);
    this.#polling = setInterval(() => {
      this.#idlePolls += 1;
      this.drain();
      if (this.#idlePolls <= POLLS_IDLE_MAX) return;
      clearInterval(this.#polling);
      this.#polling = undefined;
      Atomics.store(this.#shared.words, WORD_IO_POLLING, 0);
      // What came between the last look and the store was not rung for.
      this.drain();
    }, POLL_MS);
  }
}
