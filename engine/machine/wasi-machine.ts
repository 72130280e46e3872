// What a WASI program's kernel asks of the machine, done by a guest thread.
//
// The kernel is told of interrupts in the midst of a boundary, when nothing may be asked of the machine; what follows
// from them (an uncertain operation to repeat) it asks for when the boundary is over (`Guest.onSettle`).

import type { SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../protocol/clock.js';
import type { Operation } from '../protocol/machine.js';
import { WasiKernel } from '../wasi/kernel.js';
import type { Kernel, KernelConfiguration, KernelMachine } from '../wasi/machine.js';
import type { MachineOptions } from './configuration.js';
import { type Guest, GuestExit } from './guest.js';

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

/** The kernel of a guest that is a WASI program, connected to its machine. */
export function startKernel(guest: Guest, options: MachineOptions, memory: () => Uint8Array): Kernel {
  const configuration: KernelConfiguration = { ...options.wasi!, arguments: options.arguments };
  const kernel = new WasiKernel(configuration, new WasiMachine(guest), memory);
  guest.onDelivery = interrupt => {
    kernel.deliver(interrupt);
    return undefined;
  };
  guest.onSettle = () => kernel.settle();
  return kernel;
}
