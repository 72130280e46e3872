// A machine whose bus is a process of its own, killed and started again: replicas, devices and outputs in the folder of a test.

import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SocketAddress } from '../../devices/connection/socket-address.js';
import type { DeviceOptions, DeviceSource } from '../../devices/device-kind.js';
import { FolderArbiter } from '../../engine/arbiter/folder-arbiter.js';
import type { MachineOptions } from '../../engine/guest/machine-options.js';
import type { ReplicaProcess } from '../../engine/launch/replica-process.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import { DEFAULT_TIMING, type FromReplica } from '../../engine/replica/replica-configuration.js';
import { OPTIONS } from '../snapshot/guest-host.js';
import type { BusProgram } from './bus-program.js';
import { type Bench, type Command, type Ended, until } from './command.js';

// As compiled: a process is started from the file beside it.
const BUILT = '../../dist/engine/launch/replica-process.js';
const built = (await import(BUILT)) as typeof import('../../engine/launch/replica-process.js');

const MACHINE = 'm';
/** On a busy host a replica is silent for a while; here nobody is to be suspected but for the bus. */
export const SUSPICION_MS = 5_000;
const VIEW: View = { number: 1, machine: MACHINE, primary: 'a', backups: ['b'], claim: 'first' };

export interface MachineParts {
  /** Path of the guest's module. */
  readonly guest: string;
  readonly arguments?: readonly string[];
  readonly sources?: readonly DeviceSource[];
  /** What a bare guest sees of them. */
  readonly devices?: readonly DeviceOptions[];
  readonly wasi?: MachineOptions['wasi'];
  readonly sockets?: MachineOptions['sockets'];
  readonly listen?: readonly SocketAddress[];
  readonly syncs?: boolean;
}

export class RestartedMachine {
  readonly #bench: Bench;
  readonly #program: BusProgram;
  readonly #parts: MachineParts;
  readonly #replicas: ReplicaProcess[] = [];
  readonly said: FromReplica[] = [];
  bus!: Command;
  kills = 0;

  constructor(bench: Bench, parts: MachineParts) {
    this.#bench = bench;
    this.#parts = parts;
    for (const name of ['arbiter', 'memory']) mkdirSync(bench.file(name));
    this.#program = {
      arbiter: bench.file('arbiter'),
      memory: bench.file('memory'),
      machine: MACHINE,
      secret: 'not to be told',
      moduleHash: createHash('sha256').update(readFileSync(parts.guest)).digest('hex'),
      options: {
        ...OPTIONS,
        epochLength: 1_000_000,
        arguments: ['guest', ...(parts.arguments ?? [])],
        devices: parts.devices ?? [],
        ...(parts.wasi === undefined ? {} : { wasi: parts.wasi }),
        ...(parts.sockets === undefined ? {} : { sockets: parts.sockets }),
      },
      stdout: bench.file('stdout'),
      stderr: bench.file('stderr'),
      devices: parts.sources ?? [],
      listen: parts.listen ?? [],
      syncs: parts.syncs ?? true,
    };
  }

  /** Bus and replicas; `bus` alone says what is wrong with it. */
  async start(): Promise<void> {
    await (await FolderArbiter.open(this.#program.arbiter)).claim(VIEW);
    this.startBus();
    for (const incarnation of [VIEW.primary, ...VIEW.backups]) this.#startReplica(incarnation);
    await this.serves();
  }

  startBus(): Command {
    this.bus = this.#bench.startProgram('test/end-to-end/bus-program.js', [JSON.stringify(this.#program)]);
    return this.bus;
  }

  async serves(): Promise<void> {
    await until(() => (this.bus.stdout.startsWith('serves ') ? true : undefined));
  }

  /** The bus dies, and is gone for a while. */
  async kill(): Promise<void> {
    this.bus.kill('SIGKILL');
    await this.bus.ended;
    this.kills += 1;
  }

  #startReplica(incarnation: string): void {
    const module = openSync(this.#parts.guest, 'r');
    const { machine, secret, moduleHash, options, arbiter } = this.#program;
    const replica = new built.ReplicaProcess(incarnation, false, module, {
      heard: message => this.said.push(message),
      ended: () => undefined,
    });
    closeSync(module);
    this.#replicas.push(replica);
    const configuration = { machine, incarnation, secret, view: VIEW, moduleHash, moduleCache: true, options, arbiter };
    replica.send({
      type: 'start',
      configuration: { ...configuration, timing: { ...DEFAULT_TIMING, suspicionMs: SUSPICION_MS }, backupsWanted: 1 },
    });
  }

  killPrimary(): void {
    this.#replicas[0]!.kill();
  }

  /** Whether anything happened that is a change of views. */
  get changes(): FromReplica[] {
    return this.said.filter(({ type }) => type === 'view' || type === 'live' || type === 'halted');
  }

  get stdout(): string {
    const { stdout } = this.#program;
    return existsSync(stdout) ? readFileSync(stdout, 'latin1') : '';
  }

  get stderr(): string {
    return readFileSync(this.#program.stderr, 'latin1');
  }

  get memory(): string {
    return join(this.#program.memory);
  }

  async ended(): Promise<Ended> {
    const ended = await this.bus.ended;
    for (const replica of this.#replicas) await replica.ended;
    return ended;
  }

  async stop(): Promise<void> {
    for (const replica of this.#replicas) {
      replica.kill();
      await replica.ended;
    }
    this.bus.kill('SIGKILL');
    await this.bus.ended;
  }
}
