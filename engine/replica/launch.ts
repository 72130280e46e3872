// Launching a machine on this host: the bus in this process, a process for each replica, and the status of it all.
//
// The launcher decides nothing about views: it writes the first one, starts the replicas it names, and listens. What
// it says of a process that died is only news for the user; replicas find out for themselves.

import { type ChildProcess, fork } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OperationDevice, StreamDevice } from '../../devices/device.js';
import { FolderArbiter } from '../arbiter/folder.js';
import type { BusServer } from '../bus/server.js';
import { EpochvisorError } from '../errors/errors.js';
import type { KillPoint, MachineOptions } from '../machine/configuration.js';
import type { Status } from '../observe/status.js';
import type { Outcome, View } from '../protocol/machine.js';
import {
  type ChannelTiming,
  DEFAULT_TIMING,
  type FromReplica,
  type ReplicaConfiguration,
  type ReplicaProgress,
  type ToReplica,
} from './configuration.js';

export interface LaunchOptions {
  /** Absolute path of the guest, and its bytes (already read and checked by the caller). */
  readonly guest: string;
  readonly module: Uint8Array;
  readonly moduleCache: boolean;
  readonly options: Omit<MachineOptions, 'bornMs'>;
  /** 1: simplex; 2: a primary and a backup. */
  readonly replicas: 1 | 2;
  /** Opened; the launched machine closes them. */
  readonly streams: readonly StreamDevice[];
  /** By the numbers that guests use. */
  readonly devices: ReadonlyMap<number, OperationDevice>;
  /** Folder of the arbiter; a fresh one, removed at the end, where none is given. */
  readonly arbiter?: string;
  readonly timing?: ChannelTiming;
  /** Failover test: the first primary kills itself there. */
  readonly kill?: { readonly point: KillPoint; readonly proofFile: string };
}

/** What a launched machine tells; all times by `performance.now()` of this process. */
export interface MachineEvents {
  /** A replica's guest executes its first instruction. */
  running: [replica: LaunchedReplica];
  view: [view: View, reason: string];
  /** A promoted backup has raised its uncertain interrupts. */
  live: [replica: LaunchedReplica, failoverEpoch: number, uncertain: number];
  /** The bus takes nothing of older views any more: what is put out from here on is this replica's. */
  fenced: [view: number, incarnation: string];
  /** A replica ended before the machine did. */
  lost: [replica: LaunchedReplica, reason: string];
  status: [status: Status];
}

export interface LaunchedReplica {
  readonly incarnation: string;
  readonly pid: number;
}

interface Child extends LaunchedReplica {
  readonly process: ChildProcess;
  readonly ended: Promise<void>;
  hasEnded: boolean;
  running: boolean;
  /** Why it said it would end. */
  halted?: { readonly code: string; readonly message: string };
  progress?: ReplicaProgress;
}

/** How long replicas get to end by themselves after the machine's end, ms. */
const END_GRACE_MS = 6_000;

export class LaunchedMachine extends EventEmitter<MachineEvents> {
  readonly machine = randomUUID();
  /** The guest's outcome; rejects when the machine can't go on (every replica is gone). */
  readonly outcome: Promise<Outcome>;
  readonly #launch: LaunchOptions;
  readonly #children: Child[] = [];
  #resolve: (outcome: Outcome) => void = () => undefined;
  #reject: (error: EpochvisorError) => void = () => undefined;
  #bus: BusServer | undefined;
  #view: View;
  #arbiterFolder: { readonly path: string; readonly ours: boolean } | undefined;
  #over = false;
  #started: Promise<void> = Promise.resolve();

  constructor(launch: LaunchOptions) {
    super();
    this.#launch = launch;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever only stops the machine needs not hear how it ended.
    this.outcome.catch(() => undefined);
    const [primary = '', ...backups] = Array.from({ length: launch.replicas }, () => randomUUID());
    this.#view = { number: 1, machine: this.machine, primary, backups, claim: randomUUID() };
  }

  get replicas(): readonly LaunchedReplica[] {
    return this.#children.filter(child => !child.hasEnded);
  }

  get primary(): LaunchedReplica | undefined {
    return this.#children.find(child => child.incarnation === this.#view.primary);
  }

  get status(): Status {
    const name = ({ pid, incarnation }: LaunchedReplica) => ({ pid, incarnation });
    const child = this.#children.find(({ incarnation }) => incarnation === this.#view.primary);
    const backups = this.#children.filter(({ incarnation }) => this.#view.backups.includes(incarnation)).map(name);
    const progress = child?.progress;
    const simplex = this.#launch.replicas === 1;
    const alone = this.#view.backups.length === 0;
    return {
      machine: this.machine,
      view: this.#view.number,
      epoch: progress?.epoch ?? 0,
      instructions: progress?.count ?? 0,
      // A replica's word on its protection may be of the view before.
      protected: !alone && (progress?.protected ?? false),
      reason: simplex ? 'disabled' : alone ? 'need secondary' : (progress?.reason ?? 'starting'),
      primary: child === undefined ? { pid: 0, incarnation: this.#view.primary } : name(child),
      backups,
      lagMs: progress?.lagMs ?? 0,
      outstanding: progress?.outstanding ?? 0,
      logBytes: progress?.logBytes ?? 0,
    };
  }

  /** @throws EpochvisorError where bus, arbiter or a replica can't start */
  start(): Promise<void> {
    this.#started = this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    const secret = randomBytes(32).toString('base64url');
    const moduleHash = createHash('sha256').update(this.#launch.module).digest('hex');
    const options: MachineOptions = { ...this.#launch.options, bornMs: Date.now() };
    for (const incarnation of [this.#view.primary, ...this.#view.backups]) this.#fork(incarnation);
    const { streams, devices } = this.#launch;
    // Loaded while the replicas start: it is most of what this process has to load.
    const { BusServer } = await import('../bus/server.js');
    this.#bus = await BusServer.start({
      secret,
      machine: this.machine,
      moduleHash,
      options: JSON.stringify(options),
      operationIds: options.operationIds,
      streams,
      devices,
      observer: {
        failed: (_, reason) => this.#deviceFailed(reason),
        fenced: (view, incarnation) => this.emit('fenced', view, incarnation),
      },
    });
    void this.#bus.finished.then(outcome => this.#finish(outcome));
    const arbiter = await this.#firstView();
    for (const child of this.#children) {
      const configuration: ReplicaConfiguration = {
        machine: this.machine,
        incarnation: child.incarnation,
        secret,
        view: this.#view,
        guest: this.#launch.guest,
        moduleHash,
        moduleCache: this.#launch.moduleCache,
        options,
        bus: this.#bus.address,
        arbiter: { kind: 'folder', path: arbiter },
        timing: this.#launch.timing ?? DEFAULT_TIMING,
        ...(this.#launch.kill === undefined ? {} : { kill: this.#launch.kill }),
      };
      this.#send(child, { type: 'start', configuration });
    }
  }

  async #firstView(): Promise<string> {
    const given = this.#launch.arbiter;
    const path = given ?? mkdtempSync(join(tmpdir(), 'epochvisor-'));
    this.#arbiterFolder = { path, ours: given === undefined };
    const answer = await (await FolderArbiter.open(path)).claim(this.#view);
    if (answer.result === 'won') return path;
    const why = answer.result === 'lost' ? 'another machine has this id' : answer.reason;
    throw new EpochvisorError('ARBITER_FAILED', `the first view can't be written to ${path}: ${why}`, 'name a folder');
  }

  /** The reader of stdout has gone, or stdin breaks: as for any program, that is the end. */
  #deviceFailed(reason: EpochvisorError): void {
    if (!this.#over) this.#fail(reason);
  }

  // ---- replicas

  #fork(incarnation: string): void {
    // What is started, and nothing else, in argv; replicas inherit stderr for what Node itself has to say.
    const main = fileURLToPath(new URL('./main.js', import.meta.url));
    const child = fork(main, [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
    });
    let ended: () => void = () => undefined;
    const entry: Child = {
      incarnation,
      pid: child.pid ?? 0,
      process: child,
      ended: new Promise(resolve => {
        ended = resolve;
      }),
      hasEnded: false,
      running: false,
    };
    this.#children.push(entry);
    child.on('message', (message: FromReplica) => this.#heard(entry, message));
    child.once('error', error => {
      entry.halted = { code: 'REPLICA_START', message: `a replica can't be started: ${error.message}` };
    });
    child.once('exit', (status, signal) => {
      entry.hasEnded = true;
      ended();
      this.#childEnded(entry, signal === null ? `ended with status ${status}` : `killed by ${signal}`, signal !== null);
    });
  }

  #send(child: Child, message: ToReplica): void {
    // A child that is gone is heard of by its exit.
    if (child.process.connected) child.process.send(message, () => undefined);
  }

  #heard(child: Child, message: FromReplica): void {
    switch (message.type) {
      case 'listening':
        for (const other of this.#children) {
          if (other === child) continue;
          this.#send(other, { type: 'primary', incarnation: child.incarnation, address: message.address });
        }
        return;
      case 'running':
        child.running = true;
        this.emit('running', child);
        return;
      case 'view':
        this.#view = message.view;
        this.emit('view', message.view, message.reason);
        this.emit('status', this.status);
        return;
      case 'live':
        this.emit('live', child, message.failoverEpoch, message.uncertain);
        return;
      case 'progress':
        child.progress = message.progress;
        if (child.incarnation === this.#view.primary) this.emit('status', this.status);
        return;
      case 'halted':
        child.halted = { code: message.code, message: message.message };
        return;
    }
  }

  #childEnded(child: Child, how: string, killed: boolean): void {
    if (this.#over) return;
    const { halted } = child;
    // Who was killed may have run without a chance to say so; the other one carries on, wherever it stands.
    const survivable = killed && this.#children.some(other => other.running || !other.hasEnded);
    if (!child.running && this.#view.number === 1 && !survivable) {
      // Nothing has run yet: this is no failure to survive but a machine that can't be started.
      const why = halted === undefined ? how : halted.message;
      this.#fail(new EpochvisorError(halted?.code ?? 'REPLICA_START', `a replica can't start: ${why}`));
      return;
    }
    this.emit('lost', child, halted === undefined ? how : `halted: ${halted.message}`);
    this.emit('status', this.status);
    if (this.#children.some(other => !other.hasEnded)) return;
    const code = halted?.code ?? 'ALL_REPLICAS_LOST';
    this.#fail(new EpochvisorError(code, `no replica is left: the last one ${halted?.message ?? how}`));
  }

  // ---- the end

  #finish(outcome: Outcome): void {
    this.#over = true;
    void this.#close().then(() => this.#resolve(outcome));
  }

  #fail(error: EpochvisorError): void {
    this.#over = true;
    void this.stop().then(() => this.#reject(error));
  }

  /** Ends everything now: replicas, bus, the arbiter's folder. */
  async stop(): Promise<void> {
    this.#over = true;
    for (const child of this.#children) child.process.kill('SIGKILL');
    await this.#close();
  }

  /** Waits for the replicas to end, and cleans up. */
  async #close(): Promise<void> {
    const late = setTimeout(() => {
      for (const child of this.#children) child.process.kill('SIGKILL');
    }, END_GRACE_MS);
    await Promise.all(this.#children.map(child => child.ended));
    // An end in the midst of the start: what the start still opens is closed too.
    await this.#started.catch(() => undefined);
    clearTimeout(late);
    await this.#bus?.close();
    if (this.#arbiterFolder?.ours === true) rmSync(this.#arbiterFolder.path, { recursive: true, force: true });
  }
}
