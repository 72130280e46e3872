// Stopping a machine: the end is written, and the parts are watched until they have ended.
//
// A part that has ended has taken its record away, or was killed and its port is closed. One that does not answer may live
// behind a cut cable: it ends when it reaches the arbiter again, and until then nobody can say.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Arbiter } from '../arbiter/arbiter.js';
import type { MachineEnd } from '../arbiter/machine-end.js';
import { EpochvisorError } from '../errors/errors.js';
import { withdrawQuietly } from './machine-ending.js';
import type { MachineFolder } from './machine-folder.js';
import { type MachineStatus, type PartStatus, readStatus } from './machine-status.js';

/** Parts look once a second, and a bus waits some seconds for what it has under way. */
export const END_MAX_SECONDS = 15;
const LOOK_MS = 250;
/** What a host says of a port where nobody listens. */
const NOBODY = /ECONNREFUSED/;

export interface Stopped {
  /** How the machine has ended; it may have before. */
  readonly end: MachineEnd;
  /** Parts that are not known to have ended. */
  readonly left: readonly PartStatus[];
}

/**
 * @param endMaxSeconds how long the parts may take
 * @throws EpochvisorError ARBITER_UNREACHABLE
 */
export async function stopMachine(
  folder: MachineFolder,
  arbiter: Arbiter,
  endMaxSeconds = END_MAX_SECONDS,
): Promise<Stopped> {
  const { machine } = folder.description;
  const answer = await arbiter.end(machine, { kind: 'stopped' });
  if (answer.result === 'unreachable') throw new EpochvisorError('ARBITER_UNREACHABLE', answer.reason, 'try again');
  const end: MachineEnd = answer.result === 'lost' ? answer.end : { kind: 'stopped' };
  for (const deadlineMs = performance.now() + 1_000 * endMaxSeconds; ; ) {
    const { parts } = await readStatus(folder, arbiter);
    const gone = parts.filter(isGone);
    for (const { incarnation } of gone) await withdrawQuietly(arbiter, machine, incarnation);
    const left = parts.filter(part => !gone.includes(part));
    if (left.length === 0 || performance.now() > deadlineMs) return { end, left };
    await sleep(LOOK_MS);
  }
}

function isGone({ role, why = '' }: MachineStatus['parts'][number]): boolean {
  return role === 'silent' && (NOBODY.test(why) || why === 'another has its port');
}
