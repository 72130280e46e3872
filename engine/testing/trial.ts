// A trial: one run of a machine on private copies of its files and folders, with everything that anybody outside could see of it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { CapturedConsole, hostMs } from '../../devices/console/captured-console.js';
import { STDERR, STDOUT } from '../../devices/console/console-streams.js';
import type { DeviceSource } from '../../devices/device-kind.js';
import { type NumberedSource, numbered } from '../../devices/opening.js';
import { asError, EpochvisorError } from '../errors/errors.js';
import type { MachineOptions } from '../guest/machine-options.js';
import { LaunchedMachine, type LaunchOptions } from '../launch/launched-machine.js';
import { answeredBy, showStack } from '../observe/defects.js';
import type { Outcome } from '../protocol/vocabulary.js';
import { type ChannelTiming, DEFAULT_TIMING } from '../replica/replica-configuration.js';
import { listFolder } from './folder-listing.js';
import type { GuestPool } from './guest-pool.js';
import { endMayHaveLeft, type KillPoint, type KillProof, type Victim } from './kill-hook.js';
import { checkOutputRule, type OutputRuleCheck, readRecording } from './output-rule.js';
import { copyDevices } from './private-copy.js';
import { ThreadReplica } from './thread-replica.js';
import { readTimeline, shortName, type TimelineEvent, type TimelineOwner } from './timeline.js';
import { BusWatch, continueLater, openApart, openHere, type Restart } from './trial-bus.js';
import { type FaultPlan, planHooks, readKillProof, readSecondProof } from './trial-hooks.js';

/** One that was stopped past its suspicion goes on so long after the view without it, ms. */
const PAUSED_AFTER_VIEW_MS = 100;
/** A bus that was stopped goes on after so many times the silence for which a replica would be suspected. */
const BUS_PAUSED_SUSPICIONS = 1.5;

/** Of a replica that halts by itself, though nothing is wrong with the machine. */
const DEFECT_CODES: readonly string[] = ['DEFECT', 'GUEST_THREAD'];

/** What is run; the same for every trial of a test. */
export interface TrialOptions {
  /** The guest's bytes. */
  readonly module: Uint8Array;
  readonly moduleCache: boolean;
  readonly machine: Pick<
    MachineOptions,
    'epochLength' | 'variant' | 'counting' | 'operationIds' | 'maxMemory' | 'arguments' | 'wasi'
  >;
  /** Their files and folders are copied for each trial and never written. */
  readonly devices: readonly DeviceSource[];
  readonly stdin: Uint8Array;
  readonly timing?: ChannelTiming;
  /** Replicas are threads of this process, with guest threads from there; else they are processes. */
  readonly threads?: GuestPool;
  /** The bus has a process of its own, and is started again when it is killed. */
  readonly busApart?: boolean;
}

/** How a trial ended. */
export type Ending =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  /** The machine could not go on. */
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  /** It was stopped: it ran far longer than undisturbed. */
  | { readonly kind: 'hung'; readonly limitMs: number };

export interface Failover {
  readonly view: number;
  /** Undefined where the primary went on, without its backup. */
  readonly failoverEpoch?: number;
  /** Uncertain interrupts raised (P8). */
  readonly uncertain: number;
  /** From SIGKILL until the survivor had raised them, or was told that its backup is none any more. */
  readonly liveMs: number;
  /** From SIGKILL to the first output of the new view; undefined where it had none. */
  readonly firstByteMs: number | undefined;
}

export interface Trial {
  readonly ending: Ending;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
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
  const victim = plan?.victim ?? 'primary';
  const isBus = victim === 'bus';
  const pauses = plan?.fault === 'pause';
  const pausedMs = BUS_PAUSED_SUSPICIONS * (options.timing ?? DEFAULT_TIMING).suspicionMs;
  const looked = isBus && pauses ? continueLater(run.folder, pausedMs) : () => undefined;
  const outside =
    options.busApart === true
      ? await openApart(console, copies, options.stdin, run.folder, plan)
      : await openHere(console, copies);
  const threads: ThreadReplica[] = [];
  const machine = new LaunchedMachine({
    module: options.module,
    moduleCache: options.moduleCache,
    options: { ...options.machine, devices: outside.devices },
    replicas: run.replicas ?? 2,
    repair: run.repair ?? false,
    ...outside.launch,
    ...(options.timing === undefined ? {} : { timing: options.timing }),
    ...threadsOf(options, replica => threads.push(replica)),
    ...planHooks(run.folder, plan),
  });
  const watched = watch(machine);
  const { bus } = outside.launch;
  const busWatch = bus === undefined ? undefined : new BusWatch(bus, machine);
  if (pauses && !isBus) goOnLater(machine, run.folder);
  run.onMachine?.(machine);
  const startMs = hostMs();
  const ending = await endOf(machine, run);
  const durationMs = hostMs() - startMs;
  looked();
  const seen = (proof: KillProof | undefined) =>
    plan !== undefined && isBus ? busWatch?.seen(proof, plan.fault) : proof;
  const kill = seen(withInFlight(readKillProof(run.folder), threads));
  const secondKill = seen(readSecondProof(run.folder));
  const isLate = kill !== undefined && busWatch?.isOver(kill, watched.view?.atMs ?? 0) === true;
  const failover = kill === undefined || isLate ? undefined : failoverOf(watched, kill, console, victim);
  const restart = kill === undefined ? undefined : busWatch?.restart(kill, console);
  const visible = new Map([STDOUT, STDERR].map(stream => [stream, console.bytes(stream)]));
  const endLeft = endMayHaveLeft(kill) || ending.kind !== 'outcome';
  // A primary whose bus was struck has done all of it.
  const survivor = isBus ? watched.first : watched.primary;
  const outputRule =
    kill === undefined || (failover === undefined && !isBus)
      ? undefined
      : checkOutputRule(visible, readRecording(run.folder), survivor, endLeft);
  return {
    ...(outputRule === undefined ? {} : { outputRule }),
    ending,
    stdout: console.bytes(STDOUT),
    stderr: console.bytes(STDERR),
    files: numbered(copies).map(trialFile),
    instructions: machine.status.instructions,
    epochs: machine.status.epoch,
    durationMs,
    timeline: wholeTimeline(run, watched, kill, secondKill),
    ...(kill === undefined ? {} : { kill }),
    ...(secondKill === undefined ? {} : { secondKill }),
    ...(failover === undefined ? {} : { failover }),
    ...(restart === undefined ? {} : { restart }),
  };
}

/** Of a thread's death at an instruction its I/O side knows what was in flight; it died first of all. */
function withInFlight(kill: KillProof | undefined, threads: readonly ThreadReplica[]): KillProof | undefined {
  if (kill === undefined || kill.inFlight !== undefined) return kill;
  const inFlight = threads.find(({ inFlightAtDeath }) => inFlightAtDeath !== undefined)?.inFlightAtDeath;
  return inFlight === undefined ? kill : { ...kill, inFlight };
}

function threadsOf(
  { threads, module }: TrialOptions,
  started: (replica: ThreadReplica) => void,
): Pick<LaunchOptions, 'startReplica'> {
  if (threads === undefined) return {};
  const shared = new Uint8Array(new SharedArrayBuffer(module.length));
  shared.set(module);
  return {
    startReplica: (incarnation, joins, listener) => {
      const replica = new ThreadReplica(incarnation, joins, shared, threads, listener);
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

/** What replicas noted, with the views and the deaths between. */
function wholeTimeline(
  { folder, plan }: TrialRun,
  { views }: Watched,
  kill: KillProof | undefined,
  secondKill: KillProof | undefined,
): TimelineEvent[] {
  const victim = plan?.victim ?? 'primary';
  const deaths = [
    ...(kill === undefined ? [] : [deathOf(victim, kill)]),
    ...(secondKill === undefined ? [] : [deathOf(secondVictim(plan), secondKill)]),
  ];
  return [...readTimeline(folder), ...views, ...deaths].sort((a, b) => a.atNs - b.atNs);
}

function secondVictim(plan: FaultPlan | undefined): TimelineOwner {
  if (plan?.victim === 'bus') return 'bus';
  return plan?.second?.at === 'place' && plan.second.kind === 'join' ? 'joining' : 'backup';
}

function deathOf(victim: TimelineOwner, { replica, atNs, what, epoch, count, inFlight }: KillProof): TimelineEvent {
  const at = { epoch, count, view: inFlight?.view ?? 0 };
  const { owner, incarnation } = replica ?? { owner: victim, incarnation: '' };
  const name = shortName(incarnation);
  return { atNs, owner, name, kind: 'death', number: 1, what: what ?? 'at an instruction', ...at };
}

/** What the machine told of a failover, and when. */
interface Watched {
  readonly views: TimelineEvent[];
  /** The primary of the first view. */
  readonly first: string;
  /** Of the last view. */
  primary: string;
  /** `isPrimarys`: of the primary that was there before. */
  view?: { readonly number: number; readonly atMs: number; readonly isPrimarys: boolean };
  live?: { readonly atMs: number; readonly failoverEpoch: number; readonly uncertain: number };
}

function watch(machine: LaunchedMachine): Watched {
  const { incarnation } = machine.status.primary;
  const watched: Watched = { first: incarnation, primary: incarnation, views: [] };
  machine.on('view', ({ number, primary }, reason) => {
    watched.primary = primary;
    const { epoch, instructions } = machine.status;
    watched.views.push({
      atNs: hostMs() * 1e6,
      owner: 'machine',
      name: shortName(primary),
      kind: 'view',
      number,
      what: reason,
      epoch,
      count: instructions,
      view: number,
    });
    watched.view ??= { number, atMs: hostMs(), isPrimarys: primary === incarnation };
  });
  machine.on('live', (_, failoverEpoch, uncertain) => {
    watched.live ??= { atMs: hostMs(), failoverEpoch, uncertain };
  });
  return watched;
}

/** @param victim whose links are cut, for who takes over is not known then, or who died */
function failoverOf(
  { view, live }: Watched,
  kill: KillProof,
  console: CapturedConsole,
  victim: Victim,
): Failover | undefined {
  if (view === undefined || (live === undefined && victim === 'primary' && !view.isPrimarys)) return undefined;
  const killMs = kill.atNs / 1e6;
  // What the old primary had sent may still come after its death, but not once the view has changed.
  const firstByteMs = console.firstByteAfter(view.atMs);
  return {
    view: view.number,
    ...(live === undefined ? {} : { failoverEpoch: live.failoverEpoch }),
    uncertain: live?.uncertain ?? 0,
    liveMs: (live ?? view).atMs - killMs,
    firstByteMs: firstByteMs === undefined ? undefined : firstByteMs - killMs,
  };
}

/** Whoever was stopped goes on when the others have a view without it. */
function goOnLater(machine: LaunchedMachine, folder: string): void {
  machine.once('view', () => {
    setTimeout(() => {
      const proof = readKillProof(folder);
      const isThere = machine.replicas.some(({ pid }) => pid === proof?.pid);
      if (proof !== undefined && isThere) process.kill(proof.pid, 'SIGCONT');
    }, PAUSED_AFTER_VIEW_MS);
  });
}

function planOf({ kill, plan }: TrialRun): FaultPlan | undefined {
  return plan ?? (kill === undefined ? undefined : { point: kill, fault: 'kill', victim: 'primary' });
}

/**
 * Waits for the machine's end, the time limit, the signal or a defect of one of its parts, whichever comes first; leaves no
 * process behind.
 */
async function endOf(machine: LaunchedMachine, { limitMs, signal }: TrialRun): Promise<Ending> {
  let interrupt: (reason: 'hung' | 'aborted' | 'defect') => void = () => undefined;
  const interrupted = new Promise<'hung' | 'aborted' | 'defect'>(resolve => {
    interrupt = resolve;
  });
  let defect: Ending | undefined;
  const defective = (code: string, message: string) => {
    defect ??= { kind: 'failed', code, message };
    interrupt('defect');
  };
  machine.on('halted', (_, code, message) => {
    if (DEFECT_CODES.includes(code)) defective(code, message);
  });
  const taken = (thrown: unknown) => {
    showStack(thrown);
    const { code, message } = asError(thrown);
    defective(code, message);
  };
  const timer = setTimeout(() => interrupt('hung'), limitMs);
  const aborted = () => interrupt('aborted');
  signal?.addEventListener('abort', aborted, { once: true });
  try {
    const ended = await Promise.race([answeredBy(taken, () => outcomeOf(machine)), interrupted]);
    if (typeof ended !== 'string') return defect ?? ended;
    await machine.stop();
    signal?.throwIfAborted();
    return defect ?? { kind: 'hung', limitMs };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
  }
}

async function outcomeOf(machine: LaunchedMachine): Promise<Ending> {
  try {
    await machine.start();
    return { kind: 'outcome', outcome: await machine.outcome };
  } catch (error) {
    await machine.stop();
    if (!(error instanceof EpochvisorError)) throw error;
    return { kind: 'failed', code: error.code, message: error.message };
  }
}
