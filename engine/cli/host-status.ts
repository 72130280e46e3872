// The machines of this user on this host, each asked by its control socket; those of launchers that are gone are swept.

import { EpochvisorError } from '../errors/errors.js';
import { isRunning, type RegistryEntry, registryEntries, unregister } from '../observe/machine-registry.js';
import type { Status } from '../observe/status.js';
import { statusHead, statusLines } from '../observe/status-lines.js';
import { askStatus, isAbandoned } from './control.js';

/** A machine that is there; one whose launcher is stopped does not answer. */
export type HostMachine =
  | { readonly pid: number; readonly status: Status; readonly error?: undefined }
  | { readonly pid: number; readonly status?: undefined; readonly error: EpochvisorError };

/** By the age of their processes. @throws EpochvisorError REGISTRY */
export async function hostMachines(): Promise<HostMachine[]> {
  const entries = registryEntries().sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
  return (await Promise.all(entries.map(machineOf))).flat();
}

async function machineOf(entry: RegistryEntry): Promise<HostMachine[]> {
  const { pid, path } = entry;
  try {
    return [{ pid, status: await askStatus(path) }];
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    if (!(await isAbandoned(path))) return [{ pid, error }];
    // It begins, or it has ended just now; who is gone for longer has left this behind.
    if (!isRunning(entry)) unregister(path);
    return [];
  }
}

/**
 * The one that is meant: by the pid of its launcher, or by how its id begins.
 * @throws EpochvisorError MACHINE_UNKNOWN
 */
export function namedMachine(machines: readonly HostMachine[], name: string): HostMachine {
  const fits = machines.filter(
    one => String(one.pid) === name || (name.length >= 4 && one.status?.machine.startsWith(name) === true),
  );
  const [only] = fits;
  if (only !== undefined && fits.length === 1) return only;
  const what = fits.length > 1 ? `several machines of yours are meant by ${name}` : `no machine of yours is ${name}`;
  throw new EpochvisorError(
    'MACHINE_UNKNOWN',
    `${what}, and no folder of a machine`,
    'name a folder, the pid of a launcher, or an id as status lists it',
  );
}

export function isProtected(machine: HostMachine): boolean {
  return machine.status?.protected === true;
}

export function headOf(machine: HostMachine): string {
  return machine.status !== undefined
    ? statusHead(machine.status)
    : `machine of process ${machine.pid}: ${machine.error.line}`;
}

export function linesOf(machine: HostMachine): string[] {
  return machine.status !== undefined ? statusLines(machine.status, Date.now()) : [headOf(machine)];
}

/** As it is printed for programs. */
export function jsonOf(machine: HostMachine): object {
  return machine.status !== undefined ? machine.status : { pid: machine.pid, error: machine.error.line };
}
