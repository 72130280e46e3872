// The bus of a launched machine, whatever it runs in: in the launcher's own process, and gone with it, or in one of its own
// (bus-process.ts).

import type { OperationDevice, StreamDevice } from '../../devices/device.js';
import type { Arbiter } from '../arbiter/arbiter.js';
import type { BusServer, ServerMemory } from '../bus/server.js';
import type { EpochvisorError } from '../errors/errors.js';
import type { StreamOffsets } from '../protocol/bus/bus.js';
import type { Outcome } from '../protocol/vocabulary.js';
import { Ending } from './awaited-ending.js';
import type { BusServing } from './bus-messages.js';

export interface LaunchedBusOptions extends BusServing {
  readonly machine: string;
  /** The one of `arbiter`, opened. */
  readonly openedArbiter: Arbiter;
  /** A stream, or what it remembers, can't be used any more: the machine can't go on. */
  readonly failed: (error: EpochvisorError) => void;
  readonly fenced: (view: number, incarnation: string, silentMs?: number) => void;
  /** A connection that was not taken. */
  readonly refused?: (error: EpochvisorError) => void;
}

export interface LaunchedBus {
  /** Of those that have served. */
  readonly incarnations: readonly string[];
  /** The outcome of the machine, when it is performed; never rejects. */
  readonly finished: Promise<Outcome>;
  /** Resolves when replicas can find it. @throws EpochvisorError */
  serve(options: LaunchedBusOptions): Promise<void>;
  close(): Promise<void>;
}

export class OwnBus implements LaunchedBus {
  readonly finished: Promise<Outcome>;
  readonly #finished = new Ending<Outcome>();
  readonly #streams: readonly StreamDevice[];
  readonly #devices: ReadonlyMap<number, OperationDevice>;
  readonly #offsets: StreamOffsets | undefined;
  readonly #memory: ServerMemory | undefined;
  /** Loaded while replicas start: it is most of what this process has to load. */
  readonly #loading = import('../bus/server.js');
  #server: BusServer | undefined;

  constructor(
    streams: readonly StreamDevice[],
    devices: ReadonlyMap<number, OperationDevice>,
    offsets: StreamOffsets | undefined,
    memory?: ServerMemory,
  ) {
    this.finished = this.#finished.promise;
    this.#streams = streams;
    this.#devices = devices;
    this.#offsets = offsets;
    this.#memory = memory;
  }

  get incarnations(): readonly string[] {
    return this.#server === undefined ? [] : [this.#server.incarnation];
  }

  async serve({
    machine,
    secret,
    openedArbiter,
    failed,
    fenced,
    refused,
    ...options
  }: LaunchedBusOptions): Promise<void> {
    const { BusServer } = await this.#loading;
    const { encrypted, moduleHash, options: shaping, operationIds } = options;
    this.#server = await BusServer.start({
      ...{ encrypted, moduleHash, options: shaping, operationIds },
      credentials: { machine, secret },
      streams: this.#streams,
      devices: this.#devices,
      ...(this.#offsets === undefined ? {} : { offsets: this.#offsets }),
      ...(this.#memory === undefined ? {} : { memory: this.#memory }),
      observer: { failed: (_, error) => failed(error), fenced, ...(refused === undefined ? {} : { refused }) },
    });
    void this.#server.finished.then(outcome => this.#finished.resolve(outcome));
    const { incarnation, address } = this.#server;
    await openedArbiter.announce(machine, { incarnation, kind: 'bus', address });
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}
