// What is seen of a trial from outside while its machine runs: views, who takes over and when, and what comes out.

import { type CapturedConsole, hostMs } from '../../devices/console/captured-console.js';
import { STDERR, STDOUT } from '../../devices/console/console-streams.js';
import type { LaunchedMachine } from '../launch/launched-machine.js';
import type { KillProof, Victim } from './kill-hook.js';
import { shortName, type TimelineEvent, type TimelineOwner } from './timeline.js';
import { type FaultPlan, readKillProof } from './trial-hooks.js';
import type { SentBytes } from './trial-sockets.js';

/** One that was stopped past its suspicion goes on so long after the view without it, ms. */
const PAUSED_AFTER_VIEW_MS = 100;

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

/** What the machine told of a failover, and when. */
export interface Watched {
  readonly views: TimelineEvent[];
  /** The primary of the first view. */
  readonly first: string;
  /** Of the last view. */
  primary: string;
  /** `isPrimarys`: of the primary that was there before. */
  view?: { readonly number: number; readonly atMs: number; readonly isPrimarys: boolean };
  live?: { readonly atMs: number; readonly failoverEpoch: number; readonly uncertain: number };
}

export function watch(machine: LaunchedMachine): Watched {
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

/** What anybody outside sees come out of the machine. */
export interface Visible {
  readonly console: CapturedConsole;
  readonly sent: SentBytes;
}

/** By stream. */
export function bytesOf({ console, sent }: Visible): Map<number, Uint8Array> {
  return new Map([...[STDOUT, STDERR].map(stream => [stream, console.bytes(stream)] as const), ...sent.all]);
}

/** Resolves when there is no kill that has landed, and that nobody has taken over after. */
export function takenOver(
  machine: LaunchedMachine,
  folder: string,
  isOver: (kill: KillProof) => boolean,
): Promise<void> {
  return new Promise(resolve => {
    const look = () => {
      const kill = readKillProof(folder);
      if (kill === undefined || isOver(kill)) resolve();
    };
    machine.on('view', look);
    machine.on('live', look);
    look();
  });
}

/** @param victim whose links are cut, for who takes over is not known then, or who died */
export function failoverOf(
  { view, live }: Watched,
  kill: KillProof,
  { console, sent }: Visible,
  victim: Victim,
): Failover | undefined {
  if (view === undefined || (live === undefined && victim === 'primary' && !view.isPrimarys)) return undefined;
  const killMs = kill.atNs / 1e6;
  // What the old primary had sent may still come after its death, but not once the view has changed.
  const firstBytes = [console, sent].map(seen => seen.firstByteAfter(view.atMs)).filter(ms => ms !== undefined);
  const firstByteMs = firstBytes.length === 0 ? undefined : Math.min(...firstBytes);
  return {
    view: view.number,
    ...(live === undefined ? {} : { failoverEpoch: live.failoverEpoch }),
    uncertain: live?.uncertain ?? 0,
    liveMs: (live ?? view).atMs - killMs,
    firstByteMs: firstByteMs === undefined ? undefined : firstByteMs - killMs,
  };
}

/** Whoever was stopped goes on when the others have a view without it. */
export function goOnLater(machine: LaunchedMachine, folder: string): void {
  machine.once('view', () => {
    setTimeout(() => {
      const proof = readKillProof(folder);
      const isThere = machine.replicas.some(({ pid }) => pid === proof?.pid);
      if (proof !== undefined && isThere) process.kill(proof.pid, 'SIGCONT');
    }, PAUSED_AFTER_VIEW_MS);
  });
}

/** What replicas noted, with the views and the deaths between. */
export function wholeTimeline(
  noted: readonly TimelineEvent[],
  plan: FaultPlan | undefined,
  { views }: Watched,
  kill: KillProof | undefined,
  secondKill: KillProof | undefined,
): TimelineEvent[] {
  const victim = plan?.victim ?? 'primary';
  const deaths = [
    ...(kill === undefined ? [] : [deathOf(victim, kill)]),
    ...(secondKill === undefined ? [] : [deathOf(secondVictim(plan), secondKill)]),
  ];
  return [...noted, ...views, ...deaths].sort((a, b) => a.atNs - b.atNs);
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
