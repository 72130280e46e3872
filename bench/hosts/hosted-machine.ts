// A machine on several hosts, each in a network namespace of its own: replicas on A and B, the bus and a client of the guest on C,
// an etcd where it is wanted. The hosts' cables can be cut, and hosts killed, while the client counts.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { MachineStatus } from '../../engine/parts/machine-status.js';
import { guestPath, ROOT } from '../host.js';
import { end, owned, ownedFolder, removeFolder } from '../processes.js';
import type { ClientNews } from './client.js';
import { type Host, Network } from './network.js';

export const REPLICA_HOSTS = ['A', 'B'] as const;
export const BUS_HOST = 'C';
/** Where an etcd of one member has a host of its own. */
export const ARBITER_HOST = 'E';

const MAIN = join(ROOT, 'dist', 'bundle', 'cli-main.js');
const CLIENT = join(ROOT, 'dist', 'bench', 'hosts', 'client.js');
/** Hosts share no ports. */
const [GUEST_PORT, ETCD_PORT, ETCD_PEER_PORT] = [7_000, 2379, 2380];
const PATIENCE_MS = 40_000;
const LOOK_MS = 100;
const NO_NEWS: ClientNews = { answers: 0, first: 0, silenceMs: 0, error: '' };

export interface HostedOptions {
  /** Hosts with a member of etcd each. */
  readonly etcd: readonly string[];
  /** Of `init`. */
  readonly flags?: readonly string[];
}

export class HostedMachine {
  readonly network: Network;
  readonly #folder = ownedFolder();
  readonly #options: HostedOptions;
  readonly #processes = new Map<string, ChildProcess>();
  #news: ClientNews = NO_NEWS;
  /** Longest silence since it was asked for. */
  #silenceMs = 0;

  /** Resolves once it is protected and its client counts. */
  static async start(options: HostedOptions): Promise<HostedMachine> {
    const machine = new HostedMachine(options);
    try {
      await machine.#start();
      return machine;
    } catch (error) {
      await machine.close();
      throw error;
    }
  }

  private constructor(options: HostedOptions) {
    this.#options = options;
    this.network = new Network([...new Set([...REPLICA_HOSTS, BUS_HOST, ...options.etcd])]);
  }

  get #machineFolder(): string {
    return join(this.#folder, 'machine');
  }

  async #start(): Promise<void> {
    const { etcd, flags = [] } = this.#options;
    for (const host of etcd) this.startEtcd(host);
    const arbiter = `etcd://${etcd.map(host => `${this.network.host(host).address}:${ETCD_PORT}`).join(',')}`;
    const listen = `${this.network.host(BUS_HOST).address}:${GUEST_PORT}`;
    const init = ['init', '--folder', this.#machineFolder, '--arbiter', arbiter, '--listen', listen, ...flags];
    await this.#retried(() => this.#run(BUS_HOST, [...init, guestPath('keyvalue')]));
    this.startBus();
    for (const host of REPLICA_HOSTS) this.startReplica(host);
    await this.isProtected();
    this.startClient();
    await this.progresses();
  }

  /** All that runs on a host, at once, as when its power goes: nobody is told that a connection ends. */
  async killHost(name: string): Promise<void> {
    this.network.killHost(name);
    await Promise.all(this.#partsOn(name).map(part => end(this.#processes.get(part)!, 'SIGKILL')));
  }

  /** It starts again, with what ran there. */
  revive(name: string): void {
    this.network.healAll();
    for (const part of this.#partsOn(name)) {
      if (part.startsWith('etcd')) this.startEtcd(name);
      if (part.startsWith('replica')) this.startReplica(name);
      if (part.startsWith('bus')) this.startBus();
    }
  }

  #partsOn(name: string): string[] {
    const parts = [...this.#processes.keys()];
    return parts.filter(part => part.endsWith(` ${name}`) || (part === 'client' && name === BUS_HOST));
  }

  /** An etcd needs a moment. */
  async #retried(act: () => Promise<{ status: number | null; stderr: string }>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const { status, stderr } = await act();
      if (status === 0) return;
      if (performance.now() > deadline) throw new Error(stderr);
      await pause(LOOK_MS);
    }
  }

  startEtcd(name: string): void {
    const { etcd } = this.#options;
    const url = (host: string, port: number) => `http://${this.network.host(host).address}:${port}`;
    const initial = etcd.map(host => `${host}=${url(host, ETCD_PEER_PORT)}`).join(',');
    this.#spawn(`etcd ${name}`, this.network.host(name), 'etcd', [
      ...[`--name=${name}`, `--data-dir=${join(this.#folder, `etcd-${name}`)}`, '--unsafe-no-fsync'],
      ...[`--listen-client-urls=${url(name, ETCD_PORT)}`, `--advertise-client-urls=${url(name, ETCD_PORT)}`],
      ...[`--listen-peer-urls=${url(name, ETCD_PEER_PORT)}`],
      ...[`--initial-advertise-peer-urls=${url(name, ETCD_PEER_PORT)}`],
      ...[`--initial-cluster=${initial}`, `--initial-cluster-token=${this.#folder}`],
    ]);
  }

  startBus(): void {
    this.#part('bus', BUS_HOST, ['--stdout', join(this.#folder, 'stdout')]);
  }

  startReplica(host: string): void {
    this.#part('replica', host, []);
  }

  #part(verb: 'bus' | 'replica', name: string, flags: readonly string[]): void {
    const host = this.network.host(name);
    const args = [MAIN, verb, '--address', host.address, ...flags, this.#machineFolder];
    this.#spawn(`${verb} ${name}`, host, process.execPath, args);
  }

  #spawn(name: string, { prefix: [ip, ...prefix] }: Host, program: string, args: readonly string[]): ChildProcess {
    const log = openSync(join(this.#folder, `${name.replace(' ', '-')}.log`), 'a');
    const child = owned(spawn(ip, [...prefix, program, ...args], { stdio: ['ignore', 'pipe', log] }));
    closeSync(log);
    child.stdout!.resume();
    this.#processes.set(name, child);
    return child;
  }

  /** What a part has said to stderr. */
  logOf(name: string): string {
    return readFileSync(join(this.#folder, `${name.replace(' ', '-')}.log`), 'utf8');
  }

  /** Another client, which counts on from where the guest is. */
  startClient(): void {
    this.#news = NO_NEWS;
    const host = this.network.host(BUS_HOST);
    const client = this.#spawn('client', host, process.execPath, [
      CLIENT,
      host.address,
      String(GUEST_PORT),
      this.#lastFile,
    ]);
    let text = '';
    client.stdout!.on('data', (data: Buffer) => {
      text += data.toString();
      const lines = text.split('\n');
      text = lines.pop()!;
      for (const line of lines) {
        this.#news = JSON.parse(line) as ClientNews;
        this.#silenceMs = Math.max(this.#silenceMs, this.#news.silenceMs);
      }
    });
  }

  async #run(
    name: string,
    args: readonly string[],
  ): Promise<{ status: number | null; stdout: string; stderr: string }> {
    const [ip, ...prefix] = this.network.host(name).prefix;
    const child = owned(spawn(ip, [...prefix, process.execPath, MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', data => (said.stdout += data));
    child.stderr.on('data', data => (said.stderr += data));
    return await new Promise(resolve => child.once('close', status => resolve({ status, ...said })));
  }

  /** @throws where `status` says something to stderr */
  async status(): Promise<MachineStatus> {
    const { stdout, stderr } = await this.#run(BUS_HOST, ['status', '--json', this.#machineFolder]);
    if (stderr !== '') throw new Error(stderr);
    return JSON.parse(stdout) as MachineStatus;
  }

  /** Waits for it. */
  async isProtected(): Promise<MachineStatus> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const status = await this.status();
      if (status.protected) return status;
      if (performance.now() > deadline) throw new Error(`not protected: ${JSON.stringify(status)}\n${this.#logs()}`);
      await pause(LOOK_MS);
    }
  }

  #logs(): string {
    return [...this.#processes.keys()]
      .filter(name => !name.startsWith('etcd'))
      .map(name => `--- ${name}\n${this.logOf(name).slice(-1500)}`)
      .join('\n');
  }

  /** The hosts of primary and backup. */
  async roles(): Promise<{ readonly primary: string; readonly backup: string }> {
    const { parts } = await this.isProtected();
    const hostOf = (role: string) => {
      const address = parts.find(part => part.role === role)?.address ?? '';
      return REPLICA_HOSTS.find(host => address.includes(this.network.host(host).address))!;
    };
    return { primary: hostOf('primary'), backup: hostOf('backup') };
  }

  get answers(): number {
    return this.#news.answers;
  }

  /** The number that the client was answered first. */
  get first(): number {
    return this.#news.first;
  }

  /** The last number that a client was answered. */
  get last(): number {
    return Number(readFileSync(this.#lastFile, 'latin1'));
  }

  get #lastFile(): string {
    return join(this.#folder, 'last');
  }

  /** The longest time without an answer since this was last asked, ms. */
  takeSilence(): number {
    const ms = this.#silenceMs;
    this.#silenceMs = 0;
    return ms;
  }

  /** Waits until the client has had so many more answers. @throws where it had one that is wrong, or has none for long */
  async progresses(answers = 50): Promise<void> {
    const wanted = this.answers + answers;
    const deadline = performance.now() + PATIENCE_MS;
    while (this.answers < wanted) {
      if (this.#news.error !== '') throw new Error(`the client: ${this.#news.error}\n${this.#logs()}`);
      if (performance.now() > deadline) throw new Error(`no answer for ${PATIENCE_MS} ms\n${this.#logs()}`);
      await pause(LOOK_MS / 5);
    }
  }

  /** Ends everything, whatever state it is in. */
  async close(): Promise<void> {
    await Promise.all([...this.#processes.values()].map(child => end(child, 'SIGTERM')));
    this.network.remove();
    removeFolder(this.#folder);
  }
}
