// The machines that tests of this process have launched and not ended: none of them outlives the process, or goes unnamed.

import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';

export interface LivingMachine {
  /** Where it was launched, for people: `FILE:LINE`. */
  readonly launchedAt: string;
  readonly guest: string;
  /** It has processes. */
  readonly runs: boolean;
  readonly pids: readonly number[];
  /** Of its files. */
  readonly folder: string;
  stop(): Promise<void>;
}

const living = new Set<LivingMachine>();
let watched = false;

export function isLaunched(machine: LivingMachine): void {
  living.add(machine);
  if (watched) return;
  watched = true;
  // Nothing can be awaited any more: the processes are killed, and whoever forgot them is told.
  process.once('exit', endAtExit);
}

export function isEnded(machine: LivingMachine): void {
  living.delete(machine);
}

/** Of the frames of a stack, the first that is not of this library. */
export function callerOf(stack: string | undefined): string {
  const frames = (stack ?? '').split('\n').flatMap(line => {
    const place = /^\s*at .*?\(?((?:file:\/\/)?[^\s()]+:\d+):\d+\)?$/.exec(line)?.[1];
    return place === undefined || place.startsWith('node:') ? [] : [place.replace('file://', '')];
  });
  // The first frame is in this folder, wherever it was built to.
  return frames.find(place => dirname(place) !== dirname(frames[0]!)) ?? 'an unknown place';
}

/** Ends those that still run. @returns the error that names them; undefined: there were none */
export async function endForgotten(): Promise<EpochvisorError | undefined> {
  const all = [...living];
  const forgotten = all.filter(({ runs }) => runs);
  await Promise.all(all.map(machine => machine.stop()));
  return forgotten.length === 0 ? undefined : new EpochvisorError('MACHINE_FORGOTTEN', describe(forgotten), HINT);
}

const HINT = 'write `await using machine = await launch(...)`, or `await machine.stop()` at the end of the test';

function describe(machines: readonly LivingMachine[]): string {
  const names = machines.map(({ guest, launchedAt }) => `${guest}, launched at ${launchedAt}`);
  return `a test did not end its machine, and it was ended now: ${names.join('; ')}`;
}

function endAtExit(): void {
  const forgotten = [...living].filter(({ runs }) => runs);
  for (const { pids, folder } of living) {
    for (const pid of pids) killQuietly(pid);
    rmSync(folder, { recursive: true, force: true });
  }
  if (forgotten.length === 0) return;
  process.stderr.write(`epochvisor: ${new EpochvisorError('MACHINE_FORGOTTEN', describe(forgotten), HINT).line}\n`);
  process.exitCode ||= 1;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
