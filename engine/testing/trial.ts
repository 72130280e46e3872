// A trial: one run of a machine on private copies of its files and folders, with everything that anybody outside could see of it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { CapturedConsole, hostMs } from '../../devices/console/captured-console.js';
import { STDERR, STDOUT } from '../../devices/console/console-streams.js';
import type { DeviceSource } from '../../devices/device-kind.js';
import type { SocketSources } from '../../devices/open-sockets.js';
import { type NumberedSource, numbered } from '../../devices/opening.js';
import { MemoryArbiter } from '../arbiter/memory-arbiter.js';
import type { MachineOptions } from '../guest/machine-options.js';
import { LaunchedMachine, type LaunchOptions } from '../launch/launched-machine.js';
import type { ChannelTiming } from '../replica/replica-configuration.js';
import { ClientCommand, type ClientEnd } from './client-command.js';
import { listFolder } from './folder-listing.js';
import type { GuestPool } from './guest-pool.js';
import { endMayHaveLeft, type KillPoint, type KillProof } from './kill-hook.js';
import { readOperations } from './operation-record.js';
import { checkOperations, type OperationCheck, type Performed } from './operation-rules.js';
import { checkOutputRule, type OutputRuleCheck, type PutOut } from './output-rule.js';
import { copyDevices } from './private-copy.js';
import { ThreadReplica } from './thread-replica.js';
import type { TimelineEvent } from './timeline.js';
import { BusWatch, continueLater, openApart, openHere, type Restart } from './trial-bus.js';
import { type Ending, endOf } from './trial-ending.js';
import { type FaultPlan, planHooks, readKillProof, readSecondProof } from './trial-hooks.js';
import { notesInFiles, notesInMemory } from './trial-notes.js';
import {
  bytesOf,
  type Failover,
  failoverOf,
  goOnLater,
  takenOver,
  type Visible,
  watch,
  wholeTimeline,
} from './trial-watch.js';

/** What is run; the same for every trial of a test. Of `listen` the hosts count: each trial has sockets of its own. */
export interface TrialOptions extends SocketSources {
  /** The guest's bytes. */
  readonly module: Uint8Array;
  readonly moduleCache: boolean;
  readonly machine: Pick<
    MachineOptions,
    'epochLength' | 'variant' | 'counting' | 'operationIds' | 'maxMemory' | 'arguments' | 'wasi' | 'sockets'
  >;
  /** Their files and folders are copied for each trial and never written. */
  readonly devices: readonly DeviceSource[];
  readonly stdin: Uint8Array;
  /** The command that drives a guest that listens (client-command.ts). */
  readonly load?: string;
  readonly timing?: ChannelTiming;
  /** Replicas are threads of this process, with guest threads from there; else they are processes. */
  readonly threads?: GuestPool;
  /** The bus has a process of its own, and is started again when it is killed. It has neither sockets nor `load`. */
  readonly busApart?: boolean;
}

export interface Trial {
  readonly ending: Ending;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Where there is a command that drives it. */
  readonly client?: ClientEnd;
  /** What devices wrote: their files, and listings of their folders. It stays until the folder is removed. */
  readonly files: readonly TrialFile[];
  /** Executed by the primary, as of the last it told. */
  readonly instructions: number;
  readonly epochs: number;
  readonly durationMs: number;
  readonly kill?: KillProof;
  readonly secondKill?: KillProof;
  readonly failover?: Failover;
  readonly restart?: Restart;
  readonly timeline: readonly TimelineEvent[];
  /** Where another view has come: whether what came out is what its primary did. */
  readonly outputRule?: OutputRuleCheck;
  /** Whether every operation ended truly or uncertain; undefined where nothing is known of the survivor's, or of devices. */
  readonly operations?: OperationCheck;
}

export interface TrialFile {
  /** As a user knows it: `disk 0`, `teller`, `folder /data`. */
  readonly name: string;
  readonly path: string;
}

export interface TrialRun {
  /** Exists, is empty, and is this trial's own. */
  readonly folder: string;
  /** Milliseconds after which the machine is stopped. */
  readonly limitMs: number;
  /** Whether the guest ends when its client has told it to; left out: that is to be found out. */
  readonly guestEnds?: boolean | undefined;
  /** Of the primary, by SIGKILL; what else happens is in `plan`. */
  readonly kill?: KillPoint;
  readonly plan?: FaultPlan;
  readonly replicas?: 1 | 2 | 3;
  /** Whether a replacement joins for a replica that died. */
  readonly repair?: boolean;
  /** Stops the machine at once; the trial then rejects with its reason. */
  readonly signal?: AbortSignal;
  /** For who wants to look on: the machine before it starts, and what it writes as it comes. */
  readonly onMachine?: (machine: LaunchedMachine) => void;
  readonly onOutput?: (stream: number, bytes: Uint8Array) => void;
}

/**
 * Runs a machine to its end.
 * @throws EpochvisorError where a disk can't be copied or opened; the signal's reason where it was aborted
 */
export async function runTrial(options: TrialOptions, run: TrialRun): Promise<Trial> {
  run.signal?.throwIfAborted();
  mkdirSync(run.folder, { recursive: true });
  const copies = copyDevices(options.devices, run.folder);
  const console = new CapturedConsole(options.stdin, run.onOutput);
  const plan = planOf(run);
  const { victim = 'primary', fault } = plan ?? {};
  const isBus = victim === 'bus';
  // It may stop while it is being opened.
  const looked = isBus && fault === 'pause' ? continueLater(run.folder, options.timing) : () => undefined;
  const opening =
    options.busApart === true
      ? openApart(console, copies, options.stdin, run.folder, plan)
      : openHere(console, copies, options, run.folder);
  const outside = await opening.catch((error: unknown) => {
    looked();
    throw error;
  });
  const threads: ThreadReplica[] = [];
  const notes = options.threads === undefined ? notesInFiles(run.folder) : notesInMemory();
  const machine = new LaunchedMachine({
    module: options.module,
    moduleCache: options.moduleCache,
    options: { ...options.machine, devices: outside.devices },
    replicas: run.replicas ?? 2,
    repair: run.repair ?? false,
    ...outside.launch,
    ...(options.timing === undefined ? {} : { timing: options.timing }),
    ...threadsOf(options, replica => threads.push(replica)),
    ...planHooks(run.folder, plan, notes),
  });
  const watched = watch(machine);
  const { bus } = outside.launch;
  const busWatch = bus === undefined ? undefined : new BusWatch(bus, machine);
  if (fault === 'pause' && !isBus) goOnLater(machine, run.folder);
  run.onMachine?.(machine);
  const visible: Visible = { console, sent: outside.sent };
  const failoverNow = (kill: KillProof) => {
    const isLate = busWatch?.isOver(kill, watched.view?.atMs ?? 0) === true;
    return isLate ? undefined : failoverOf(watched, kill, visible, victim);
  };
  const startMs = hostMs();
  const { ending, client } = await endOf(machine, {
    limitMs: run.limitMs,
    signal: run.signal,
    client: options.load === undefined ? undefined : new ClientCommand(options.load, outside.addresses, true),
    guestEnds: run.guestEnds,
    takenOver: () => takenOver(machine, run.folder, kill => failoverNow(kill) !== undefined),
  });
  const endMs = hostMs();
  looked();
  const seenOf = (proof: KillProof | undefined) =>
    isBus && fault !== undefined ? busWatch?.seen(proof, fault) : proof;
  const kill = seenOf(withInFlight(readKillProof(run.folder), threads));
  const secondKill = seenOf(readSecondProof(run.folder));
  const failover = kill === undefined ? undefined : failoverNow(kill);
  const restart = kill === undefined ? undefined : busWatch?.restart(kill, console);
  // A primary whose bus was struck has done all of it.
  const isKnown = kill !== undefined && (isBus || failover !== undefined);
  const survivor = { name: isBus ? watched.first : watched.primary, isKnown };
  const { timeline, recording } = notes.read();
  const { performed } = outside;
  const seen = { ending, endMs, kill, survivor, visible: bytesOf(visible), recording, performed };
  return {
    ...rulesOf(options, run, seen),
    ...(client === undefined ? {} : { client }),
    ending,
    stdout: console.bytes(STDOUT),
    stderr: console.bytes(STDERR),
    files: numbered(copies).map(trialFile),
    instructions: machine.status.instructions,
    epochs: machine.status.epoch,
    durationMs: endMs - startMs,
    timeline: wholeTimeline(timeline, plan, watched, kill, secondKill),
    ...(kill === undefined ? {} : { kill }),
    ...(secondKill === undefined ? {} : { secondKill }),
    ...(failover === undefined ? {} : { failover }),
    ...(restart === undefined ? {} : { restart }),
  };
}

interface Seen extends Pick<Trial, 'ending'> {
  readonly endMs: number;
  readonly kill: KillProof | undefined;
  /** Who is held against it. `isKnown`: whether it is known to have done all that came out. */
  readonly survivor: { readonly name: string; readonly isKnown: boolean };
  readonly visible: ReadonlyMap<number, Uint8Array>;
  readonly recording: readonly PutOut[];
  /** Undefined where nobody saw it. */
  readonly performed: readonly Performed[] | undefined;
}

/** What is known of the survivor is held against what was seen outside, and at the devices. */
function rulesOf(
  { machine: { operationIds } }: TrialOptions,
  { folder, limitMs }: TrialRun,
  { ending, endMs, kill, survivor, visible, recording, performed }: Seen,
): Pick<Trial, 'outputRule' | 'operations'> {
  const endLeft = endMayHaveLeft(kill) || ending.kind !== 'outcome';
  const outputRule = survivor.isKnown ? checkOutputRule(visible, recording, survivor.name, endLeft) : undefined;
  const record = readOperations(folder, survivor.name);
  // Half of a time that is long enough for the whole run.
  const answered = ending.kind === 'hung' ? { answeredBeforeNs: (endMs - limitMs / 2) * 1e6 } : {};
  return {
    ...(outputRule === undefined ? {} : { outputRule }),
    ...(record === undefined || performed === undefined
      ? {}
      : { operations: checkOperations({ ...record, ...answered, performed, operationIds, endLeft }) }),
  };
}

/** Of a thread's death at an instruction its I/O side knows what was in flight; it died first of all. */
function withInFlight(kill: KillProof | undefined, threads: readonly ThreadReplica[]): KillProof | undefined {
  if (kill === undefined || kill.inFlight !== undefined) return kill;
  const inFlight = threads.find(({ inFlightAtDeath }) => inFlightAtDeath !== undefined)?.inFlightAtDeath;
  return inFlight === undefined ? kill : { ...kill, inFlight };
}

function threadsOf(
  { threads: pool, module, busApart }: TrialOptions,
  started: (replica: ThreadReplica) => void,
): Pick<LaunchOptions, 'startReplica' | 'openedArbiter'> {
  if (pool === undefined) return {};
  // A bus that is a process asks its arbiter, too.
  const ask = busApart === true ? {} : { openedArbiter: new MemoryArbiter() };
  const shared = pool.share(module);
  return {
    ...ask,
    startReplica: (incarnation, joins, listener) => {
      const replica = new ThreadReplica(incarnation, joins, { module: shared, pool, ...ask }, listener);
      started(replica);
      return replica;
    },
  };
}

/** What a device wrote, as a file: of a folder, what is in it, beside it. */
function trialFile({ source, kind, index }: NumberedSource): TrialFile {
  const name = kind.title(source, index);
  if (!kind.backing.isFolder) return { name, path: source.path };
  const path = `${source.path}.listing`;
  writeFileSync(path, listFolder(source.path), 'latin1');
  return { name, path };
}

function planOf({ kill, plan }: TrialRun): FaultPlan | undefined {
  return plan ?? (kill === undefined ? undefined : { point: kill, fault: 'kill', victim: 'primary' });
}
