// The status of a machine on several hosts: what the arbiter has on record, and what its parts answer.

import type { Arbiter } from '../arbiter/arbiter.js';
import type { MachineEnd } from '../arbiter/machine-end.js';
import { isLater, type Member } from '../arbiter/members.js';
import { askReport } from '../channel/observing.js';
import { EpochvisorError } from '../errors/errors.js';
import { BIRTH_VIEW } from '../replica/first-view.js';
import { membershipIn } from './described-options.js';
import { describeEnd } from './machine-ending.js';
import type { MachineFolder } from './machine-folder.js';

/** A part that lives and is not cut off answers within this time, ms. */
const ANSWER_MAX_MS = 1_500;

export interface PartStatus {
  readonly kind: Member['kind'];
  readonly incarnation: string;
  readonly address: string;
  readonly host: string;
  /** `ended`: it is a replica of the latest view, or not known to be gone, and does not answer; `why` says more. */
  readonly role: 'bus' | 'primary' | 'backup' | 'spare' | 'starting' | 'silent';
  readonly why?: string;
  /** What it says of itself (replica-report.ts, bus-report.ts), where it answers. */
  readonly report?: Readonly<Record<string, unknown>>;
}

export interface MachineStatus {
  readonly machine: string;
  readonly arbiter: string;
  /** Number of the latest view; 0: none has begun. */
  readonly view: number;
  /** Whether the death of any replica now would go unnoticed. */
  readonly protected: boolean;
  /** Why not; empty while protected. */
  readonly reason: string;
  readonly end?: MachineEnd;
  readonly parts: readonly PartStatus[];
}

/** @throws EpochvisorError ARBITER_UNREACHABLE, VIEW_CORRUPT, MEMBER_CORRUPT, END_CORRUPT */
export async function readStatus(folder: MachineFolder, arbiter: Arbiter): Promise<MachineStatus> {
  const { machine } = folder.description;
  const [latest, members, end] = await Promise.all([
    arbiter.latest(machine),
    arbiter.members(machine),
    arbiter.ended(machine),
  ]);
  const parts = await Promise.all(
    [...members].sort((a, b) => (isLater(a, b) ? 1 : -1)).map(member => statusOf(folder, member)),
  );
  const view = latest?.number ?? BIRTH_VIEW;
  const reason = reasonOf(folder, view, latest?.primary, end, parts, latest !== undefined);
  return {
    machine,
    arbiter: folder.description.arbiter,
    view,
    protected: reason === '',
    reason,
    ...(end === undefined ? {} : { end }),
    parts: parts.sort((a, b) => rank(a) - rank(b)),
  };
}

async function statusOf(folder: MachineFolder, member: Member): Promise<PartStatus> {
  const { kind, incarnation, address, host = '' } = member;
  const about = { kind, incarnation, address, host };
  try {
    const report = await askReport({ ...membershipIn(folder), address, deadlineMs: ANSWER_MAX_MS });
    if (report.incarnation !== incarnation) return { ...about, role: 'silent', why: 'another has its port' };
    return { ...about, host: textOf(report.host) || host, role: roleOf(kind, report), report };
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    return { ...about, role: 'silent', why: error.message };
  }
}

function roleOf(kind: Member['kind'], { role }: Readonly<Record<string, unknown>>): PartStatus['role'] {
  if (kind === 'bus') return 'bus';
  if (role === 'primary' || role === 'backup') return role;
  return role === 'joining' ? 'spare' : 'starting';
}

/** The primary's word counts where it is the one that the arbiter names, and the bus serves it. */
function reasonOf(
  { description: { replicas } }: MachineFolder,
  view: number,
  primary: string | undefined,
  end: MachineEnd | undefined,
  parts: readonly PartStatus[],
  isKnown: boolean,
): string {
  if (end !== undefined) return `ended: ${describeEnd(end)}`;
  if (!isKnown) return 'the arbiter has no record of this machine';
  if (view === BIRTH_VIEW) return 'not started';
  if (replicas === 1) return 'disabled';
  const report = parts.find(({ incarnation }) => incarnation === primary)?.report;
  if (report === undefined) return 'the primary does not answer';
  if (!parts.some(({ role }) => role === 'bus')) return 'no bus answers';
  if (report.view !== view || report.role !== 'primary') return 'changing view';
  if (report.bus !== true) return 'the primary is not connected to the bus';
  return report.protected === true ? '' : textOf(report.reason) || 'starting';
}

const ORDER: readonly PartStatus['role'][] = ['bus', 'primary', 'backup', 'spare', 'starting', 'silent'];

function rank({ role }: PartStatus): number {
  return ORDER.indexOf(role);
}

/** For a terminal: a part's words do nothing to it. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value.replace(/\p{C}/gu, '?').slice(0, 200) : '';
}
