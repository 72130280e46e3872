// The machines of this user that run on this host: a folder in which each launcher has its control socket.
//
//   $XDG_RUNTIME_DIR/epochvisor, else TMPDIR/epochvisor-machines-UID        0700, its owner's
//     PID-START.socket         START: when the process began, in clock ticks since the host did (0 where that is not known)
//
// Nothing is written there while a machine runs: who wants to know asks the socket. An entry is stale where nobody listens and no
// process with this number began then. Both are looked at: between making and listening a socket refuses, too; and who looks from
// another container sees other processes, or none.

import { lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';

const ENTRY = /^(\d+)-(\d+)\.socket$/;
const OTHERS = 0o077;

export interface RegistryEntry {
  readonly pid: number;
  /** Of its socket. */
  readonly path: string;
  readonly startTicks: number;
}

export function registryFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { XDG_RUNTIME_DIR: runtime = '' } = environment;
  if (isAbsolute(runtime)) return join(runtime, 'epochvisor');
  return join(tmpdir(), `epochvisor-machines-${process.getuid?.() ?? 0}`);
}

/**
 * Makes the folder where it is missing.
 * @returns where this process is to listen
 * @throws EpochvisorError REGISTRY: it can't be made, or others can enter it
 */
export function registryPlace(folder = registryFolder()): string {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw refused(folder, message);
  }
  refuseOthers(folder);
  return join(folder, `${process.pid}-${startTicksOf(process.pid) ?? 0}.socket`);
}

/** @throws EpochvisorError REGISTRY */
export function registryEntries(folder = registryFolder()): RegistryEntry[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw refused(folder, message);
  }
  refuseOthers(folder);
  return names.flatMap(name => {
    const [, pid, start] = ENTRY.exec(name) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), startTicks: Number(start), path: join(folder, name) }];
  });
}

/** Whether the process that made it runs; what else has its number began at another time. */
export function isRunning({ pid, startTicks }: RegistryEntry): boolean {
  return startTicksOf(pid) === startTicks;
}

/** Removes an entry, and the folder with the last one. */
export function unregister(path: string): void {
  rmSync(path, { force: true });
  try {
    rmdirSync(join(path, '..'));
  } catch {
    // Other machines are there.
  }
}

/** Undefined where there is no such process, or no /proc. */
function startTicksOf(pid: number): number | undefined {
  try {
    // The name of the program, in parentheses, may hold anything.
    const [, fields = ''] = /^.*\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    return Number(fields.split(' ')[19]);
  } catch {
    return undefined;
  }
}

/** Who could enter it could take the place of a machine, or ask one for a snapshot. */
function refuseOthers(folder: string): void {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return;
  const isOurs = process.getuid === undefined || stats.uid === process.getuid();
  if (stats.isDirectory() && isOurs && (stats.mode & OTHERS) === 0) return;
  throw refused(folder, 'it is not a folder of yours that nobody else can enter');
}

function refused(folder: string, why: string): EpochvisorError {
  return new EpochvisorError('REGISTRY', `${folder}, where running machines are found, can't be used: ${why}`);
}
