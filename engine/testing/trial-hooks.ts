// The hooks of a trial: who is struck where, who is struck next, and what is noted of all of them.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HookModule } from '../guest/boundary-hook.js';
import type { BusProcessOptions } from '../launch/bus-process.js';
import type { LaunchOptions } from '../launch/launched-machine.js';
import { type Fault, type KillOptions, type KillPoint, type KillProof, killHook, type Victim } from './kill-hook.js';
import { listingHook } from './listing-hook.js';
import { operationsFile } from './operation-record.js';
import type { TimelineOwner } from './timeline.js';
import type { TrialNotes } from './trial-notes.js';

export interface FaultPlan {
  /** Undefined: nothing happens. */
  readonly point: KillPoint | undefined;
  readonly fault: Fault;
  readonly victim: Victim;
  /**
   * A step of a takeover, where whoever takes over first is killed, or of joining, where whoever joins first is; or one of the
   * restart of a bus, where it is killed again.
   */
  readonly second?: KillPoint;
  /** The victim notes every place that it comes to, in this file. */
  readonly listing?: string;
  /** Whether a timeline is kept, what guests put out, and what became of their operations. */
  readonly timeline?: boolean;
}

/** Proofs, in the folder of a trial. */
const killFile = (folder: string) => join(folder, 'kill.json');
const secondKillFile = (folder: string) => join(folder, 'second-kill.json');

/** The proof of the first kill in the folder of a trial; undefined where nothing was killed so far. */
export function readKillProof(folder: string): KillProof | undefined {
  return readProof(killFile(folder));
}

export function readSecondProof(folder: string): KillProof | undefined {
  return readProof(secondKillFile(folder));
}

function readProof(file: string): KillProof | undefined {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  // It may be in the middle of being written.
  return text.endsWith('}') ? (JSON.parse(text) as KillProof) : undefined;
}

type Hooks = Pick<LaunchOptions, 'hooks' | 'ioHooks'>;

export function planHooks(folder: string, plan: FaultPlan | undefined, notes: TrialNotes): Hooks {
  if (plan === undefined) return {};
  const { victim, listing } = plan;
  if (victim === 'bus') return listing === undefined ? notedHooks(folder, plan, notes) : {};
  if (listing !== undefined) {
    const hook = listingHook(listing);
    return victim === 'primary'
      ? { hooks: { primary: hook }, ioHooks: { primary: hook } }
      : { hooks: { backup: hook }, ioHooks: { backups: hook } };
  }
  const { point, fault, second } = plan;
  const other = (owner: TimelineOwner) => secondHook(folder, plan, notes, owner, second);
  const isPrimary = victim === 'primary';
  const joining = other('joining');
  const hook = killHook(point, killFile(folder), { fault, owner: victim, ...noted(folder, plan, notes) });
  const others = other(isPrimary ? 'backup' : 'primary');
  return {
    hooks: guestHooks(folder, plan),
    ioHooks: {
      ...(isPrimary ? { primary: hook } : { backups: hook }),
      ...(others === undefined ? {} : isPrimary ? { backups: others } : { primary: others }),
      ...(joining === undefined ? {} : { joining }),
    },
  };
}

/** On guests' threads; one that nobody strikes is only watched. */
function guestHooks(folder: string, plan: FaultPlan): NonNullable<Hooks['hooks']> {
  const { point, fault, victim, timeline } = plan;
  const kept = timeline === true ? { operations: operationsFile(folder) } : {};
  const hook = killHook(point, killFile(folder), { fault, owner: victim, ...kept });
  const struck = point === undefined ? {} : victim === 'primary' ? { primary: hook } : { backup: hook };
  if (timeline !== true) return struck;
  const watching = killHook(undefined, killFile(folder), kept);
  return { primary: watching, backup: watching, others: watching, ...struck };
}

/** Of replicas whose bus is struck: nothing happens to them. */
function notedHooks(folder: string, plan: FaultPlan, notes: TrialNotes): Hooks {
  const [primary, backups] = (['primary', 'backup'] as const).map(owner =>
    secondHook(folder, plan, notes, owner, undefined),
  );
  return primary === undefined || backups === undefined ? {} : { ioHooks: { primary, backups } };
}

/** Of the process of a bus, and of those after it. */
export function busHooks(folder: string, plan: FaultPlan | undefined): NonNullable<BusProcessOptions['hooks']> {
  if (plan?.victim !== 'bus') return {};
  const { listing, point, second, fault } = plan;
  if (listing !== undefined) return { first: listingHook(listing) };
  return {
    ...(point === undefined ? {} : { first: killHook(point, killFile(folder), { fault, owner: 'bus' }) }),
    ...(second === undefined ? {} : { again: killHook(second, secondKillFile(folder), { owner: 'bus' }) }),
  };
}

/** Of those who are not struck first. */
function secondHook(
  folder: string,
  plan: FaultPlan,
  notes: TrialNotes,
  owner: TimelineOwner,
  second: KillPoint | undefined,
): HookModule | undefined {
  if (second === undefined && plan.timeline !== true) return undefined;
  const isTheirs = second?.at === 'place' && (second.kind === 'join') === (owner === 'joining');
  const more = { owner, ...noted(folder, plan, notes) };
  return killHook(isTheirs ? second : undefined, secondKillFile(folder), more);
}

function noted(
  folder: string,
  { timeline, victim }: FaultPlan,
  notes: TrialNotes,
): Pick<KillOptions, 'timeline' | 'recording' | 'operations'> {
  if (timeline !== true) return {};
  return {
    timeline: notes.timeline,
    recording: notes.recording,
    // Those of a bus that is struck are performed where nobody notes them: there is nothing to hold the guest's side against.
    ...(victim === 'bus' ? {} : { operations: operationsFile(folder) }),
  };
}
