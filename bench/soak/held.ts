// What a machine's processes hold: memory and open descriptors, as Linux tells.

import { readdirSync, readFileSync } from 'node:fs';

export interface Held {
  readonly processes: number;
  /** Resident memory of all of them, MiB. */
  readonly mebibytes: number;
  /** Resident memory and open descriptors of the launcher, which lives as long as the machine. */
  readonly launcherMebibytes: number;
  readonly launcherDescriptors: number;
}

export function heldBy(launcher: number): Held {
  const pids = [launcher, ...childrenOf(launcher)];
  return {
    processes: pids.length,
    mebibytes: pids.reduce((sum, pid) => sum + residentMebibytes(pid), 0),
    launcherMebibytes: residentMebibytes(launcher),
    launcherDescriptors: descriptorsOf(launcher),
  };
}

function childrenOf(pid: number): number[] {
  const text = whileAlive(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), '');
  return text.split(' ').filter(Boolean).map(Number);
}

function residentMebibytes(pid: number): number {
  const text = whileAlive(() => readFileSync(`/proc/${pid}/status`, 'utf8'), '');
  return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1] ?? 0) / 1024;
}

function descriptorsOf(pid: number): number {
  return whileAlive(() => readdirSync(`/proc/${pid}/fd`).length, 0);
}

/** A process may end while it is looked at. */
function whileAlive<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return otherwise;
    throw error;
  }
}
