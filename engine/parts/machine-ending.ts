// The machine's end, as its parts write it, wait for it, and say it.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Arbiter } from '../arbiter/arbiter.js';
import type { MachineEnd } from '../arbiter/machine-end.js';
import { EpochvisorError } from '../errors/errors.js';
import { describeOutcome } from '../protocol/describe.js';

/** Pause before an arbiter out of reach is asked again. */
const AGAIN_MS = 500;

/** One phrase: `it was stopped`, `exit 0`. */
export function describeEnd(end: MachineEnd): string {
  return end.kind === 'stopped' ? 'it was stopped' : describeOutcome(end);
}

/**
 * Writes how the machine ended, however long that takes.
 * @param waits the arbiter is out of reach; once
 * @returns the end that stands
 */
export async function writeEnding(
  arbiter: Pick<Arbiter, 'end'>,
  machine: string,
  end: MachineEnd,
  waits: (reason: string) => void,
): Promise<MachineEnd> {
  for (let first = true; ; first = false) {
    const answer = await arbiter.end(machine, end);
    if (answer.result === 'won') return end;
    if (answer.result === 'lost') return answer.end;
    if (first) waits(answer.reason);
    await sleep(AGAIN_MS);
  }
}

/** Who has ended is not to be found any more. A record that stays costs a call that nobody answers. */
export async function withdrawQuietly(arbiter: Arbiter, machine: string, incarnation: string): Promise<void> {
  try {
    await arbiter.withdraw(machine, incarnation);
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
  }
}
