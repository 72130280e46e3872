// Every replica of a machine on several hosts is dead: a host goes on from the logs that it has.
//
// What a launcher knows by itself is asked for here: the latest view of the arbiter, who still lives of the members on record,
// how much of its output is there of the bus. Who claims the next view decides in the end, as in any failover.

import type { Arbiter } from '../arbiter/arbiter.js';
import type { Member } from '../arbiter/members.js';
import { askReport } from '../channel/observing.js';
import { EpochvisorError } from '../errors/errors.js';
import { checkedRecovery, type KnownOutside } from '../log/checked-recovery.js';
import type { RecoverPlace } from '../log/recovering.js';
import type { Recovery } from '../log/recovery.js';
import type { OpenStream } from '../protocol/bus/bus-memory.js';
import type { StreamOffset } from '../protocol/messages.js';
import type { View } from '../protocol/vocabulary.js';
import { HOST_DISK } from '../recording/host-disk.js';
import { stateAt } from '../recording/host-logs.js';
import { BIRTH_VIEW } from '../replica/first-view.js';
import { membershipIn } from './described-options.js';
import type { MachineFolder } from './machine-folder.js';

/** A part that lives answers within this time, ms; a bus that is not there is asked again after it. */
const ANSWER_MAX_MS = 1_500;

export interface PlannedRecovery {
  readonly place: RecoverPlace;
  /** The latest view, and whose log it is. */
  readonly view: number;
  readonly of: string;
}

export interface RecoveryAsked {
  readonly folder: MachineFolder;
  readonly arbiter: Arbiter;
  /** Absolute, of logs. */
  readonly logs: readonly string[];
  readonly acceptLoss: boolean;
  readonly say: (line: string) => void;
}

/** @throws EpochvisorError RECOVER_UNKNOWN, RECOVER_ALIVE, RECOVER_CONNECTED; as `checkedRecovery` and the arbiter */
export async function planPartsRecovery(asked: RecoveryAsked): Promise<PlannedRecovery> {
  const { folder, arbiter, logs, acceptLoss, say } = asked;
  const { machine, durability = 'memory', module } = folder.description;
  const view = await latestView(folder, arbiter);
  await refuseAlive(asked, view);
  const bus = await askBus(asked);
  const known = { machine, durability, view, ...bus, acceptLoss };
  const recovery = checkedRecovery(HOST_DISK, logs, stateAt, known);
  const { header, path, position, end, checkpoint, closed } = recovery;
  if (header.moduleHash !== module) {
    throw new EpochvisorError('GUEST_CHANGED', `${path} is of another guest than ${folder.path}`, 'name other logs');
  }
  say(`goes on from ${told(recovery)}`);
  return {
    place: { folders: logs, log: path, from: position, end, checkpoint, outside: bus.outside, closed },
    ...{ view: view.number, of: header.incarnation },
  };
}

function told({ path, position, end, checkpoint }: Recovery): string {
  const where = checkpoint === undefined ? 'the beginning' : `the checkpoint at position ${position}`;
  return `${path}: from ${where} to position ${end}`;
}

async function latestView(
  { description: { machine, arbiter: address } }: MachineFolder,
  arbiter: Arbiter,
): Promise<View> {
  const view = await arbiter.latest(machine);
  if (view !== undefined && view.number !== BIRTH_VIEW) return view;
  const why = view === undefined ? 'has no record of this machine' : 'says that this machine has not begun';
  throw new EpochvisorError(
    'RECOVER_UNKNOWN',
    `the arbiter ${address} ${why}: there is nothing to go on with`,
    view === undefined ? 'bring back its records' : 'leave out --recover',
  );
}

/** One that lives goes on by itself. */
async function refuseAlive(asked: RecoveryAsked, { number, primary, backups }: View): Promise<void> {
  const { folder, arbiter } = asked;
  const members = await arbiter.members(folder.description.machine);
  const named = members.filter(({ incarnation }) => incarnation === primary || backups.includes(incarnation));
  const answers = await Promise.all(named.map(member => reportOf(folder, member)));
  const at = answers.findIndex(answer => answer !== undefined);
  if (at < 0) return;
  const { host, address } = named[at]!;
  throw new EpochvisorError(
    'RECOVER_ALIVE',
    `a replica of view ${number} lives (${host === undefined ? address : `${host}, ${address}`})`,
    'leave out --recover: this one joins it',
  );
}

async function reportOf(
  folder: MachineFolder,
  { address, incarnation }: Member,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const report = await askReport({ ...membershipIn(folder), address, deadlineMs: ANSWER_MAX_MS });
    return report.incarnation === incarnation ? report : undefined;
  } catch (error) {
    // Nobody is there any more, or somebody else.
    if (error instanceof EpochvisorError) return undefined;
    throw error;
  }
}

/** What is outside, as the bus has it; it is waited for. */
async function askBus({
  folder,
  arbiter,
  say,
}: RecoveryAsked): Promise<Pick<KnownOutside, 'outside' | 'released' | 'open'>> {
  for (let isNews = true; ; isNews = false) {
    const members = await arbiter.members(folder.description.machine);
    const buses = members.filter(({ kind }) => kind === 'bus');
    const reports = await Promise.all(buses.map(bus => reportOf(folder, bus)));
    const report = reports.find(found => found !== undefined);
    if (report !== undefined) {
      refuseConnected(report);
      return { outside: offsets(report.outputs), released: offsets(report.released), open: openIn(report.open) };
    }
    if (isNews) say('waits for the bus: what has left is known there');
    await new Promise(resolve => setTimeout(resolve, ANSWER_MAX_MS));
  }
}

/** What the guest had put out to a connection that is still there is in no log's power to put right. */
function refuseConnected({ owner, connections }: Readonly<Record<string, unknown>>): void {
  // Of a bus that no replica has come to the guest knows no connection.
  if (owner === '' || connections === 0) return;
  throw new EpochvisorError(
    'RECOVER_CONNECTED',
    `the bus has ${String(connections)} connections of the replicas that are dead`,
    'start the bus again: that resets them',
  );
}

function isOffset(one: unknown): one is StreamOffset {
  const { stream, offset } = Object(one) as Record<string, unknown>;
  return Number.isSafeInteger(stream) && Number.isSafeInteger(offset);
}

function openIn(value: unknown): OpenStream[] {
  const open: readonly OpenStream[] = offsets(value);
  for (const { untold } of open) if (untold !== undefined) offsets([untold]);
  return [...open];
}

function offsets(value: unknown): StreamOffset[] {
  if (Array.isArray(value) && value.every(isOffset)) return value;
  throw new EpochvisorError(
    'PACKET_MALFORMED',
    'malformed packet: the bus does not say what has left',
    'is it of this version?',
  );
}
