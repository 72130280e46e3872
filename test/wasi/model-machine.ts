// A machine of one: operations are performed when the program waits, time is what the test says it is.

import { FIRST_CONNECTOR } from '../../devices/connector/connector-commands.js';
import { FIRST_DIRECTORY } from '../../devices/directory/directory-commands.js';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../../engine/protocol/clock.js';
import type { Interrupt, Operation } from '../../engine/protocol/vocabulary.js';
import { WasiKernel } from '../../engine/wasi/kernel.js';
import type { Kernel, KernelConfiguration, KernelMachine } from '../../engine/wasi/kernel-port.js';
import type { ModelFolder } from './model-folder.js';

/** Thrown by `exit`. */
export class Exit {
  readonly status: number;
  constructor(status: number) {
    this.status = status;
  }
}

/** The program would wait for ever. */
export class Stuck extends EpochvisorError {
  constructor() {
    super('STUCK', 'the program waits, and nothing can be delivered');
  }
}

export interface Options {
  readonly folders?: readonly ModelFolder[];
  readonly names?: readonly string[];
  readonly readOnly?: boolean;
  readonly configuration?: Partial<KernelConfiguration>;
  /** Bytes of the program's memory. */
  readonly memoryBytes?: number;
}

export const REAL_TIME_NS = 1_700_000_000_000_000_000n;

export class ModelMachine implements KernelMachine {
  kernel: Kernel;
  memory: () => Uint8Array;
  readonly folders: readonly ModelFolder[];
  readonly configuration: KernelConfiguration;
  /** What was written to each stream. */
  readonly written = new Map<number, Uint8Array[]>();
  readonly consumedOffsets = new Map<number, number>();
  readonly socketCalls: string[] = [];
  /** Operations started and not performed. */
  operations: Operation[] = [];
  /** Delivered at the next boundary that waits. */
  inbox: Interrupt[] = [];
  monotonicNs = 1_000_000n;
  timerNs = 0;
  environments = 0;
  boundaries = 0;
  /** What comes of an operation at what is no folder. */
  onOperation: (operation: Operation) => readonly Interrupt[] = () => [];
  /** Called at every boundary that waits, before anything is delivered. */
  onBoundary: () => void = () => undefined;
  #again = false;
  #random = 0x9e3779b97f4a7c15n;

  constructor(options: Options = {}) {
    this.folders = options.folders ?? [];
    const bytes = new Uint8Array(options.memoryBytes ?? 1 << 20);
    this.memory = () => bytes;
    this.configuration = {
      arguments: ['program'],
      environment: [],
      terminals: [false, false, false],
      directories: this.folders.map((_, index) => ({
        guestPath: options.names?.[index] ?? '/',
        device: FIRST_DIRECTORY + index,
        readOnly: options.readOnly ?? false,
      })),
      listeners: [],
      connectors: [],
      filesBytesMax: 1 << 28,
      ...options.configuration,
    };
    this.kernel = new WasiKernel(this.configuration, this, () => this.memory());
    this.kernel.settle();
  }

  /** The kernel goes on from what it saves: through bytes, as a snapshot would carry it. */
  restart(): void {
    const state = structuredClone(this.kernel.save());
    this.kernel = new WasiKernel(this.configuration, this, () => this.memory(), state);
  }

  // ---- the kernel's machine

  environment(source: number): bigint {
    this.environments += 1;
    if (source === SOURCE_REAL_TIME) return REAL_TIME_NS + BigInt(this.environments) * 1000n;
    if (source === SOURCE_MONOTONIC) return this.monotonicNs;
    this.#random = BigInt.asUintN(64, this.#random * 6364136223846793005n + 1442695040888963407n);
    return BigInt.asIntN(64, this.#random);
  }

  clock(source: number, into: DataView, at: number): void {
    into.setBigUint64(at, this.environment(source), true);
  }

  write(stream: number, bytes: Uint8Array): void {
    const pieces = this.written.get(stream) ?? [];
    pieces.push(bytes);
    this.written.set(stream, pieces);
  }

  consumed(stream: number, offset: number): void {
    this.consumedOffsets.set(stream, offset);
  }

  finish(stream: number): void {
    this.socketCalls.push(`finish ${stream}`);
  }

  close(stream: number): void {
    this.socketCalls.push(`close ${stream}`);
  }

  start(operation: Operation): void {
    this.operations.push(operation);
  }

  timer(deadlineNs: number): void {
    this.timerNs = deadlineNs;
  }

  again(): void {
    this.#again = true;
  }

  exit(status: number): never {
    throw new Exit(status);
  }

  // ---- the program

  /** A call, made again until it does not block. */
  call(name: string, ...values: (number | bigint)[]): number {
    for (;;) {
      const call = this.kernel.imports()[name] as unknown as (...values: (number | bigint)[]) => number;
      const errno = call(...values);
      if (!this.#again) return errno;
      this.#again = false;
      this.#wait();
    }
  }

  text(stream: number): string {
    return Buffer.concat(this.written.get(stream) ?? []).toString('latin1');
  }

  // ---- boundaries

  #wait(): void {
    this.boundaries += 1;
    this.onBoundary();
    let some = this.deliver();
    if (!some && this.timerNs !== 0) {
      const timeNs = this.timerNs;
      this.monotonicNs = BigInt(timeNs);
      this.timerNs = 0;
      this.kernel.deliver({ kind: 'timer', timeNs });
      some = true;
    }
    if (!some) throw new Stuck();
    this.kernel.settle();
  }

  /** Performs what was started, and delivers that and the inbox. */
  deliver(): boolean {
    const { operations, inbox } = this;
    this.operations = [];
    this.inbox = [];
    let delivered = inbox.length;
    for (const operation of operations) {
      if (operation.device >= FIRST_CONNECTOR) {
        const interrupts = this.onOperation(operation);
        for (const interrupt of interrupts) this.kernel.deliver(interrupt);
        delivered += interrupts.length;
        continue;
      }
      delivered += 1;
      const { status, data } = this.folders[operation.device - FIRST_DIRECTORY]!.perform(operation);
      this.kernel.deliver({ kind: 'completion', operation: operation.id, status, data });
    }
    for (const interrupt of inbox) this.kernel.deliver(interrupt);
    return delivered > 0;
  }
}
