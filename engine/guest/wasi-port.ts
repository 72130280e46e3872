// What a WASI program's kernel asks of the machine, done by a guest thread.
//
// The kernel is told of interrupts in the midst of a boundary, when nothing may be asked of the machine; what follows
// from them (an uncertain operation to repeat) it asks for when the boundary is over (`GuestDevices.settle`).

import type { SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../protocol/clock.js';
import type { Interrupt, Operation } from '../protocol/vocabulary.js';
import { WasiKernel } from '../wasi/kernel.js';
import type { Kernel, KernelConfiguration, KernelMachine } from '../wasi/kernel-port.js';
import { type Guest, GuestExit } from './guest.js';
import type { GuestDevices } from './guest-devices.js';
import type { MachineOptions, SocketOptions } from './machine-options.js';

export class WasiMachine implements KernelMachine {
  readonly #guest: Guest;

  constructor(guest: Guest) {
    this.#guest = guest;
  }

  environment(source: number): bigint {
    return this.#guest.environment(source);
  }

  clock(source: typeof SOURCE_REAL_TIME | typeof SOURCE_MONOTONIC, into: DataView, at: number): void {
    this.#guest.clock(source, into, at);
  }

  write(stream: number, bytes: Uint8Array): void {
    this.#guest.perform({ type: 'write', stream, bytes });
  }

  consumed(stream: number, offset: number): void {
    this.#guest.perform({ type: 'consumed', stream, offset });
  }

  finish(stream: number): void {
    this.#guest.perform({ type: 'endStream', stream });
  }

  close(stream: number): void {
    this.#guest.perform({ type: 'closeStream', stream });
  }

  start(operation: Operation): void {
    this.#guest.perform({ type: 'start', operation });
  }

  timer(deadlineNs: number): void {
    this.#guest.perform({ type: 'timer', deadlineNs });
  }

  again(): void {
    this.#guest.waitAgain();
  }

  exit(status: number): never {
    throw new GuestExit(status);
  }
}

const NO_SOCKETS: SocketOptions = { listeners: [], connectors: [] };

/**
 * The kernel of a guest that is a WASI program, connected to its machine.
 *
 * @param state what it saved elsewhere: it goes on from there, and owns the bytes in it
 */
export function startKernel(guest: Guest, options: MachineOptions, memory: () => Uint8Array, state?: unknown): Kernel {
  const { wasi, sockets = NO_SOCKETS, arguments: given } = options;
  const configuration: KernelConfiguration = { ...wasi!, ...sockets, arguments: given };
  const kernel = new WasiKernel(configuration, new WasiMachine(guest), memory, state);
  guest.devices = new KernelDevices(kernel);
  return kernel;
}

/** A program's interrupts end in the kernel: it has no handler. */
class KernelDevices implements GuestDevices {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  deliver(interrupt: Interrupt): undefined {
    this.#kernel.deliver(interrupt);
  }

  settle(): void {
    this.#kernel.settle();
  }

  end(): void {
    this.#kernel.end();
  }

  get idle(): boolean {
    return this.#kernel.idle;
  }

  get contentBytes(): number {
    return this.#kernel.contentBytes;
  }

  sample(turn: number): unknown {
    return this.#kernel.sample(turn);
  }

  save(copy: (bytes: Uint8Array) => Uint8Array): unknown {
    return this.#kernel.save(copy);
  }
}
