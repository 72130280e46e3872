// A machine without a backup, an instrumenter or epochs: runs a bare guest's module as it is, in the calling thread.
//
// It is the baseline that everything else is compared with, and, with devices made for it, the machine that the
// guest library's tests run on. It knows the ABI (guest/lib/hardware.ts) and nothing of files or terminals: what is
// outside comes through `PlainDevices`.
//
// Its boundaries are the imports. At each of them, where the guest has interrupts on, everything pending is delivered
// before the instruction is done, at `wait` too. A guest that looks at some state with interrupts on and then waits
// for it to change loses a wake-up here just as it would, once in a blue moon, on the real machine.

import { assert } from '../errors/errors.js';
import { GuestStreams } from '../guest/guest-streams.js';
import type { Imports, WasmExports } from '../instance/webassembly.js';
import type { ExecutionEvent } from '../protocol/execution-events.js';
import { encodeEscaped } from '../wasm/escaped-utf8.js';
import { ExitSignal, endingOf, type PlainOutcome } from './ending.js';
import { type PlainDevices, type PlainEvent, UNREAD_BYTES_MAX } from './plain-port.js';
import type { SocketAction } from './socket-messages.js';

const REFUSED = -1;
const OUT_OF_RANGE = -2;
const END_OF_STREAM = -3;

type Handler = (kind: number, id: bigint, status: number) => void;

/** One machine for one guest: `run`, or, for who wants to call single functions, `imports` and `attach`. */
export class PlainMachine {
  /** What the guest is to be instantiated with. */
  readonly imports: Imports;
  readonly #devices: PlainDevices;
  readonly #arguments: Uint8Array;
  /** Listeners and connections; stdin, stdout and stderr are apart. */
  readonly #streams: GuestStreams;
  #memory: WebAssembly.Memory | undefined;
  #handler: Handler | undefined;
  #enabled = false;
  /** Monotonic nanoseconds at which the timer fires; 0n while it is disarmed. */
  #deadlineNs = 0n;
  /** Where the data of operations under way goes. */
  readonly #buffers = new Map<bigint, number>();
  readonly #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #ended = false;

  constructor(devices: PlainDevices) {
    this.#devices = devices;
    this.#arguments = encodeEscaped(devices.arguments.map(argument => `${argument}\0`).join(''));
    const { sockets } = devices;
    this.#streams = new GuestStreams(
      { perform: event => sockets?.perform(socketAction(event)) },
      { listeners: sockets?.listeners ?? [], connectors: [] },
    );
    this.imports = { epochvisor: this.#instructions() };
  }

  /** Makes the machine's memory and interrupt handler those of an instance. */
  attach(exports: WasmExports): void {
    this.#memory = exports.memory as WebAssembly.Memory | undefined;
    this.#handler = exports.interrupt as Handler | undefined;
  }

  /**
   * Runs a guest to its end; may be called once.
   * @throws WebAssembly.LinkError where the guest imports what a bare guest's machine does not have
   */
  run(module: WebAssembly.Module): PlainOutcome {
    const { exports } = new WebAssembly.Instance(module, this.imports);
    this.attach(exports);
    return endingOf(exports._start as () => void);
  }

  #instructions(): Imports[string] {
    const devices = this.#devices;
    return {
      clock: (kind: number) => {
        this.#boundary();
        return devices.clock(kind === 0 ? 0 : 1);
      },
      random: () => {
        this.#boundary();
        return devices.random();
      },
      stream_read: (stream: number, buffer: number, length: number) => {
        this.#boundary();
        return this.#read(stream, buffer, length);
      },
      stream_write: (stream: number, buffer: number, length: number) => {
        this.#boundary();
        const bytes = this.#range(buffer, length);
        if (bytes === null) return OUT_OF_RANGE;
        if (stream !== 1 && stream !== 2) return this.#streams.write(stream, bytes);
        devices.write(stream, bytes);
        return length;
      },
      stream_accept: (listener: number) => this.#streams.accept(listener),
      stream_ready: (buffer: number, most: number) => {
        devices.sockets?.flush();
        this.#boundary();
        return this.#streamReady(buffer, most);
      },
      stream_end: (stream: number) => this.#streams.end(stream),
      stream_close: (stream: number) => this.#streams.close(stream),
      interrupt_enable: (on: number) => {
        const before = this.#enabled;
        this.#enabled = on !== 0;
        this.#boundary();
        return before ? 1 : 0;
      },
      device_size: (device: number) => devices.deviceSize(device),
      arguments_size: () => this.#arguments.length,
      arguments_read: (buffer: number) => {
        const room = this.#range(buffer, this.#arguments.length);
        if (room === null) return OUT_OF_RANGE;
        room.set(this.#arguments);
        return this.#arguments.length;
      },
      timer_set: (deadlineNs: bigint) => {
        this.#boundary();
        this.#deadlineNs = deadlineNs;
      },
      operation_start: (...operation: [bigint, number, number, bigint, number, number]) => {
        this.#boundary();
        return this.#start(...operation);
      },
      exit: (status: number) => {
        throw new ExitSignal(status);
      },
      wait: () => {
        this.#boundary();
        while (!this.#deliver()) devices.sleep(this.#deadlineNs);
      },
    };
  }

  /** The guest's bytes from `address`, or null where they are not all in its memory. */
  #range(address: number, length: number): Uint8Array | null {
    const buffer = this.#memory?.buffer ?? new ArrayBuffer(0);
    const start = address >>> 0;
    if (length < 0 || start + length > buffer.byteLength) return null;
    return new Uint8Array(buffer, start, length);
  }

  #start(number: bigint, device: number, command: number, argument: bigint, buffer: number, length: number): number {
    if (number <= 0n || this.#buffers.has(number)) return REFUSED;
    const bytes = this.#range(buffer, length);
    if (bytes === null) return OUT_OF_RANGE;
    const answer = this.#devices.start({ number, device, command, argument, data: bytes.slice() });
    if (answer === 0) this.#buffers.set(number, buffer);
    return answer;
  }

  #read(stream: number, buffer: number, length: number): number {
    const room = this.#range(buffer, length);
    if (room === null) return OUT_OF_RANGE;
    if (stream !== 0) return this.#streams.read(stream, room);
    this.#devices.listen();
    if (this.#unreadBytes === 0) return this.#ended ? END_OF_STREAM : 0;
    let count = 0;
    while (count < length && this.#unread.length > 0) {
      const chunk = this.#unread[0]!;
      const part = chunk.subarray(0, length - count);
      room.set(part, count);
      count += part.length;
      if (part.length === chunk.length) this.#unread.shift();
      else this.#unread[0] = chunk.subarray(part.length);
    }
    this.#unreadBytes -= count;
    return count;
  }

  #streamReady(buffer: number, most: number): number {
    const room = this.#range(buffer, 4 * (most >>> 0));
    if (room === null) return OUT_OF_RANGE;
    const view = new DataView(room.buffer, room.byteOffset);
    const ready = this.#streams.takeReady(most >>> 0);
    for (const [index, stream] of ready.entries()) view.setInt32(4 * index, stream, true);
    return ready.length;
  }

  #boundary(): void {
    if (this.#enabled) this.#deliver();
  }

  /** Delivers everything that is pending, with interrupts off; false where nothing is. */
  #deliver(): boolean {
    const before = this.#enabled;
    this.#enabled = false;
    let delivered = false;
    if (this.#deadlineNs > 0n) {
      const nowNs = this.#devices.clock(1);
      if (nowNs >= this.#deadlineNs) {
        this.#deadlineNs = 0n;
        this.#handler?.(1, nowNs, 0);
        delivered = true;
      }
    }
    for (let event = this.#poll(); event !== null; event = this.#poll()) {
      this.#deliverEvent(event);
      delivered = true;
    }
    this.#enabled = before;
    return delivered;
  }

  #poll(): PlainEvent | null {
    return this.#devices.poll(this.#unreadBytes < UNREAD_BYTES_MAX);
  }

  #deliverEvent(event: PlainEvent): void {
    switch (event.kind) {
      case 'input':
        this.#unread.push(event.bytes);
        this.#unreadBytes += event.bytes.length;
        this.#handler?.(2, 0n, this.#unreadBytes);
        return;
      case 'end':
        this.#ended = true;
        this.#handler?.(2, 0n, END_OF_STREAM);
        return;
      case 'completion': {
        const buffer = this.#buffers.get(event.number);
        this.#buffers.delete(event.number);
        if (event.data !== undefined && buffer !== undefined) this.#range(buffer, event.data.length)?.set(event.data);
        this.#handler?.(3, event.number, event.status);
        return;
      }
      case 'uncertain':
        this.#buffers.delete(event.number);
        this.#handler?.(4, event.number, 0);
        return;
      case 'socket': {
        const dispatch = this.#streams.deliver(event.event);
        if (dispatch !== undefined) this.#handler?.(dispatch.kind, dispatch.id, dispatch.status);
      }
    }
  }
}

/** What a guest asks for of a socket; it has no other streams here. */
function socketAction(event: ExecutionEvent): SocketAction {
  const { type } = event;
  assert(type === 'write' || type === 'endStream' || type === 'closeStream' || type === 'consumed', `not ${type}`);
  return event as SocketAction;
}
