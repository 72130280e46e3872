// Real guest threads without a protocol: a host that performs what the guest starts, keeps its log, and moves snapshots.

import { fileURLToPath } from 'node:url';
import type { GuestState, MachineSnapshot } from '../../engine/guest/guest-state.js';
import type { MachineOptions } from '../../engine/guest/machine-options.js';
import type { Interrupt, Operation, Outcome, Output } from '../../engine/protocol/vocabulary.js';
import type * as Host from '../../engine/replica/thread-host.js';
import { SnapshotDecoder } from '../../engine/snapshot/snapshot-decoder.js';
import { encodeSnapshot } from '../../engine/snapshot/snapshot-encoder.js';

// Compiled, for it starts a thread from a file beside it.
const compiled = fileURLToPath(new URL('../../dist/engine/replica/thread-host.js', import.meta.url));
const { ThreadHost } = (await import(compiled)) as typeof Host;

export interface World {
  readonly module: Uint8Array;
  readonly options: MachineOptions;
  readonly input?: string;
  /** Performs an operation; asked once an id. */
  readonly perform?: (operation: Operation) => { readonly status: number; readonly data: Uint8Array };
}

export const OPTIONS: MachineOptions = {
  epochLength: 10_000,
  variant: 'deferred',
  counting: 'block',
  operationIds: true,
  maxMemory: 1 << 30,
  arguments: ['guest'],
  devices: [],
  bornMs: Date.now(),
};

interface Part {
  readonly from: number;
  readonly bytes: Uint8Array;
}

export interface Kept {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** What a guest did, as far as it can be seen from outside. */
export interface Seen {
  /** Output of each stream: where it begins, and the bytes. */
  readonly streams: ReadonlyMap<number, { readonly offset: number; readonly text: string }>;
  readonly outcome: Outcome;
}

export function bytesOf(state: GuestState, options: MachineOptions): Uint8Array {
  const snapshot: MachineSnapshot = { machine: 'm', moduleHash: 'h', options, origin: { any: 'thing' }, guest: state };
  return Buffer.concat([...encodeSnapshot(snapshot)]);
}

export function stateOf(bytes: Uint8Array): GuestState {
  const decoder = new SnapshotDecoder();
  decoder.push(bytes);
  return decoder.finish().guest;
}

/** Which of its snapshots a run keeps to go on from: a thread each. After the last it is asked for no more. */
const KEPT = [1, 4, 16, 64];

/** One guest thread and what there is to know of it. */
export class Run {
  readonly parts: Part[] = [];
  taken = 0;
  readonly operations: Operation[] = [];
  position = 0;
  readonly thread: Host.ThreadHost;
  readonly #streams = new Map<number, { offset: number; pieces: Uint8Array[] }>();
  readonly ended: Promise<Seen>;
  onSnapshot: (state: GuestState) => void = () => undefined;
  onPart: (part: Part) => void = () => undefined;
  onOperation: (operation: Operation) => void = () => undefined;
  onLoaded: () => void = () => undefined;
  onDiverged: ((message: string) => void) | undefined;

  constructor(world: World, more: Partial<Host.ThreadHostData>) {
    const { module, options } = world;
    this.thread = new ThreadHost({ module, options, role: 'primary', moduleCache: true, ...more });
    this.ended = new Promise((resolve, reject) => {
      const end = (outcome: Outcome) => {
        const streams = [...this.#streams].map(([stream, { offset, pieces }]) => {
          return [stream, { offset, text: Buffer.concat(pieces).toString('latin1') }] as const;
        });
        resolve({ streams: new Map(streams), outcome });
      };
      this.thread.listen({
        logged: (bytes, entries) => {
          const part = { from: this.position, bytes };
          this.parts.push(part);
          this.onPart(part);
          this.position += entries;
          this.thread.setAcknowledged(this.position, false);
        },
        output: (_, output) => this.#output(output, end),
        loaded: () => this.onLoaded(),
        drained: () => undefined,
        running: () => undefined,
        live: () => undefined,
        diverged: message => {
          if (this.onDiverged === undefined) reject(new Error(message));
          else this.onDiverged(message);
        },
        failed: message => reject(new Error(message)),
        congested: () => false,
      });
    });
  }

  #output(output: Output, end: (outcome: Outcome) => void): void {
    if (output.type === 'stream') {
      const { stream, offset, bytes } = output;
      const written = this.#streams.get(stream) ?? { offset, pieces: [] };
      written.pieces.push(bytes);
      this.#streams.set(stream, written);
    } else if (output.type === 'operation') {
      this.operations.push(output.operation);
      this.onOperation(output.operation);
    } else if (output.type === 'outcome') end(output.outcome);
  }

  requestSnapshot(join: boolean): void {
    this.thread.requestSnapshot({
      join,
      taken: (position, state) => {
        this.position = position;
        this.taken += 1;
        this.onSnapshot(state);
      },
      failed: () => undefined,
    });
  }

  /** Asks for a snapshot, and waits for it. */
  snapshot(join = true): Promise<GuestState> {
    this.requestSnapshot(join);
    return new Promise(resolve => {
      this.onSnapshot = resolve;
    });
  }

  async end(): Promise<Seen> {
    const seen = await this.ended;
    await this.thread.terminate();
    return seen;
  }
}

/** The devices of one machine, whichever guest thread it runs on. */
export class Devices {
  readonly #world: World;
  readonly #results = new Map<bigint, { status: number; data: Uint8Array }>();

  constructor(world: World) {
    this.#world = world;
  }

  connect(run: Run, inputFrom = 0, send = (interrupt: Interrupt) => run.thread.sendInterrupt(interrupt)): void {
    run.onOperation = operation => {
      const result = this.#results.get(operation.id) ?? this.#world.perform?.(operation);
      if (result === undefined) throw new Error(`nothing performs operation ${operation.id}`);
      this.#results.set(operation.id, result);
      send({ kind: 'completion', operation: operation.id, ...result });
    };
    const bytes = new TextEncoder().encode(this.#world.input ?? '').subarray(inputFrom);
    send({ kind: 'stream', stream: 0, offset: inputFrom, bytes, end: true });
  }
}

export interface PrimaryRun {
  readonly seen: Seen;
  /** Some of the snapshots that it took as fast as it could. */
  readonly kept: readonly Kept[];
  readonly taken: number;
  readonly parts: readonly Part[];
  readonly operations: readonly Operation[];
}

/** Runs a guest that is asked for one snapshot after another. @param alone nobody takes the log before the first */
export async function runPrimary(world: World, alone = false): Promise<PrimaryRun> {
  const run = new Run(world, {});
  const kept: Kept[] = [];
  // Devices answer once a snapshot: a guest that waits for them cannot end before it has been snapshotted.
  const held: Interrupt[] = [];
  const last = KEPT[KEPT.length - 1]!;
  run.onSnapshot = state => {
    const number = run.taken;
    if (KEPT.includes(number)) kept.push({ position: state.position, bytes: bytesOf(state, world.options) });
    for (const interrupt of held.splice(0, number < last ? 1 : held.length)) run.thread.sendInterrupt(interrupt);
    if (number < last) run.requestSnapshot(true);
  };
  new Devices(world).connect(run, 0, interrupt => {
    if (run.taken < last) held.push(interrupt);
    else run.thread.sendInterrupt(interrupt);
  });
  run.thread.setAcknowledged(alone ? Infinity : 0, alone);
  run.requestSnapshot(true);
  run.thread.begin();
  const seen = await run.end();
  const { parts, operations } = run;
  return { seen, kept, taken: run.taken, parts, operations };
}

/** Goes on from a snapshot as a backup that is given the log from there on, and promoted at its end. */
export async function runBackup(world: World, from: Kept, parts: readonly Part[]): Promise<Seen> {
  const run = new Run(world, { role: 'backup', restores: true });
  run.onLoaded = () => run.thread.restore(stateOf(from.bytes));
  for (const { from: position, bytes } of parts) if (position >= from.position) run.thread.sendLog(bytes);
  run.thread.sendPromotion();
  return run.end();
}

/** Goes on from a snapshot as the primary of another machine, with devices that know nothing of the first one. */
export async function runResumed(
  world: World,
  from: Kept,
): Promise<Seen & { readonly operations: readonly Operation[] }> {
  const run = new Run(world, { restores: true });
  const state = stateOf(from.bytes);
  run.position = state.position;
  run.onLoaded = () => run.thread.restore(state);
  const delivered = state.execution.input.find(({ stream }) => stream === 0);
  if (delivered?.ended !== true) new Devices(world).connect(run, delivered?.offset ?? 0);
  else new Devices({ ...world, input: '' }).connect(run, delivered.offset);
  run.thread.setAcknowledged(Infinity, true);
  return { ...(await run.end()), operations: run.operations };
}
