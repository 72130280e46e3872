// What processes cost, as Linux tells, and the end of those that a bench has started, and of
// its folders, however it ends itself.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Linux counts in hundredths of a second, whatever its timer does. */
const TICK_MS = 10;
/** How long a process may take to end when it is asked to, ms. */
const END_MS = 5_000;

/** CPU time of a process, ms; 0: it is gone. */
export function cpuMs(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // After the name, which may hold anything, in parentheses: state is field 3, user and system time are 14 and 15.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return 0;
  }
}

/** Resident memory of a process, MiB; 0: it is gone. */
export function residentMebibytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

const started = new Set<ChildProcess>();

/** A process that ends with this one, at the latest. */
export function owned<Child extends ChildProcess>(child: Child): Child {
  started.add(child);
  child.once('exit', () => started.delete(child));
  return child;
}

const folders = new Set<string>();

/** A folder that is gone when this process is, at the latest. */
export function ownedFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'epochvisor-bench-'));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/** Asks a process to end, makes it end if it doesn't, and waits for that. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const late = setTimeout(() => child.kill('SIGKILL'), END_MS);
  await ended;
  clearTimeout(late);
}

/** Ctrl-C, and failures, end what was started: a launcher ends its replicas. */
export async function endAll(): Promise<void> {
  await Promise.all([...started].map(child => end(child)));
}

let isInterrupted = false;

/** Whether a signal has ended it all: what fails from then on is no news. */
export function wasInterrupted(): boolean {
  return isInterrupted;
}

process.once('exit', () => {
  for (const child of started) child.kill('SIGTERM');
  for (const folder of folders) removeFolder(folder);
});
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    isInterrupted = true;
    void endAll().then(() => process.exit(status));
  });
}
