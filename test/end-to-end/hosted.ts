// A machine in a folder, and its parts as processes of their own, all on this host: the agents with status files of their own.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { MachineStatus } from '../../engine/parts/machine-status.js';
import type { ReplicaReport } from '../../engine/replica/replica-report.js';
import { type Bench, type Command, type Ended, type Stdin, until } from './command.js';

/** One host is every host: the parts find each other on loopback. */
const HERE = ['--address', '127.0.0.1'];

/** On a busy host a replica is silent for a while; here nobody is to be suspected who has not died. */
const SUSPICION_MS = 5_000;

/** An agent and its replica. */
export class Agent {
  readonly command: Command;
  readonly #statusFile: string;

  constructor(command: Command, statusFile: string) {
    this.command = command;
    this.#statusFile = statusFile;
  }

  /** What its replica has reported; undefined: it has none at present. */
  get report(): ReplicaReport | undefined {
    try {
      return JSON.parse(readFileSync(this.#statusFile, 'utf8')) as ReplicaReport;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async is(role: ReplicaReport['role'], fits: (report: ReplicaReport) => boolean = () => true): Promise<ReplicaReport> {
    try {
      return await until(() => {
        const { report } = this;
        return report?.role === role && fits(report) ? report : undefined;
      });
    } catch {
      throw new Error(`it is no ${role}: ${JSON.stringify(this.report)}; it has said: ${this.command.stderr}`);
    }
  }
}

export class HostedMachine {
  readonly folder: string;
  readonly arbiter: string;
  readonly #bench: Bench;
  #agents = 0;

  /** Not made yet. @param arbiter inside the machine's folder, as on storage that all hosts share, where none is given */
  constructor(bench: Bench, name = 'machine', arbiter?: string) {
    this.#bench = bench;
    this.folder = bench.file(name);
    this.arbiter = arbiter ?? join(this.folder, 'arbiter');
  }

  /** @param args flags and the guest */
  async init(...args: readonly string[]): Promise<void> {
    const flags = ['--folder', this.folder, '--arbiter', this.arbiter, '--suspicion', String(SUSPICION_MS)];
    const ended = await this.#bench.run(['init', ...flags, ...args]);
    expect(ended, ended.stderr).toMatchObject({ status: 0, stdout: '' });
  }

  startBus(flags: readonly string[] = [], stdin: Stdin = 'pipe'): Command {
    return this.#bench.start(['bus', ...HERE, ...flags, this.folder], stdin);
  }

  startReplica(folder = this.folder, env: NodeJS.ProcessEnv = {}, flags: readonly string[] = []): Agent {
    this.#agents += 1;
    const statusFile = this.#bench.file(`agent-${this.#agents}.json`);
    return new Agent(
      this.#bench.start(['replica', ...HERE, '--status-file', statusFile, folder, ...flags], 'pipe', env),
      statusFile,
    );
  }

  async status(): Promise<MachineStatus> {
    const { stdout, stderr, status } = await this.#bench.run(['status', '--json', this.folder]);
    expect(stderr).toBe('');
    const found = JSON.parse(stdout) as MachineStatus;
    expect(status).toBe(found.protected ? 0 : 1);
    return found;
  }

  /** Asks until the status fits. */
  async hasStatus(fits: (status: MachineStatus) => boolean): Promise<MachineStatus> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const status = await this.status();
      if (fits(status)) return status;
      expect(Date.now(), `still ${JSON.stringify(status)}`).toBeLessThan(deadline);
    }
  }

  stop(...flags: readonly string[]): Promise<Ended> {
    return this.#bench.run(['stop', ...flags, this.folder]);
  }

  /** The view records at the arbiter, by their names. */
  views(): string[] {
    return readdirSync(this.arbiter).filter(name => /-\d{10}\.json$/.test(name));
  }
}

/** The agents by what their replicas are at present. */
export async function roles(agents: readonly Agent[], wanted: Partial<Record<ReplicaReport['role'], number>>) {
  return await until(() => {
    const found = (role: ReplicaReport['role']) => agents.filter(({ report }) => report?.role === role);
    const fits = Object.entries(wanted).every(([role, count]) => found(role as ReplicaReport['role']).length === count);
    return fits ? { primary: found('primary')[0]!, backup: found('backup')[0]!, spares: found('joining') } : undefined;
  });
}
