// The kernel's operations at devices: numbered, started in order, repeated where they ended uncertain.
//
// What the program changes is in its memory at once; the operation that tells the device may wait here for room.
// Writes that wait and continue each other become one: a program that writes byte by byte does not pay a round trip
// to the device for each.

import { CONNECT, FIRST_CONNECTOR } from '../../devices/connector/connector-commands.js';
import { CONSOLE_DEVICE, CONSOLE_READER_GONE, CONSOLE_STOP } from '../../devices/console/console-commands.js';
import { CHUNK_BYTES_MAX, DIRECTORY_CHANGE, DIRECTORY_LOAD } from '../../devices/directory/directory-commands.js';
import type { Operation } from '../protocol/vocabulary.js';
import { encodeMutation, type Mutation } from './mutation.js';

/** Operations started and not ended: enough to keep a device busy; the bus holds 1,024 of a machine at most. */
const STARTED_MAX = 64;
const STARTED_BYTES_MAX = 16 << 20;

/**
 * What may wait here before a call that adds to it blocks. It bounds memory; one call may exceed it by what it writes,
 * since a write is never cut short.
 */
const WAITING_MAX = 1024;
const WAITING_BYTES_MAX = 16 << 20;

/** Whom the end of an operation concerns: a directory by its index and, for a change of a file, its inode. */
export interface Owner {
  readonly volume: number;
  readonly inode: number;
}

/** A write to a file that waits: its pieces are joined when it is started. */
interface WaitingWrite {
  readonly kind: 'write';
  readonly id: bigint;
  readonly device: number;
  readonly owner: Owner;
  readonly offset: number;
  readonly pieces: Uint8Array[];
  bytes: number;
}

interface WaitingOperation {
  readonly kind: 'operation';
  /** Undefined: it concerns no directory. */
  readonly owner: Owner | undefined;
  readonly operation: Operation;
}

type Waiting = WaitingWrite | WaitingOperation;

interface Started {
  readonly owner: Owner | undefined;
  readonly operation: Operation;
}

export interface OperationsState {
  readonly nextId: bigint;
  readonly waiting: readonly Waiting[];
  readonly started: readonly Started[];
  readonly uncertain: readonly bigint[];
}

const NO_DATA = new Uint8Array(0);

export class Operations {
  readonly #start: (operation: Operation) => void;
  #nextId = 1n;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  readonly #started = new Map<bigint, Started>();
  #startedBytes = 0;
  #uncertain: bigint[] = [];

  constructor(start: (operation: Operation) => void, state?: OperationsState) {
    this.#start = start;
    if (state === undefined) return;
    this.#nextId = state.nextId;
    this.#waiting = state.waiting.map(copyOf);
    for (const waiting of this.#waiting) this.#waitingBytes += bytesOf(waiting);
    for (const started of state.started) {
      this.#started.set(started.operation.id, started);
      this.#startedBytes += started.operation.data.length;
    }
    this.#uncertain = [...state.uncertain];
  }

  /** Whether nothing waits and nothing is outstanding but what ends with the machine. */
  get idle(): boolean {
    if (this.#waiting.length > 0) return false;
    for (const { operation } of this.#started.values()) if (operation.device !== CONSOLE_DEVICE) return false;
    return true;
  }

  /** A call that would add an operation blocks. */
  get full(): boolean {
    return this.#waiting.length >= WAITING_MAX || this.#waitingBytes >= WAITING_BYTES_MAX;
  }

  /** Asks for a chunk of the image of a directory; answers the operation's id. It waits until `flush`. */
  load(owner: Owner, device: number, chunk: number): bigint {
    const operation = { command: DIRECTORY_LOAD, argument: BigInt(chunk), length: CHUNK_BYTES_MAX, data: NO_DATA };
    return this.#queue(owner, { id: this.#nextId, device, ...operation });
  }

  /** Asks for a change; answers the operation's id. It waits until `flush`. */
  change(owner: Owner, device: number, mutation: Mutation): bigint {
    const data = encodeMutation(mutation);
    return this.#queue(owner, { id: this.#nextId, device, command: DIRECTORY_CHANGE, argument: 0n, length: 0, data });
  }

  /** Asks for a connection; answers the operation's id. It waits until `flush`. */
  connect(connector: number): bigint {
    const operation = { command: CONNECT, argument: 0n, length: 0, data: NO_DATA };
    return this.#queue(undefined, { id: this.#nextId, device: FIRST_CONNECTOR + connector, ...operation });
  }

  /** Asks to be told when nobody reads an output any more. It waits until `flush`. */
  watchReader(stream: number): bigint {
    const operation = { command: CONSOLE_READER_GONE, argument: BigInt(stream), length: 0, data: NO_DATA };
    return this.#queue(undefined, { id: this.#nextId, device: CONSOLE_DEVICE, ...operation });
  }

  /** The program has ended, and its end waits for its operations. */
  stopWatching(): void {
    const operation = { command: CONSOLE_STOP, argument: 0n, length: 0, data: NO_DATA };
    this.#queue(undefined, { id: this.#nextId, device: CONSOLE_DEVICE, ...operation });
    this.flush();
  }

  #queue(owner: Owner | undefined, operation: Operation): bigint {
    this.#nextId += 1n;
    this.#waiting.push({ kind: 'operation', owner, operation });
    this.#waitingBytes += operation.data.length;
    return operation.id;
  }

  /** Asks for a write of at most CHUNK_BYTES_MAX; answers whether it became an operation of its own. */
  write(owner: Owner, device: number, offset: number, piece: Uint8Array): boolean {
    this.#waitingBytes += piece.length;
    const last = this.#waiting[this.#waiting.length - 1];
    const continues =
      last?.kind === 'write' &&
      last.owner.volume === owner.volume &&
      last.owner.inode === owner.inode &&
      last.offset + last.bytes === offset &&
      last.bytes + piece.length <= CHUNK_BYTES_MAX;
    if (continues) {
      last.pieces.push(piece);
      last.bytes += piece.length;
      return false;
    }
    const id = this.#nextId;
    this.#nextId += 1n;
    this.#waiting.push({ kind: 'write', id, device, owner, offset, pieces: [piece], bytes: piece.length });
    return true;
  }

  /** Repeats what is uncertain, then starts what waits and has room, in order. */
  flush(): void {
    for (const id of this.#uncertain) {
      const started = this.#started.get(id);
      if (started !== undefined) this.#start(started.operation);
    }
    this.#uncertain = [];
    let taken = 0;
    for (const waiting of this.#waiting) {
      if (this.#started.size >= STARTED_MAX) break;
      if (this.#startedBytes > 0 && this.#startedBytes + bytesOf(waiting) > STARTED_BYTES_MAX) break;
      taken += 1;
      this.#waitingBytes -= bytesOf(waiting);
      const started = { owner: waiting.owner, operation: operationOf(waiting) };
      this.#started.set(started.operation.id, started);
      this.#startedBytes += started.operation.data.length;
      this.#start(started.operation);
    }
    if (taken > 0) this.#waiting.splice(0, taken);
  }

  /** An operation has ended; answers it, undefined where it is none of the kernel's. */
  completed(id: bigint): Started | undefined {
    const started = this.#started.get(id);
    if (started === undefined) return undefined;
    this.#started.delete(id);
    this.#startedBytes -= started.operation.data.length;
    return started;
  }

  /** An operation may or may not have been performed: the next `flush` repeats it. */
  uncertain(id: bigint): void {
    if (this.#started.has(id)) this.#uncertain.push(id);
  }

  /** Numbers only. */
  sample(): unknown {
    const [waiting, started] = [this.#waiting.length, [...this.#started.keys()]];
    return { nextId: this.#nextId, waiting, waitingBytes: this.#waitingBytes, started, uncertain: this.#uncertain };
  }

  save(): OperationsState {
    return {
      nextId: this.#nextId,
      waiting: this.#waiting.map(copyOf),
      started: [...this.#started.values()],
      uncertain: [...this.#uncertain],
    };
  }
}

function bytesOf(waiting: Waiting): number {
  return waiting.kind === 'write' ? waiting.bytes : waiting.operation.data.length;
}

function operationOf(waiting: Waiting): Operation {
  if (waiting.kind === 'operation') return waiting.operation;
  const { id, device, owner, offset } = waiting;
  const data = encodeMutation({ kind: 'write', inode: owner.inode, offset, bytes: joined(waiting) });
  return { id, device, command: DIRECTORY_CHANGE, argument: 0n, length: 0, data };
}

function joined({ pieces, bytes }: WaitingWrite): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** The list of pieces grows while a write waits; the pieces themselves never change. */
function copyOf(waiting: Waiting): Waiting {
  return waiting.kind === 'write' ? { ...waiting, pieces: [...waiting.pieces] } : waiting;
}
