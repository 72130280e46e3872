// The virtual hardware as a bare guest sees it: the imports of module `epochvisor`, and the numbers they speak.
//
// Everything above this file is an ordinary driver. Addresses are byte offsets in the guest's linear memory; a call
// that fails answers a small negative number (`Status`). The comments say of each instruction whether its result is
// a function of the guest's own state (ordinary), comes from outside and is logged (environment), or acts on the
// outside and stands under output commit (I/O).

/** Kinds of clock. */
export const enum Clock {
  REAL = 0,
  MONOTONIC = 1,
}

/** Streams that are there from the start: the console's, and where the machine listens: listener k is LISTENER + k. */
export const enum Stream {
  INPUT = 0,
  OUTPUT = 1,
  ERROR = 2,
  LISTENER = 0x40,
}

/** Device numbers: disk k is DISK + k, the k-th address to connect to CONNECTOR + k. */
export const enum Device {
  DISK = 0x100,
  TELLER = 0x200,
  CONNECTOR = 0x400,
}

/** Commands of the disk. */
export const enum DiskCommand {
  READ = 1,
  WRITE = 2,
  FLUSH = 3,
}

/** Commands of the teller. */
export const enum TellerCommand {
  DISPENSE = 1,
}

/** Commands of an address to connect to. */
export const enum ConnectorCommand {
  /** The completion's status is the connection's stream. */
  CONNECT = 1,
}

/** Kinds of interrupt, as the handler receives them. */
export const enum Interrupt {
  /** id = time of the machine's clock in nanoseconds. */
  TIMER = 1,
  /** id = stream, status = bytes now readable, or Status.END. */
  STREAM = 2,
  /** id = operation, status = bytes moved or an error. */
  COMPLETION = 3,
  /** id = operation: it may or may not have been performed. */
  UNCERTAIN = 4,
  /** id = listener: a connection waits there. */
  OPENED = 5,
  /** id = connection: there is room for output again. */
  ROOM = 6,
  /** id = connection: the other side has broken it off. */
  RESET = 7,
}

/** What a call or a completion can answer in place of a count. */
export const enum Status {
  /** A bad stream, device, command, offset or length. */
  REFUSED = -1,
  /** An address range that is not wholly inside memory. */
  RANGE = -2,
  /** The stream has ended and all its bytes were read. */
  END = -3,
  /** The driver's word, not the machine's: the operation may or may not have been performed, and was not repeated. */
  UNCERTAIN = -4,
  /** The device could not do it. */
  IO = -5,
  /** The driver's word: as many operations are outstanding as its table holds. */
  BUSY = -16,
  /** No space left. */
  SPACE = -28,
  /** The other side has broken the connection off. */
  RESET = -104,
}

/** Environment. Nanoseconds; never goes backwards, also across a failover. */
@external("epochvisor", "clock")
export declare function clock(kind: Clock): i64;

/** Environment. 64 random bits. */
@external("epochvisor", "random")
export declare function random(): i64;

/**
 * Ordinary. Copies bytes that were delivered: their number; 0 if there are none yet; after the last Status.END, or
 * Status.RESET of a connection that was broken off.
 */
@external("epochvisor", "stream_read")
export declare function streamRead(stream: Stream, buffer: usize, length: i32): i32;

/**
 * I/O. Answers how many bytes were taken; they appear outside exactly once. The console takes all; a connection as many as
 * there is room for, perhaps none.
 */
@external("epochvisor", "stream_write")
export declare function streamWrite(stream: Stream, buffer: usize, length: i32): i32;

/** Ordinary. The stream of the connection that has waited longest at a listener; 0: none waits. */
@external("epochvisor", "stream_accept")
export declare function streamAccept(listener: i32): i32;

/**
 * Ordinary. Writes the numbers (i32) of listeners and connections of which something new was delivered since they were last
 * named here, `most` of them at most, and answers how many: a connection waits, bytes came, or an end, a reset, or room.
 */
@external("epochvisor", "stream_ready")
export declare function streamReady(buffer: usize, most: i32): i32;

/** I/O. Nothing follows what was written to a connection; it can be read on. */
@external("epochvisor", "stream_end")
export declare function streamEnd(connection: i32): i32;

/** I/O. The guest is done with a connection: what was written still leaves, nothing more is read. */
@external("epochvisor", "stream_close")
export declare function streamClose(connection: i32): i32;

/** Ordinary. Sets the interrupt enable flag (off at reset and in a handler) and answers what it was. */
@external("epochvisor", "interrupt_enable")
export declare function interruptEnable(on: bool): bool;

/** Ordinary. Bytes on a disk; Status.REFUSED where there is no such device. */
@external("epochvisor", "device_size")
export declare function deviceSize(device: i32): i64;

/** Ordinary. Bytes of all arguments, each ended by a NUL; the first is the program's name. */
@external("epochvisor", "arguments_size")
export declare function argumentsSize(): i32;

/** Ordinary. Writes the arguments at `buffer`. */
@external("epochvisor", "arguments_read")
export declare function argumentsRead(buffer: usize): i32;

/** Ordinary. One interrupt at the first boundary whose time is at or past the deadline (monotonic clock); 0 disarms. */
@external("epochvisor", "timer_set")
export declare function timerSet(deadlineNs: i64): void;

/**
 * I/O. Starts an operation, whose end is an interrupt: 0, or a negative status and no interrupt will come.
 * `operation` is the guest's own number (> 0); an operation that became uncertain is repeated under the same number.
 */
@external("epochvisor", "operation_start")
export declare function operationStart(
  operation: i64,
  device: i32,
  command: i32,
  argument: i64,
  buffer: usize,
  length: i32,
): i32;

/** I/O. Ends the machine; does not return. */
@external("epochvisor", "exit")
export declare function exit(status: i32): void;

/**
 * Sleeps until an interrupt is pending, delivers what is pending whatever the enable flag says, and returns with the
 * flag as it was. With interrupts off, nothing can be delivered between a look at some state and the sleep:
 *
 *     const enabled = interruptEnable(false);
 *     while (!happened()) wait();
 *     interruptEnable(enabled);
 */
@external("epochvisor", "wait")
export declare function wait(): void;
