// The memory shared by guest thread and I/O thread of one replica: words, bells and two rings.
//
//   +0    Int32 words: bells, flags           +64   Float64 words: positions and progress
//   +192  ring guest -> I/O (execution's log entries and outputs)
//   then  ring I/O -> guest (the log, interrupts, promotion)
//
// Bells. A bell is a counter that its ringer increments and notifies. The guest thread sleeps in Atomics.wait on
// `toGuestBell`; the I/O thread, which never blocks, in Atomics.waitAsync on `toIoBell`. What is urgent (an output, a
// flush) rings at once. What may be 1 ms late rings only if the I/O thread is not polling: while there is traffic it
// looks every millisecond by itself, so that a stream of log entries costs the guest no wake-ups.
//
// A bell that wakes a thread for nothing takes a processor from one that an answer waits for. So nobody is rung for what was
// rung for before, and a guest thread only for what it stands still for: acknowledgements come all the time.
//
// Positions are plain Float64 stores, made visible by the atomic increment of a bell after them.

import { BOUNDS } from '../protocol/bounds.js';
import { Ring } from './ring.js';

export const WORD_TO_GUEST_BELL = 0;
export const WORD_TO_IO_BELL = 1;
/** 1 while the I/O thread looks at the ring every millisecond by itself. */
export const WORD_IO_POLLING = 2;
/** 1 while the primary's guest has to wait for a lagging backup (rule LG). */
export const WORD_THROTTLE = 3;
/** 1 where no backup takes the log: nothing needs to be logged. */
export const WORD_ALONE = 4;
/** 1 once the guest may execute its first instruction. */
export const WORD_BEGUN = 5;
/** 1 while the guest stands still until what it has logged is acknowledged. */
export const WORD_AWAITS_ACKNOWLEDGEMENT = 7;

/**
 * What the I/O thread asks of a primary's guest thread, for a snapshot: nothing, how many bytes the guest's state takes, or
 * the snapshot itself (for a joining replica, or for a file), into the memory sent before.
 */
export const WORD_SNAPSHOT = 6;
export const SNAPSHOT_NOTHING = 0;
export const SNAPSHOT_SIZE = 1;
export const SNAPSHOT_TO_JOIN = 2;
export const SNAPSHOT_TO_KEEP = 3;

/** 1 while somebody measures how long outputs are held (sampling.ts): the guest thread notes when they were asked for. */
export const WORD_SAMPLED = 8;
/** 1 while the guest waits for an interrupt: it hears of one at once. */
export const WORD_WAITS = 9;

/** 1 once this replica is over: the guest thread leaves its guest, where it stands still or at the next boundary. */
export const WORD_OVER = 10;

/** 1 while the guest stands still until it is given more of the log. */
export const WORD_AWAITS_LOG = 11;

/** Log position that all backups have acknowledged (Infinity: there is none). */
export const WORD_ACKNOWLEDGED = 0;
/** Backup: log position executed. */
export const WORD_EXECUTED = 1;
/** Backup: bytes of the log taken from the ring. */
export const WORD_LOG_BYTES_TAKEN = 2;
/** For the status: epoch, instruction count. */
export const WORD_EPOCH = 3;
export const WORD_COUNT = 4;
/** For the status: operations outstanding. */
export const WORD_OUTSTANDING = 5;
/** An output that is measured: when the guest asked for it (host's monotonic clock, ms; 0: the slot is free), ... */
export const WORD_ASKED_MS = 6;
/** ... of which stream (ASKED_OPERATION: none), and the offset after it, or the operation's id. */
export const WORD_ASKED_STREAM = 7;
export const WORD_ASKED_END = 8;
export const ASKED_OPERATION = -1;
/** For the status: instructions an epoch. */
export const WORD_EPOCH_LENGTH = 9;
/** For the status: what comparing state has come to (verification.ts). */
export const WORD_COMPARISONS = 10;
export const WORD_COMPARED_MS = 11;
export const WORD_COVERED = 12;
export const WORD_COMPARED_EVERY_MS = 13;
export const WORD_VERIFY_SPENT = 14;
/** For the status: interrupts that the guest was given. */
export const WORD_DELIVERED = 15;

const LEAST_RING_BYTES = 64;
const FLOATS_AT = 64;
const RINGS_AT = 192;

export class SharedBlock {
  readonly words: Int32Array;
  readonly positions: Float64Array;
  readonly toIo: Ring;
  readonly toGuest: Ring;

  /** @param ringBytes of each of the two rings, a power of two */
  static allocate(ringBytes = BOUNDS.ringBytes): SharedArrayBuffer {
    return new SharedArrayBuffer(RINGS_AT + 2 * Ring.bytesFor(ringBytes));
  }

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory, 0, FLOATS_AT / 4);
    this.positions = new Float64Array(memory, FLOATS_AT, (RINGS_AT - FLOATS_AT) / 8);
    const each = (memory.byteLength - RINGS_AT) / 2;
    this.toIo = new Ring(memory, RINGS_AT, each - Ring.bytesFor(0));
    this.toGuest = new Ring(memory, RINGS_AT + each, each - Ring.bytesFor(0));
  }

  /** Of nobody any more: as it was allocated, for the next two. */
  static clear(memory: SharedArrayBuffer): void {
    new Uint8Array(memory, 0, RINGS_AT).fill(0);
    const { toIo, toGuest } = new SharedBlock(memory);
    toIo.clear();
    toGuest.clear();
  }

  /** From here on this end has memory of its own: what it still does is seen by nobody. */
  leave(): void {
    Object.assign(this, new SharedBlock(SharedBlock.allocate(LEAST_RING_BYTES)));
  }

  /** Who looks at the bell sees it rung, and does not go to sleep; who sleeps is not woken. */
  mark(bell: typeof WORD_TO_GUEST_BELL): void {
    Atomics.add(this.words, bell, 1);
  }

  ring(bell: typeof WORD_TO_GUEST_BELL | typeof WORD_TO_IO_BELL): void {
    Atomics.add(this.words, bell, 1);
    Atomics.notify(this.words, bell);
  }
}
