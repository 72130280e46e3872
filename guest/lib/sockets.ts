// Listeners and connections, for programs that serve many at once from one loop:
//
//     const named = new StaticArray<i32>(256);
//     while (true) {
//       const count = awaitStreams(named);
//       for (let at = 0; at < count; at++) {
//         // A listener: accept until there is none. A connection: read until 0, and write what is left to be written.
//       }
//     }
//
// What is named once is not named again until something new has come: so take all there is.
import {
  ConnectorCommand,
  Device,
  interruptEnable,
  Status,
  Stream,
  streamAccept,
  streamClose,
  streamEnd,
  streamRead,
  streamReady,
  streamWrite,
  timerSet,
  wait,
} from './hardware';
import * as interrupts from './interrupts';
import { startOperation, Uncertain } from './operations';

/** Where the machine listens: the k-th `--listen`. */
export class Listener {
  readonly stream: i32;

  constructor(index: i32 = 0) {
    this.stream = Stream.LISTENER + index;
  }

  /** Whether there is such a listener. */
  get exists(): bool {
    return streamRead(this.stream, 0, 0) != Status.REFUSED;
  }

  /** The connection that has waited longest; null: none waits. */
  accept(): Connection | null {
    const stream = streamAccept(this.stream);
    return stream > 0 ? new Connection(stream) : null;
  }
}

/** A connection, from its accept or connect to its close. */
export class Connection {
  constructor(readonly stream: i32) {}

  /** Reads into `bytes`: how many; 0: nothing is there yet; after the last Status.END or Status.RESET. */
  read(bytes: Uint8Array, from: i32 = 0, length: i32 = bytes.length - from): i32 {
    return streamRead(this.stream, bytes.dataStart + <usize>from, length);
  }

  /** Writes what there is room for: how many bytes, perhaps 0; Status.RESET; Status.END after `end`. */
  write(bytes: Uint8Array, from: i32 = 0, length: i32 = bytes.length - from): i32 {
    return streamWrite(this.stream, bytes.dataStart + <usize>from, length);
  }

  /** Nothing follows what was written. */
  end(): void {
    streamEnd(this.stream);
  }

  /** Done with it: what was written still leaves. */
  close(): void {
    streamClose(this.stream);
  }
}

/**
 * Waits until there is something new of a listener or a connection: writes their numbers, answers how many. With a deadline
 * (monotonic clock, ns): 0 once it has passed.
 */
export function awaitStreams(into: StaticArray<i32>, deadlineNs: i64 = 0): i32 {
  const address = changetype<usize>(into);
  let count = streamReady(address, into.length);
  if (count > 0) return count;
  const enabled = interruptEnable(false);
  if (deadlineNs > 0) timerSet(deadlineNs);
  // At least once, also where the deadline has passed: what has come is delivered in it.
  do {
    wait();
    count = streamReady(address, into.length);
  } while (count == 0 && (deadlineNs <= 0 || interrupts.timerTimeNs < deadlineNs));
  if (deadlineNs > 0) timerSet(0);
  interruptEnable(enabled);
  return count;
}

/**
 * Connects to the k-th `--connect`, and waits for it: the connection, or null where it was refused or can't be reached. An
 * uncertain attempt is repeated under its number: of one attempt comes one connection.
 */
export function connect(index: i32): Connection | null {
  const operation = startOperation(
    Device.CONNECTOR + index,
    ConnectorCommand.CONNECT,
    0,
    null,
    0,
    0,
    Uncertain.REPEAT,
  );
  const status = operation.finish();
  return status > 0 ? new Connection(status) : null;
}
