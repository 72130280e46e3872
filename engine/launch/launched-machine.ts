// Launching a machine on this host: the bus in this process or one of its own, a process for each replica, and the status of it all.
//
// What is decided is decided in launching.ts; here it is carried out. The launcher writes the first view and says where the bus
// is; replicas find each other, and what it says of a process that died is only news for the user.

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { rmSync } from 'node:fs';
import type { OperationDevice, StreamDevice } from '../../devices/device.js';
import type { Arbiter } from '../arbiter/arbiter.js';
import type { ArbiterOptions } from '../arbiter/open-arbiter.js';
import type { ServerMemory } from '../bus/server.js';
import { rewriterHash } from '../cache/rewritten-modules.js';
import { comparedOptions } from '../channel/compared-options.js';
import { describeThrown, EpochvisorError } from '../errors/errors.js';
import type { HookModule } from '../guest/boundary-hook.js';
import type { MachineOptions } from '../guest/machine-options.js';
import { type RecoverPlace, recoveredView } from '../log/recovering.js';
import type { MachineFigures } from '../observe/machine-figures.js';
import type { Status } from '../observe/status.js';
import type { StreamOffsets } from '../protocol/bus/bus.js';
import type { Outcome, View } from '../protocol/vocabulary.js';
import { KeptModule } from '../replica/kept-module.js';
import {
  type ChannelTiming,
  DEFAULT_TIMING,
  type LogPlace,
  type ReplicaConfiguration,
  type SnapshotOrigin,
} from '../replica/replica-configuration.js';
import { temporaryFolder } from '../replica/temporary-folder.js';
import { Ending } from './awaited-ending.js';
import type { BusProcess } from './bus-process.js';
import { type LaunchedBus, OwnBus } from './launched-bus.js';
import {
  type LaunchEffect,
  type LaunchEvent,
  type LaunchedReplica,
  Launching,
  type MachineEvents,
} from './launching.js';
import { PromisedSnapshots } from './promised-snapshots.js';
import { type ReplicaListener, ReplicaProcess, type StartedReplica } from './replica-process.js';

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
  /** A bus in a process of its own, opened, which has the streams and devices; the launched machine closes it. */
  readonly bus?: BusProcess;
  /** Address of the arbiter (open-arbiter.ts); a fresh folder, removed at the end, where none is given. */
  readonly arbiter?: string;
  readonly arbiterOptions?: ArbiterOptions;
  /** In place of an address: one of this process, where bus and replicas are in it, too. */
  readonly openedArbiter?: Arbiter;
  /** Whether the channel is encrypted on loopback, too. */
  readonly encrypted?: boolean;
  readonly timing?: ChannelTiming;
  /** The machine goes on from a snapshot: the file, and how far its streams had come. */
  readonly resume?: { readonly file: string; readonly offsets: StreamOffsets };
  /** Where replicas write down what they log. */
  readonly log?: LogPlace;
  /** Its id, where that is known before; one of its own where none is given. */
  readonly machine?: string;
  /** What the bus remembers beyond this process; the launched machine closes it. */
  readonly memory?: ServerMemory;
  /** All replicas are dead, and the machine goes on from a log. */
  readonly recover?: RecoveredMachine;
  /** Once, when replicas and bus have ended and before the machine is over: with the files that they have left. */
  readonly hasEnded?: () => Promise<void>;
  /** Whether replicas tell what is measured of them (`sampled`); it costs them about a hundredth of a processor. */
  readonly samples?: boolean;
  /** Starts a replica in something else than a process of its own; it is sent its configuration next. */
  readonly startReplica?: (incarnation: string, joins: boolean, listener: ReplicaListener) => StartedReplica;
  /** What a test does at the guests of the first primary, the first backup, its other backups, and the first replica that joins. */
  readonly hooks?: {
    readonly primary?: HookModule;
    readonly backup?: HookModule;
    readonly others?: HookModule;
    readonly joining?: HookModule;
  };
  /** For tests: whether the network of replicas can be cut (`cut`). */
  readonly cuttable?: boolean;
  /** What a test does at what replicas say and hear: the first primary, the first backups, those that join. */
  readonly ioHooks?: {
    readonly primary?: HookModule;
    readonly backups?: HookModule;
    readonly joining?: HookModule;
  };
}

export interface RecoveredMachine {
  readonly place: RecoverPlace;
  /** The latest view, and whose log it is. */
  readonly view: number;
  readonly of: string;
  readonly bornMs: number;
}

/** How long replicas get to end by themselves after the machine's end, ms. */
const END_GRACE_MS = 6_000;

export class LaunchedMachine extends EventEmitter<MachineEvents> {
  readonly machine: string;
  /** The guest's outcome; rejects when the machine can't go on (every replica is gone). */
  readonly outcome: Promise<Outcome>;
  readonly #ending = new Ending<Outcome>();
  readonly #launch: LaunchOptions;
  readonly #launching: Launching;
  /** Of replicas that live or are named. */
  readonly #processes = new Map<string, StartedReplica>();
  readonly #snapshots = new PromisedSnapshots();
  /** Asked of a replica, and not answered. */
  readonly #cuts = new Map<number, () => void>();
  #nextCut = 1;
  #bus: LaunchedBus | undefined;
  readonly #firstView: View;
  #arbiter: Arbiter | undefined;
  /** The arbiter's, where it is this machine's own. */
  #folder: string | undefined;
  #module: KeptModule | undefined;
  /** What every replica is started with; there once bus and arbiter are. */
  #common: Omit<ReplicaConfiguration, 'incarnation'> | undefined;
  #closing: Promise<void> | undefined;
  #repairing: NodeJS.Timeout | undefined;
  #hasFinished = false;
  #started: Promise<void> = Promise.resolve();
  /** Of the next replica that joins. */
  #hookOfJoining: HookModule | undefined;

  constructor(launch: LaunchOptions) {
    super();
    this.outcome = this.#ending.promise;
    this.#launch = launch;
    this.machine = launch.machine ?? launch.bus?.machine ?? randomUUID();
    this.#bus = launch.bus;
    this.#hookOfJoining = launch.hooks?.joining;
    // Of who goes on from a log there is one, and the others join.
    const { recover } = launch;
    const first = recover === undefined ? launch.replicas : 1;
    const [primary = '', ...backups] = Array.from({ length: first }, () => randomUUID());
    const number = recover?.view ?? 1;
    this.#firstView = { number, machine: this.machine, primary, backups, claim: randomUUID() };
    this.#launching = new Launching(this.#firstView, launch.replicas, launch.repair === true);
  }

  get replicas(): readonly LaunchedReplica[] {
    return [...this.#processes.values()].filter(replica => !replica.hasEnded);
  }

  get primary(): LaunchedReplica | undefined {
    return this.#primary;
  }

  get #primary(): StartedReplica | undefined {
    return this.#processes.get(this.#launching.view.primary);
  }

  get status(): Status {
    return this.#launching.status;
  }

  get figures(): MachineFigures {
    return this.#launching.figures;
  }

  /**
   * Saves a snapshot of the running guest to a file, which appears whole or not at all.
   * @throws EpochvisorError SNAPSHOT_FAILED, NOT_SNAPSHOTABLE, SNAPSHOT_FILE
   */
  save(file: string, origin: SnapshotOrigin): Promise<void> {
    return this.#snapshots.ask(file, origin, this.#primary);
  }

  /**
   * The network of a replica to these, and to no others, stands still until the next call; both ends of a cut are to be told.
   * Resolves when it does, or the replica has ended.
   * @param from incarnations of replicas, or THE_BUS (network-cuts.ts)
   */
  async cut(incarnation: string, from: readonly string[]): Promise<void> {
    const replica = this.#processes.get(incarnation);
    if (replica === undefined || replica.hasEnded) return;
    const request = this.#nextCut++;
    const answered = new Promise<void>(resolve => this.#cuts.set(request, resolve));
    replica.send({ type: 'cut', request, from });
    await Promise.race([answered, replica.ended]);
    this.#cuts.delete(request);
  }

  /** @throws EpochvisorError where bus, arbiter or a replica can't start */
  start(): Promise<void> {
    this.#started = this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    const secret = randomBytes(32).toString('base64url');
    const moduleHash = createHash('sha256').update(this.#launch.module).digest('hex');
    const options: MachineOptions = { ...this.#launch.options, bornMs: this.#launch.recover?.bornMs ?? Date.now() };
    // Who starts replicas otherwise gives them the module, too.
    if (this.#launch.startReplica === undefined) this.#module = new KeptModule();
    const { primary, backups } = this.#firstView;
    for (const incarnation of [primary, ...backups]) this.#hasStarted(this.#fork(incarnation, false));
    const { streams, devices, resume, memory, arbiterOptions } = this.#launch;
    this.#bus ??= new OwnBus(streams, devices, resume?.offsets, memory);
    // While the replicas start.
    const [address] = await allSettled(
      this.#openArbiter(),
      this.#module?.fill(this.#launch.module) ?? Promise.resolve(),
    );
    const encrypted = this.#launch.encrypted === true;
    void this.#bus.finished.then(outcome => this.#finish(outcome));
    await this.#bus.serve({
      ...{ machine: this.machine, secret, encrypted, moduleHash, arbiter: address, openedArbiter: this.#arbiter! },
      ...(arbiterOptions === undefined ? {} : { arbiterOptions }),
      options: comparedOptions(options),
      operationIds: options.operationIds,
      // The reader of stdout has gone, or stdin breaks: as for any program, that is the end.
      failed: error => this.#step({ type: 'failed', error }),
      refused: error => this.emit('refused', error),
      fenced: (view, incarnation, silentMs) => this.emit('fenced', view, incarnation, silentMs),
    });
    this.#common = {
      machine: this.machine,
      secret,
      encrypted,
      moduleHash,
      moduleCache: this.#launch.moduleCache && { rewriter: rewriterHash() },
      options,
      arbiter: address,
      ...(arbiterOptions === undefined ? {} : { arbiterOptions }),
      timing: this.#launch.timing ?? DEFAULT_TIMING,
      backupsWanted: this.#launch.replicas - 1,
      ...(this.#launch.log === undefined ? {} : { log: this.#launch.log }),
      ...(this.#launch.samples === true ? { samples: true } : {}),
      ...(this.#launch.cuttable === true ? { cuttable: true } : {}),
    };
    for (const replica of this.#processes.values()) this.#configure(replica);
  }

  /** Writes the first view. @returns the address */
  async #openArbiter(): Promise<string> {
    const { arbiter: given, arbiterOptions, openedArbiter } = this.#launch;
    if (given === undefined && openedArbiter === undefined) this.#folder = temporaryFolder('epochvisor-');
    const address = openedArbiter === undefined ? (given ?? `folder:${this.#folder}`) : 'memory';
    const { openArbiter } = await import('../arbiter/open-arbiter.js');
    this.#arbiter = openedArbiter ?? (await openArbiter(address, arbiterOptions));
    if (this.#launch.recover !== undefined) return address;
    const answer = await this.#arbiter.claim(this.#firstView);
    if (answer.result === 'won') return address;
    const why = answer.result === 'lost' ? 'another machine has this id' : answer.reason;
    throw new EpochvisorError(
      'ARBITER_FAILED',
      `the first view can't be written to ${address}: ${why}`,
      'name another arbiter',
    );
  }

  // ---- replicas

  #fork(incarnation: string, joins: boolean): StartedReplica {
    const listener: ReplicaListener = {
      heard: message => {
        if (message.type === 'cut') this.#cuts.get(message.request)?.();
        // A bus that was killed may have told it, and not this launcher.
        else if (message.type === 'finished') this.#finish(message.outcome);
        else this.#step({ type: 'heard', incarnation, message });
      },
      ended: ending => this.#step({ type: 'ended', incarnation, ending }),
    };
    const replica =
      this.#launch.startReplica?.(incarnation, joins, listener) ??
      new ReplicaProcess(incarnation, joins, this.#module!.descriptor, listener);
    this.#processes.set(incarnation, replica);
    return replica;
  }

  #hasStarted({ incarnation, pid, joins }: StartedReplica): void {
    this.#step({ type: 'started', incarnation, pid, joins });
  }

  #configure(replica: StartedReplica): void {
    const { incarnation, joins } = replica;
    const begins = joins ? {} : this.#beginning;
    replica.send({
      type: 'start',
      configuration: { ...this.#common!, incarnation, ...begins, ...this.#hooksOf(replica) },
    });
  }

  /** How the first replicas begin. */
  get #beginning(): Pick<ReplicaConfiguration, 'view' | 'snapshot' | 'recover'> {
    const { resume, recover } = this.#launch;
    const view = this.#firstView;
    if (recover !== undefined) {
      return { view: recoveredView(view, recover.of, view.primary), recover: recover.place };
    }
    return { view, ...(resume === undefined ? {} : { snapshot: resume.file }) };
  }

  #hooksOf({ incarnation, joins }: StartedReplica): Pick<ReplicaConfiguration, 'hook' | 'ioHook'> {
    const { hooks, ioHooks } = this.#launch;
    const { primary, backups } = this.#firstView;
    const ofBackup = incarnation === backups[0] ? hooks?.backup : hooks?.others;
    const hook = joins ? this.#hookOfJoining : incarnation === primary ? hooks?.primary : ofBackup;
    if (joins) this.#hookOfJoining = undefined;
    const ofNamed = incarnation === primary ? ioHooks?.primary : ioHooks?.backups;
    const ioHook = joins ? ioHooks?.joining : ofNamed;
    return { ...(hook === undefined ? {} : { hook }), ...(ioHook === undefined ? {} : { ioHook }) };
  }

  #startJoining(): void {
    const incarnation = randomUUID();
    let replica: StartedReplica;
    try {
      replica = this.#fork(incarnation, true);
    } catch (error) {
      // Node throws for some of what a host may lack (memory); what it throws for is tried again like what it tells of later.
      this.#step({ type: 'notStarted', incarnation, reason: `can't be started: ${describeThrown(error)}` });
      return;
    }
    this.#configure(replica);
    this.#hasStarted(replica);
  }

  // ---- what is decided

  #step(event: LaunchEvent): void {
    for (const effect of this.#launching.step(event)) this.#carryOut(effect);
  }

  #carryOut(effect: LaunchEffect): void {
    switch (effect.type) {
      case 'tell':
        // Of any name: TypeScript does not follow that name and arguments belong together.
        this.emit(...(effect.news as ['status', Status]));
        return;
      case 'start':
        if (!this.#launching.isOver) this.#startJoining();
        return;
      case 'repairAfter':
        // Whoever was told something before it may have stopped the machine.
        if (this.#launching.isOver) return;
        this.#repairing = setTimeout(() => this.#step({ type: 'repairDue' }), effect.delayMs);
        return;
      case 'named':
        this.#processes.get(effect.incarnation)?.isNamed();
        return;
      case 'withdraw':
        void this.#withdraw(effect.incarnation);
        return;
      case 'kill':
        this.#processes.get(effect.incarnation)?.kill();
        return;
      case 'gone':
        for (const other of this.#processes.values()) other.send(effect);
        return;
      case 'forget':
        for (const incarnation of effect.incarnations) this.#processes.delete(incarnation);
        return;
      case 'readLatest':
        void this.#readLatest(effect.reason);
        return;
      case 'newPrimary':
        this.#snapshots.askAgain(this.#primary);
        return;
      case 'saved':
        this.#snapshots.answered(effect.request, effect.error);
        return;
      case 'fail':
        void this.stop().then(() => this.#ending.reject(effect.error));
        return;
    }
  }

  async #readLatest(reason: string): Promise<void> {
    const view = await this.#arbiter?.latest(this.machine).catch((error: unknown) => {
      if (!(error instanceof EpochvisorError)) throw error;
      return undefined;
    });
    this.#step({ type: 'latest', view, reason });
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
    if (this.#hasFinished) return;
    this.#hasFinished = true;
    this.#step({ type: 'finished' });
    void this.#close().then(() => this.#ending.resolve(outcome));
  }

  /** Something that it can't do without has failed. */
  fail(error: EpochvisorError): void {
    this.#step({ type: 'failed', error });
  }

  /** Ends everything now: replicas, bus, the arbiter's folder. */
  async stop(): Promise<void> {
    this.#step({ type: 'stopped' });
    await this.#close();
  }

  /** Once, whoever asks: a machine that fails ends itself, and whoever has it ends it, too. */
  #close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  /** Waits for the replicas to end, and cleans up. */
  async #closeAll(): Promise<void> {
    clearTimeout(this.#repairing);
    const late = setTimeout(() => {
      for (const replica of this.#processes.values()) replica.kill();
    }, END_GRACE_MS);
    await Promise.all([...this.#processes.values()].map(replica => replica.ended));
    this.#snapshots.end();
    // An end in the midst of the start: what the start still opens is closed too.
    await this.#started.catch(() => undefined);
    clearTimeout(late);
    await this.#bus?.close();
    await this.#launch.hasEnded?.();
    this.#module?.close();
    if (this.#folder !== undefined) {
      rmSync(this.#folder, { recursive: true, force: true });
      return;
    }
    // At once: an arbiter out of reach says so late.
    const replicas = [...this.#processes.values()].map(({ incarnation }) => incarnation);
    const members = [...replicas, ...(this.#bus?.incarnations ?? [])];
    await Promise.all(members.map(incarnation => this.#withdraw(incarnation)));
  }
}

/** As Promise.all, but where one fails none is under way any more: what they use can be closed. */
async function allSettled<Values extends readonly unknown[]>(
  ...promises: { readonly [At in keyof Values]: Promise<Values[At]> }
): Promise<Values> {
  await Promise.allSettled(promises);
  return (await Promise.all(promises)) as unknown as Values;
}
