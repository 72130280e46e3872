// Launching a machine on this host: the bus in this process, a process for each replica, and the status of it all.
//
// The launcher decides nothing about views: it writes the first one, starts the replicas it names, and replacements for
// those that die (repair.ts). What it says of a process that died is only news for the user; replicas find out for
// themselves.

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { rmSync } from 'node:fs';
import type { OperationDevice, StreamDevice } from '../../devices/device.js';
import type { Arbiter } from '../arbiter/arbiter.js';
import type { BusServer } from '../bus/server.js';
import { comparedOptions } from '../channel/compared-options.js';
import { describeThrown, EpochvisorError } from '../errors/errors.js';
import type { HookModule } from '../guest/boundary-hook.js';
import type { MachineOptions } from '../guest/machine-options.js';
import type { Status } from '../observe/status.js';
import type { StreamOffsets } from '../protocol/bus/bus.js';
import type { Outcome, View } from '../protocol/vocabulary.js';
import { KeptModule } from '../replica/kept-module.js';
import {
  type ChannelTiming,
  DEFAULT_TIMING,
  type FromReplica,
  type ReplicaConfiguration,
  type SnapshotOrigin,
} from '../replica/replica-configuration.js';
import { temporaryFolder } from '../replica/temporary-folder.js';
import { statusOf } from './launch-status.js';
import { PromisedSnapshots } from './promised-snapshots.js';
import { Repair } from './repair.js';
import { type ReplicaEnding, ReplicaProcess } from './replica-process.js';

export interface LaunchOptions {
  /** The guest's bytes, already read and checked by the caller. */
  readonly module: Uint8Array;
  readonly moduleCache: boolean;
  readonly options: Omit<MachineOptions, 'bornMs'>;
  /** 1: simplex; 2: a primary and a backup; more: several backups. */
  readonly replicas: number;
  /** Whether a replacement is started for a replica that died. */
  readonly repair?: boolean;
  /** Opened; the launched machine closes them. */
  readonly streams: readonly StreamDevice[];
  /** By the numbers that guests use. */
  readonly devices: ReadonlyMap<number, OperationDevice>;
  /** Address of the arbiter (open-arbiter.ts); a fresh folder, removed at the end, where none is given. */
  readonly arbiter?: string;
  readonly timing?: ChannelTiming;
  /** The machine goes on from a snapshot: the file, and how far its streams had come. */
  readonly resume?: { readonly file: string; readonly offsets: StreamOffsets };
  /** What a test does at the boundaries of the first primary, and of the first backup. */
  readonly hooks?: { readonly primary?: HookModule; readonly backup?: HookModule };
}

/** What a launched machine tells; all times by `performance.now()` of this process. */
export interface MachineEvents {
  /** A replica's guest executes its first instruction, or the first since its snapshot. */
  running: [replica: LaunchedReplica];
  /** A replacement was started; `failures`: so many before it have ended before they were named. */
  joining: [replica: LaunchedReplica, failures: number];
  /** A replacement ended before it was named. `isNews`: none has in this way since one has joined. */
  unjoined: [replica: LaunchedReplica, reason: string, isNews: boolean];
  view: [view: View, reason: string];
  /** A promoted backup has raised its uncertain interrupts. */
  live: [replica: LaunchedReplica, failoverEpoch: number, uncertain: number];
  /** The bus takes nothing of older views any more: what is put out from here on is this replica's. */
  fenced: [view: number, incarnation: string];
  /** A replica that was named ended before the machine did. */
  lost: [replica: LaunchedReplica, reason: string];
  status: [status: Status];
}

export interface LaunchedReplica {
  readonly incarnation: string;
  readonly pid: number;
}

/** How long replicas get to end by themselves after the machine's end, ms. */
const END_GRACE_MS = 6_000;

export class LaunchedMachine extends EventEmitter<MachineEvents> {
  readonly machine = randomUUID();
  /** The guest's outcome; rejects when the machine can't go on (every replica is gone). */
  readonly outcome: Promise<Outcome>;
  readonly #launch: LaunchOptions;
  readonly #repair: Repair | undefined;
  readonly #replicas: ReplicaProcess[] = [];
  readonly #snapshots = new PromisedSnapshots();
  #resolve: (outcome: Outcome) => void = () => undefined;
  #reject: (error: EpochvisorError) => void = () => undefined;
  #bus: BusServer | undefined;
  #view: View;
  #arbiter: Arbiter | undefined;
  /** The arbiter's, where it is this machine's own. */
  #folder: string | undefined;
  #module: KeptModule | undefined;
  /** What every replica is started with; there once bus and arbiter are. */
  #common: Omit<ReplicaConfiguration, 'incarnation'> | undefined;
  #repairing: NodeJS.Timeout | undefined;
  #over = false;
  #started: Promise<void> = Promise.resolve();

  constructor(launch: LaunchOptions) {
    super();
    this.#launch = launch;
    this.#repair = launch.repair === true && launch.replicas > 1 ? new Repair(launch.replicas) : undefined;
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
    return this.#replicas.filter(replica => !replica.hasEnded);
  }

  get primary(): LaunchedReplica | undefined {
    return this.#primary;
  }

  get #primary(): ReplicaProcess | undefined {
    return this.#replicas.find(({ incarnation }) => incarnation === this.#view.primary);
  }

  get status(): Status {
    return statusOf(this.#view, this.#replicas, this.#launch.replicas, this.#repair?.why);
  }

  /**
   * Saves a snapshot of the running guest to a file, which appears whole or not at all.
   * @throws EpochvisorError SNAPSHOT_FAILED, NOT_SNAPSHOTABLE, SNAPSHOT_FILE
   */
  save(file: string, origin: SnapshotOrigin): Promise<void> {
    return this.#snapshots.ask(file, origin, this.#primary);
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
    this.#module = new KeptModule();
    for (const incarnation of namedIn(this.#view)) this.#fork(incarnation, false);
    const { streams, devices, resume } = this.#launch;
    // While the replicas start; the bus is most of what this process has to load.
    const [{ BusServer }] = await Promise.all([import('../bus/server.js'), this.#module.fill(this.#launch.module)]);
    this.#bus = await BusServer.start({
      secret,
      machine: this.machine,
      moduleHash,
      options: comparedOptions(options),
      operationIds: options.operationIds,
      streams,
      devices,
      ...(resume === undefined ? {} : { offsets: resume.offsets }),
      observer: {
        failed: (_, reason) => this.#deviceFailed(reason),
        fenced: (view, incarnation) => this.emit('fenced', view, incarnation),
      },
    });
    void this.#bus.finished.then(outcome => this.#finish(outcome));
    const arbiter = await this.#firstView();
    this.#common = {
      machine: this.machine,
      secret,
      moduleHash,
      moduleCache: this.#launch.moduleCache,
      options,
      arbiter,
      timing: this.#launch.timing ?? DEFAULT_TIMING,
      backupsWanted: this.#launch.replicas - 1,
    };
    for (const replica of this.#replicas) this.#configure(replica);
  }

  async #firstView(): Promise<string> {
    const given = this.#launch.arbiter;
    if (given === undefined) this.#folder = temporaryFolder('epochvisor-');
    const address = given ?? `folder:${this.#folder}`;
    const { openArbiter } = await import('../arbiter/open-arbiter.js');
    this.#arbiter = await openArbiter(address);
    const answer = await this.#arbiter.claim(this.#view);
    if (answer.result === 'won') {
      const { incarnation, address: ofBus } = this.#bus!;
      await this.#arbiter.announce(this.machine, { incarnation, kind: 'bus', address: ofBus });
      return address;
    }
    const why = answer.result === 'lost' ? 'another machine has this id' : answer.reason;
    throw new EpochvisorError(
      'ARBITER_FAILED',
      `the first view can't be written to ${address}: ${why}`,
      'name a folder',
    );
  }

  /** The reader of stdout has gone, or stdin breaks: as for any program, that is the end. */
  #deviceFailed(reason: EpochvisorError): void {
    if (!this.#over) this.#fail(reason);
  }

  // ---- replicas

  #fork(incarnation: string, joins: boolean): ReplicaProcess {
    const replica: ReplicaProcess = new ReplicaProcess(incarnation, joins, this.#module!.descriptor, {
      heard: message => this.#heard(replica, message),
      ended: ending => this.#ended(replica, ending),
    });
    this.#replicas.push(replica);
    return replica;
  }

  #configure(replica: ReplicaProcess): void {
    const { incarnation, joins } = replica;
    const { hooks, resume } = this.#launch;
    const begins = joins ? {} : { view: this.#view, ...(resume === undefined ? {} : { snapshot: resume.file }) };
    const { primary, backups } = this.#view;
    const hook = joins ? undefined : { [primary]: hooks?.primary, [backups[0] ?? '']: hooks?.backup }[incarnation];
    const tested = hook === undefined ? {} : { hook };
    replica.send({ type: 'start', configuration: { ...this.#common!, incarnation, ...begins, ...tested } });
  }

  #heard(replica: ReplicaProcess, message: FromReplica): void {
    switch (message.type) {
      case 'running':
        replica.running = true;
        this.emit('running', replica);
        return;
      case 'view':
        this.#viewed(message.view, message.reason);
        return;
      case 'live':
        this.emit('live', replica, message.failoverEpoch, message.uncertain);
        return;
      case 'progress':
        replica.progress = message.progress;
        if (replica.incarnation === this.#view.primary) this.emit('status', this.status);
        return;
      case 'saved':
        this.#snapshots.answered(message.request, message.error);
        return;
      case 'named':
        // Those of its view watch it, though the launcher has not heard of the view yet: its primary may be dead.
        replica.isNamed();
        return;
      case 'joins':
        return;
      case 'halted':
        replica.halted = message;
        return;
    }
  }

  #viewed(view: View, reason: string): void {
    // What a replica still says while it is ended is no news of the machine.
    if (this.#over) return;
    // Several replicas tell of a view, and some late.
    if (view.number <= this.#view.number) return;
    const before = this.#view;
    this.#view = view;
    if (view.backups.some(backup => !before.backups.includes(backup))) this.#repair?.joined();
    for (const replica of this.#replicas) if (namedIn(view).includes(replica.incarnation)) replica.isNamed();
    this.emit('view', view, reason);
    this.emit('status', this.status);
    if (view.primary !== before.primary) this.#snapshots.askAgain(this.#primary);
    this.#repairSoon();
  }

  #ended(replica: ReplicaProcess, { reason, killed }: ReplicaEnding): void {
    if (this.#over) return;
    const { halted, joins, incarnation } = replica;
    void this.#withdraw(incarnation);
    // Who was killed may have run without a chance to say so; the other one carries on, wherever it stands.
    const survivable = joins || (killed && this.#replicas.some(other => other.running || !other.hasEnded));
    if (!replica.running && this.#view.number === 1 && !survivable) {
      // Nothing has run yet: this is no failure to survive but a machine that can't be started.
      this.#fail(
        new EpochvisorError(
          halted?.code ?? 'REPLICA_START',
          `a replica can't start: ${halted?.message ?? reason}`,
          halted?.hint,
        ),
      );
      return;
    }
    if (joins && !namedIn(this.#view).includes(incarnation)) this.#unjoined(replica, reason, halted?.code ?? reason);
    else this.emit('lost', replica, reason);
    this.emit('status', this.status);
    if (this.#replicas.every(other => other.hasEnded)) {
      const code = halted?.code ?? 'ALL_REPLICAS_LOST';
      const message = `no replica is left: the last one ${halted === undefined ? reason : `halted: ${halted.message}`}`;
      this.#fail(new EpochvisorError(code, message, halted?.hint));
    } else if (!this.#anyLives(this.#view)) {
      void this.#lostUnlessNamed(reason);
    } else {
      this.#repairSoon();
    }
  }

  #unjoined(replica: LaunchedReplica, reason: string, kind: string): void {
    const isNews = this.#repair?.failed(reason, kind) ?? true;
    this.emit('unjoined', replica, reason, isNews);
  }

  /** The dead may have named who was joining with their last act, which only the arbiter knows. */
  async #lostUnlessNamed(reason: string): Promise<void> {
    const view = await this.#arbiter?.latest(this.machine).catch((error: unknown) => {
      if (!(error instanceof EpochvisorError)) throw error;
      // Where it is out of reach the joining replica goes on asking.
      return undefined;
    });
    if (view === undefined || this.#over || this.#anyLives(view) || this.#anyLives(this.#view)) return;
    this.#fail(new EpochvisorError('ALL_REPLICAS_LOST', `no replica is left: the last one was ${reason}`));
  }

  #anyLives(view: View): boolean {
    return this.#replicas.some(({ hasEnded, incarnation }) => !hasEnded && namedIn(view).includes(incarnation));
  }

  #repairSoon(): void {
    if (this.#repair === undefined || this.#repairing !== undefined || this.#over) return;
    if (this.#repair.missing(this.#view, this.#replicas) === 0) return;
    this.#repairing = setTimeout(() => {
      this.#repairing = undefined;
      const missing = this.#over ? 0 : (this.#repair?.missing(this.#view, this.#replicas) ?? 0);
      for (let count = 0; count < missing; count++) this.#startJoining();
    }, this.#repair.delayMs);
  }

  #startJoining(): void {
    const incarnation = randomUUID();
    let replica: ReplicaProcess;
    try {
      replica = this.#fork(incarnation, true);
    } catch (error) {
      // Node throws for some of what a host may lack (memory); what it throws for is tried again like what it tells of later.
      this.#unjoined({ incarnation, pid: 0 }, `can't be started: ${describeThrown(error)}`, 'REPLICA_START');
      this.emit('status', this.status);
      this.#repairSoon();
      return;
    }
    this.#configure(replica);
    this.#forgetEnded();
    this.emit('joining', replica, this.#repair?.failures ?? 0);
    this.emit('status', this.status);
  }

  /** A machine that is repaired for months must not remember everyone who died. */
  #forgetEnded(): void {
    const named = namedIn(this.#view);
    const kept = this.#replicas.filter(({ hasEnded, incarnation }) => !hasEnded || named.includes(incarnation));
    this.#replicas.splice(0, this.#replicas.length, ...kept);
  }

  /** Who has ended is not to be found any more. */
  async #withdraw(incarnation: string): Promise<void> {
    try {
      await this.#arbiter?.withdraw(this.machine, incarnation);
    } catch (error) {
      // A record that stays costs a call that nobody answers.
      if (!(error instanceof EpochvisorError)) throw error;
    }
  }

  // ---- the end

  #finish(outcome: Outcome): void {
    this.#over = true;
    const named = namedIn(this.#view);
    // Who was still joining has nothing to say.
    for (const replica of this.#replicas) if (!named.includes(replica.incarnation)) replica.kill();
    void this.#close().then(() => this.#resolve(outcome));
  }

  #fail(error: EpochvisorError): void {
    this.#over = true;
    void this.stop().then(() => this.#reject(error));
  }

  /** Ends everything now: replicas, bus, the arbiter's folder. */
  async stop(): Promise<void> {
    this.#over = true;
    for (const replica of this.#replicas) replica.kill();
    await this.#close();
  }

  /** Waits for the replicas to end, and cleans up. */
  async #close(): Promise<void> {
    clearTimeout(this.#repairing);
    const late = setTimeout(() => {
      for (const replica of this.#replicas) replica.kill();
    }, END_GRACE_MS);
    await Promise.all(this.#replicas.map(replica => replica.ended));
    this.#snapshots.end();
    // An end in the midst of the start: what the start still opens is closed too.
    await this.#started.catch(() => undefined);
    clearTimeout(late);
    await this.#bus?.close();
    this.#module?.close();
    if (this.#folder !== undefined) {
      rmSync(this.#folder, { recursive: true, force: true });
      return;
    }
    for (const { incarnation } of [...this.#replicas, ...(this.#bus === undefined ? [] : [this.#bus])]) {
      await this.#withdraw(incarnation);
    }
  }
}

function namedIn({ primary, backups }: View): readonly string[] {
  return [primary, ...backups];
}
