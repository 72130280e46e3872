// A machine made up for guests that serve: connections that say what a script says, a step at each wait, and virtual time.

import type { Imports } from '../../engine/instance/webassembly.js';
import { guestBytes } from './fake-machine.js';

/** Something that happens outside while the guest waits. Connections are numbered from 1 by whoever writes the script. */
export type Step =
  | { opens: number }
  | { of: number; says: Uint8Array | string }
  | { of: number; ends: true }
  | { of: number; resets: true }
  /** So many bytes more are taken from the guest. */
  | { of: number; takes: number }
  | { passesMs: number };

export interface Served {
  /** What each connection was told. */
  readonly told: ReadonlyMap<number, string>;
  readonly closed: readonly number[];
  readonly stdout: string;
  readonly stderr: string;
  /** Undefined where the guest still waits. */
  readonly status: number | undefined;
  readonly clockReadings: number;
  readonly timers: number;
  readonly memoryBytes: number;
}

export interface SocketWorld {
  readonly arguments?: readonly (string | number)[];
  /** Bytes that a connection takes before it is told to take more; all there are where absent. */
  readonly room?: number;
  readonly withoutListener?: boolean;
}

const LISTENER = 0x40;
const FIRST_CONNECTION = 0x10000;
/** When the machine was born, since 1970. */
const BORN_NS = 1_700_000_000_000_000_000n;
const END = -3;
const REFUSED = -1;
const RESET = -104;

class Over extends Error {}
class Exit extends Error {
  readonly status: number;
  constructor(status: number) {
    super();
    this.status = status;
  }
}

interface Connection {
  unread: Buffer;
  told: Buffer[];
  room: number;
  ended: boolean;
  reset: boolean;
  closed: boolean;
}

interface ServerExports {
  readonly memory: WebAssembly.Memory;
  interrupt(kind: number, id: bigint, status: number): void;
  _start(): void;
}

/** Runs guest/programs/NAME.ts through a script, until it waits for more than there is, or ends. */
export function serveScript(name: string, script: Iterable<Step>, world: SocketWorld = {}): Served {
  return new FakeSockets(name, script, world).run();
}

class FakeSockets {
  readonly #name: string;
  readonly #steps: Iterator<Step>;
  readonly #world: SocketWorld;
  readonly #arguments: Buffer;
  readonly #connections = new Map<number, Connection>();
  readonly #waiting: number[] = [];
  readonly #ready = new Set<number>();
  readonly #console: [Buffer[], Buffer[]] = [[], []];
  #exports!: ServerExports;
  #nowNs = 1_000_000_000n;
  #deadlineNs = 0n;
  #clockReadings = 0;
  #timers = 0;

  constructor(name: string, script: Iterable<Step>, world: SocketWorld) {
    this.#name = name;
    this.#steps = script[Symbol.iterator]();
    this.#world = world;
    this.#arguments = Buffer.from([`${name}.wasm`, ...(world.arguments ?? [])].map(text => `${text}\0`).join(''));
  }

  run(): Served {
    const module = new WebAssembly.Module(guestBytes(this.#name) as Uint8Array<ArrayBuffer>);
    const instance = new WebAssembly.Instance(module, { epochvisor: this.#imports() });
    this.#exports = instance.exports as unknown as ServerExports;
    let status: number | undefined;
    try {
      this.#exports._start();
      status = 0;
    } catch (thrown) {
      if (thrown instanceof Exit) status = thrown.status;
      else if (!(thrown instanceof Over)) throw new Error(`${thrown}\n${Buffer.concat(this.#console[1])}`);
    }
    const all = [...this.#connections];
    return {
      told: new Map(
        all.map(([stream, { told }]) => [stream - FIRST_CONNECTION, Buffer.concat(told).toString('latin1')]),
      ),
      closed: all.filter(([, { closed }]) => closed).map(([stream]) => stream - FIRST_CONNECTION),
      stdout: Buffer.concat(this.#console[0]).toString(),
      stderr: Buffer.concat(this.#console[1]).toString(),
      status,
      clockReadings: this.#clockReadings,
      timers: this.#timers,
      memoryBytes: this.#exports.memory.buffer.byteLength,
    };
  }

  #bytes(address: number, length: number): Buffer {
    return Buffer.from(this.#exports.memory.buffer, address >>> 0, length);
  }

  #imports(): Imports[string] {
    return {
      clock: (kind: number) => {
        this.#clockReadings++;
        return kind === 0 ? BORN_NS + this.#nowNs : this.#nowNs;
      },
      random: () => 0x123456789abcdefn,
      interrupt_enable: () => 0,
      arguments_size: () => this.#arguments.length,
      arguments_read: (buffer: number) => this.#bytes(buffer, this.#arguments.length).set(this.#arguments),
      exit: (status: number) => {
        throw new Exit(status);
      },
      timer_set: (deadlineNs: bigint) => {
        if (deadlineNs > 0n) this.#timers++;
        this.#deadlineNs = deadlineNs;
      },
      wait: () => this.#wait(),
      stream_accept: () => this.#waiting.shift() ?? 0,
      stream_ready: (buffer: number, most: number) => {
        const named = [...this.#ready].slice(0, most);
        for (const [at, stream] of named.entries()) this.#bytes(buffer + 4 * at, 4).writeInt32LE(stream);
        for (const stream of named) this.#ready.delete(stream);
        return named.length;
      },
      stream_read: (stream: number, buffer: number, length: number) => this.#read(stream, buffer, length),
      stream_write: (stream: number, buffer: number, length: number) => this.#write(stream, buffer, length),
      stream_close: (stream: number) => {
        this.#connections.get(stream)!.closed = true;
        return 0;
      },
      stream_end: () => 0,
      operation_start: () => REFUSED,
    };
  }

  #read(stream: number, buffer: number, length: number): number {
    if (stream === LISTENER) return this.#world.withoutListener === true ? REFUSED : 0;
    const connection = this.#connections.get(stream)!;
    if (connection.closed) return REFUSED;
    if (connection.reset) return RESET;
    const { unread } = connection;
    if (unread.length === 0) return connection.ended ? END : 0;
    const count = Math.min(length, unread.length);
    this.#bytes(buffer, count).set(unread.subarray(0, count));
    connection.unread = unread.subarray(count);
    return count;
  }

  #write(stream: number, buffer: number, length: number): number {
    if (stream === 1 || stream === 2) {
      this.#console[stream - 1]!.push(Buffer.from(this.#bytes(buffer, length)));
      return length;
    }
    const connection = this.#connections.get(stream)!;
    if (connection.closed) return REFUSED;
    if (connection.reset) return RESET;
    const count = Math.min(length, connection.room);
    connection.room -= count;
    connection.told.push(Buffer.from(this.#bytes(buffer, count)));
    return count;
  }

  /** Lets the next thing happen that the guest hears of. */
  #wait(): void {
    while (this.#ready.size === 0) {
      const { value: step, done } = this.#steps.next();
      if (done === true) throw new Over('the script is at its end');
      if ('passesMs' in step) {
        this.#nowNs += BigInt(Math.round(step.passesMs * 1e6));
        if (this.#deadlineNs === 0n || this.#deadlineNs > this.#nowNs) continue;
        this.#deadlineNs = 0n;
        this.#exports.interrupt(1, this.#nowNs, 0);
        return;
      }
      this.#happens(step);
    }
    this.#exports.interrupt(2, BigInt(FIRST_CONNECTION), 0);
  }

  #happens(step: Exclude<Step, { passesMs: number }>): void {
    if ('opens' in step) {
      const stream = FIRST_CONNECTION + step.opens;
      const room = this.#world.room ?? Number.POSITIVE_INFINITY;
      this.#connections.set(stream, {
        unread: Buffer.alloc(0),
        told: [],
        room,
        ended: false,
        reset: false,
        closed: false,
      });
      this.#waiting.push(stream);
      this.#ready.add(LISTENER);
      return;
    }
    const stream = FIRST_CONNECTION + step.of;
    const connection = this.#connections.get(stream)!;
    if (connection.closed) return;
    if ('says' in step) connection.unread = Buffer.concat([connection.unread, Buffer.from(step.says)]);
    else if ('ends' in step) connection.ended = true;
    else if ('resets' in step) connection.reset = true;
    else connection.room += step.takes;
    this.#ready.add(stream);
  }
}
