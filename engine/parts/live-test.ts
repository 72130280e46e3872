// A failover test of a machine that runs: a replica is made to die, and what could be seen of it from outside is told.
//
// It dies as if it were killed, by its own SIGKILL, at whatever instruction it is. What its clients could have seen: how long the bus
// heard nothing of a primary, and connections that are there no more. The test is over when the machine is protected again.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Arbiter } from '../arbiter/arbiter.js';
import { askCrash } from '../channel/observing.js';
import { EpochvisorError } from '../errors/errors.js';
import { membershipIn } from './described-options.js';
import type { MachineFolder } from './machine-folder.js';
import { type MachineStatus, type PartStatus, readStatus } from './machine-status.js';

/** A replica dies at once, or does not. */
const CRASH_MAX_MS = 3_000;
const LOOK_MS = 50;

export interface LiveTestOptions {
  readonly folder: MachineFolder;
  readonly arbiter: Arbiter;
  readonly kills: 'primary' | 'backup';
  /** How long it may take until the machine is protected again. */
  readonly timeoutMs: number;
}

export interface LiveTestReport {
  readonly killed: PartStatus;
  readonly before: MachineStatus;
  readonly after: MachineStatus;
  /** The machine is protected again. */
  readonly protected: boolean;
  /** From the death to that, or to the end of the test, ms. */
  readonly unprotectedMs: number;
  /** For so long the bus heard nothing of a primary, ms; 0: the primary was not changed. */
  readonly silenceMs: number;
  /** Connections of clients, before and after. Clients open and close some themselves. */
  readonly connections: readonly [before: number, after: number];
}

/** @throws EpochvisorError NOT_PROTECTED: it would be no test but an end; PEER_UNREACHABLE; as `readStatus` */
export async function testLive({ folder, arbiter, kills, timeoutMs }: LiveTestOptions): Promise<LiveTestReport> {
  const before = await readStatus(folder, arbiter);
  const killed = before.parts.find(({ role }) => role === kills);
  if (!before.protected || killed === undefined) {
    throw new EpochvisorError(
      'NOT_PROTECTED',
      `the machine is not protected (${before.reason}): to kill its ${kills} now is no test`,
      'wait until status says Protected',
    );
  }
  const { address, incarnation } = killed;
  await askCrash({ ...membershipIn(folder), address, deadlineMs: CRASH_MAX_MS });
  const startMs = performance.now();
  for (;;) {
    const after = await readStatus(folder, arbiter);
    const unprotectedMs = performance.now() - startMs;
    // The view without it is still to come.
    const isOver = after.view > before.view && after.protected && !isNamed(after, incarnation);
    if (isOver || after.end !== undefined || unprotectedMs > timeoutMs) {
      return {
        ...{ killed, before, after, unprotectedMs, protected: isOver },
        silenceMs: kills === 'primary' && after.view > before.view ? figureOf(after, 'takeoverMs') : 0,
        connections: [figureOf(before, 'connections'), figureOf(after, 'connections')],
      };
    }
    await sleep(LOOK_MS);
  }
}

function isNamed({ parts }: MachineStatus, incarnation: string): boolean {
  return parts.some(part => part.incarnation === incarnation && part.role !== 'silent');
}

/** A number that the bus reports; 0 where no bus answers. */
function figureOf({ parts }: MachineStatus, figure: string): number {
  const value = parts.find(({ role }) => role === 'bus')?.report?.[figure];
  return typeof value === 'number' ? Math.max(0, value) : 0;
}

/** Lines for a terminal. */
export function describeLiveTest(report: LiveTestReport): string[] {
  const { killed, before, after, silenceMs, unprotectedMs, connections } = report;
  const primary = after.parts.find(({ role }) => role === 'primary');
  const backup = after.parts.find(({ role }) => role === 'backup');
  const lines = [`view ${before.view}: the ${killed.role} (${place(killed)}) was killed`];
  if (killed.role === 'primary' && primary !== undefined) {
    lines.push(
      `view ${after.view}: ${place(primary)} is primary; the bus heard nothing of one for ${silenceMs.toFixed(0)} ms`,
    );
  }
  const [open, stillOpen] = connections;
  lines.push(`connections of clients: ${open} before, ${stillOpen} after`);
  lines.push(
    report.protected && backup !== undefined
      ? `Protected again after ${unprotectedMs.toFixed(0)} ms: ${place(backup)} is the backup`
      : `Not protected after ${unprotectedMs.toFixed(0)} ms (${after.reason})`,
  );
  return lines;
}

function place({ host, address, report }: PartStatus): string {
  const pid = report?.pid;
  return [host === '' ? address : host, typeof pid === 'number' ? `pid ${pid}` : ''].filter(Boolean).join(', ');
}
