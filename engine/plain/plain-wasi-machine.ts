// A machine without a backup for a WASI program: the kernel that it has on a pair, over the same devices, in the calling thread.
//
// The module is run as it is, and its imports are the kernel's calls. A call that the kernel can't answer blocks the
// thread: what happens outside is awaited and delivered, and the call is made again, until it is answered. Every call is a
// boundary: what has happened by then is delivered first.

import { STDIN } from '../../devices/console/console-streams.js';
import { WASI_IMPORTS, WASI_MODULE, WASI_THREADS, WASI_THREADS_MODULE } from '../guest/wasi-imports.js';
import type { WasmExports } from '../instance/webassembly.js';
import { SOURCE_MONOTONIC, SOURCE_RANDOM } from '../protocol/clock.js';
import type { Interrupt, Operation } from '../protocol/vocabulary.js';
import { EVENTTYPE_FD_READ } from '../wasi/abi.js';
import { EAGAIN } from '../wasi/errno.js';
import { WasiKernel } from '../wasi/kernel.js';
import type { Kernel, KernelConfiguration, KernelMachine } from '../wasi/kernel-port.js';
import { ExitSignal, endingOf, type PlainOutcome } from './ending.js';
import { type PlainDevices, type PlainEvent, UNREAD_BYTES_MAX } from './plain-port.js';

/** What a program is given besides arguments and sockets. */
export type PlainWorld = Omit<KernelConfiguration, 'arguments' | 'listeners' | 'connectors'>;

type Call = (...values: never[]) => number;

const NO_BYTES = new Uint8Array(0);
/** Of poll_oneoff's list: engine/wasi/calls/poll-calls.ts draws it. */
const SUBSCRIPTION_BYTES = 48;
/** It waits for nothing, and programs measure themselves by it in tight loops. */
const WITHOUT_BOUNDARY = 'clock_time_get';

export class PlainWasiMachine implements KernelMachine {
  readonly #devices: PlainDevices;
  readonly #kernel: Kernel;
  /** The clocks at the machine's birth, ns. */
  readonly #bornNs: bigint;
  readonly #realBornNs: bigint;
  #memory: WebAssembly.Memory | undefined;
  /** Monotonic ns at which the timer fires; 0 while it is disarmed. */
  #deadlineNs = 0;
  /** The call that is under way blocks. */
  #again = false;
  /** Offsets of standard input: what was delivered, what the program has read. */
  #delivered = 0;
  #consumed = 0;

  constructor(devices: PlainDevices, world: PlainWorld) {
    this.#devices = devices;
    this.#bornNs = devices.clock(1);
    this.#realBornNs = devices.clock(0);
    const listeners = devices.sockets?.listeners ?? [];
    const configuration = { ...world, arguments: devices.arguments, listeners, connectors: [] };
    this.#kernel = new WasiKernel(configuration, this, () =>
      this.#memory === undefined ? NO_BYTES : new Uint8Array(this.#memory.buffer),
    );
  }

  /**
   * Runs a program to its end, whatever it has written by then reaching the devices; may be called once.
   * @throws WebAssembly.LinkError where the program imports what preview 1 does not have
   */
  run(module: WebAssembly.Module): PlainOutcome {
    this.#kernel.settle();
    const imports = { [WASI_MODULE]: this.#imports(), [WASI_THREADS_MODULE]: WASI_THREADS };
    const outcome = endingOf(() => {
      const exports: WasmExports = new WebAssembly.Instance(module, imports).exports;
      this.#memory = exports.memory as WebAssembly.Memory;
      (exports._start as () => void)();
    });
    while (!this.#kernel.idle) this.#wait();
    return outcome;
  }

  // ---- the program's calls

  #imports(): Record<string, Call> {
    const calls = this.#kernel.imports();
    return Object.fromEntries(
      Object.keys(WASI_IMPORTS).map(name => {
        const call = calls[name]!;
        return [name, name === WITHOUT_BOUNDARY ? call : this.#blocking(call, this.#hooks[name])];
      }),
    );
  }

  /** @param first done once, before the call is made */
  #blocking(call: Call, first?: (...values: never[]) => void): Call {
    return (...values) => {
      first?.(...values);
      this.#deliver();
      for (;;) {
        const errno = call(...values);
        if (!this.#again) {
          // It asks for news, maybe of what is gathered here.
          if (errno === EAGAIN) this.#devices.sockets?.flush();
          return errno;
        }
        this.#again = false;
        this.#wait();
      }
    };
  }

  /** Standard input is this process's: it is read for who asks for it, and for nobody else. */
  readonly #hooks: Readonly<Record<string, (...values: never[]) => void>> = {
    fd_read: (descriptor: number) => {
      if (descriptor === STDIN) this.#devices.listen();
    },
    // By another number the kernel alone knows it.
    fd_renumber: (from: number) => {
      if (from === STDIN) this.#devices.listen();
    },
    poll_oneoff: (list: number, _: number, count: number) => {
      this.#devices.sockets?.flush();
      if (this.#waitsForInput(list >>> 0, count >>> 0)) this.#devices.listen();
    },
  };

  #waitsForInput(list: number, count: number): boolean {
    const buffer = this.#memory?.buffer;
    // What reaches beyond it the kernel refuses.
    if (buffer === undefined || list + count * SUBSCRIPTION_BYTES > buffer.byteLength) return false;
    const view = new DataView(buffer, list);
    for (let at = 0; at < count * SUBSCRIPTION_BYTES; at += SUBSCRIPTION_BYTES) {
      if (view.getUint8(at + 8) === EVENTTYPE_FD_READ && view.getUint32(at + 16, true) === STDIN) return true;
    }
    return false;
  }

  // ---- what happens outside

  /** Returns when something was delivered. */
  #wait(): void {
    while (!this.#deliver()) {
      this.#devices.sleep(this.#deadlineNs === 0 ? 0n : BigInt(this.#deadlineNs) + this.#bornNs);
    }
  }

  /** Delivers everything that is pending; false where nothing is. */
  #deliver(): boolean {
    let delivered = this.#fire();
    for (let event = this.#poll(); event !== null; event = this.#poll()) {
      this.#kernel.deliver(this.#interruptOf(event));
      delivered = true;
    }
    if (delivered) this.#kernel.settle();
    return delivered;
  }

  #fire(): boolean {
    if (this.#deadlineNs === 0) return false;
    const timeNs = Number(this.environment(SOURCE_MONOTONIC));
    if (timeNs < this.#deadlineNs) return false;
    this.#deadlineNs = 0;
    this.#kernel.deliver({ kind: 'timer', timeNs });
    return true;
  }

  #poll(): PlainEvent | null {
    return this.#devices.poll(this.#delivered - this.#consumed < UNREAD_BYTES_MAX);
  }

  #interruptOf(event: PlainEvent): Interrupt {
    switch (event.kind) {
      case 'input': {
        const offset = this.#delivered;
        this.#delivered += event.bytes.length;
        return { kind: 'stream', stream: STDIN, offset, bytes: event.bytes, end: false };
      }
      case 'end':
        return { kind: 'stream', stream: STDIN, offset: this.#delivered, bytes: NO_BYTES, end: true };
      case 'completion':
        return { kind: 'completion', operation: event.number, status: event.status, data: event.data ?? NO_BYTES };
      case 'uncertain':
        return { kind: 'uncertain', operation: event.number };
      case 'socket':
        return event.event;
    }
  }

  // ---- what the kernel asks for

  environment(source: number): bigint {
    if (source === SOURCE_RANDOM) return this.#devices.random();
    const timeNs = this.#devices.clock(1) - this.#bornNs;
    // As a pair's, time of day goes on from the machine's birth: whatever is done to the host's.
    return source === SOURCE_MONOTONIC ? timeNs : timeNs + this.#realBornNs;
  }

  clock(source: number, into: DataView, at: number): void {
    into.setBigUint64(at, this.environment(source), true);
  }

  write(stream: number, bytes: Uint8Array): void {
    if (stream === 1 || stream === 2) this.#devices.write(stream, bytes);
    else this.#devices.sockets!.perform({ type: 'write', stream, bytes });
  }

  consumed(stream: number, offset: number): void {
    if (stream === STDIN) this.#consumed = offset;
    else this.#devices.sockets!.perform({ type: 'consumed', stream, offset });
  }

  finish(stream: number): void {
    this.#devices.sockets!.perform({ type: 'endStream', stream });
  }

  close(stream: number): void {
    this.#devices.sockets!.perform({ type: 'closeStream', stream });
  }

  start(operation: Operation): void {
    this.#devices.folders!.start(operation);
  }

  timer(deadlineNs: number): void {
    this.#deadlineNs = deadlineNs;
  }

  again(): void {
    this.#again = true;
  }

  exit(status: number): never {
    throw new ExitSignal(status);
  }
}
