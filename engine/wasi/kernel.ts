// The kernel between an unmodified WASI preview 1 program and the devices.
//
// It is a state machine: the program's calls and what is delivered at boundaries drive it, and nothing else does. The
// same on every replica, it needs no protocol of its own. The files of a directory live here, in memory that every
// replica has; the device on the bus is their durable copy, loaded once and told of every change by operations with ids.
//
//   program -- calls/* -- core.ts -+- descriptors.ts
//                                     +- volume.ts -- tree.ts, paths.ts      the files of one directory
//                                     +- operations.ts -------------------- kernel-port.ts: start, completion, uncertain
//                                     +- ../streams ----------------------- kernel-port.ts: write, consumed, stream interrupts

import type { Interrupt } from '../protocol/vocabulary.js';
import { descriptorCalls } from './calls/descriptor-calls.js';
import { fileCalls } from './calls/file-calls.js';
import type { Call } from './calls/guard.js';
import { nameCalls } from './calls/name-calls.js';
import { pathCalls } from './calls/path-calls.js';
import { pollCalls } from './calls/poll-calls.js';
import { processCalls } from './calls/process-calls.js';
import { readdirCalls } from './calls/readdir-calls.js';
import { socketCalls } from './calls/socket-calls.js';
import { Core, type KernelState } from './core.js';
import type { Kernel, KernelConfiguration, KernelMachine } from './kernel-port.js';
import { kernelStateOf } from './outstanding-changes.js';
import type { CopyBytes } from './tree.js';

export class WasiKernel implements Kernel {
  readonly #core: Core;
  readonly #imports: Record<string, Call>;

  /**
   * @param memory the program's linear memory as it is now (it moves when it grows)
   * @param state what `save` gave: the kernel goes on from there, and owns the bytes in it
   */
  constructor(configuration: KernelConfiguration, machine: KernelMachine, memory: () => Uint8Array, state?: unknown) {
    this.#core = new Core(configuration, machine, memory, state === undefined ? undefined : kernelStateOf(state));
    this.#imports = {
      ...processCalls(this.#core),
      ...descriptorCalls(this.#core),
      ...fileCalls(this.#core),
      ...readdirCalls(this.#core),
      ...pathCalls(this.#core),
      ...nameCalls(this.#core),
      ...pollCalls(this.#core),
      ...socketCalls(this.#core),
    };
  }

  imports(): Record<string, Call> {
    return this.#imports;
  }

  deliver(interrupt: Interrupt): void {
    this.#core.deliver(interrupt);
  }

  settle(): void {
    this.#core.settle();
  }

  end(): void {
    this.#core.end();
  }

  get idle(): boolean {
    return this.#core.operations.idle;
  }

  get contentBytes(): number {
    return this.#core.space.usedBytes;
  }

  sample(turn: number): unknown {
    return this.#core.sample(turn);
  }

  save(copy: CopyBytes = bytes => bytes.slice()): KernelState {
    return this.#core.save(copy);
  }
}
