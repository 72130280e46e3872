// `epochvisor resume`: a guest goes on from a snapshot, alone or as a pair; a machine of its own, with this host's devices.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { rewriteGuest } from '../guest/guest-program.js';
import type { MachineSnapshot } from '../guest/guest-state.js';
import { LaunchedMachine } from '../launch/launched-machine.js';
import type { StreamOffsets } from '../protocol/bus/bus.js';
import type { SavedOrigin } from '../replica/replica-configuration.js';
import { readSnapshotFile } from '../replica/snapshot-file.js';
import { openDevices } from './devices.js';
import { addLaunchFlags, type LaunchFlags, launchOptions } from './launch-flags.js';
import { readGuest } from './machine-flags.js';
import { resumedFolders } from './resumed-folders.js';
import { supervise } from './supervise.js';

interface ResumeFlags extends LaunchFlags {
  readonly guest?: string;
  readonly cache: boolean;
}

export function resumeCommand(): Command {
  const command = new Command('resume')
    .description('Go on from a snapshot, with the files, folders and options of the machine that it was taken of.')
    .argument('<FILE>', 'the snapshot')
    .option('--guest <GUEST.wasm>', 'the guest, where it lies elsewhere now')
    .option('--no-cache', 'rewrite the guest anew');
  return addLaunchFlags(command).action((file: string, flags: ResumeFlags) => resume(file, flags));
}

async function resume(file: string, flags: ResumeFlags): Promise<void> {
  const snapshot = await readSnapshotFile(file);
  const { statuses, ...origin } = snapshot.origin as SavedOrigin;
  const { path: guest, module } = readGuest(flags.guest ?? origin.guest);
  refuseAnother(guest, module, snapshot);
  const { bornMs: _, ...options } = snapshot.options;
  await rewriteGuest(module, options, flags.cache);
  const launch = launchOptions(flags);
  const { disks, teller } = origin;
  if (teller !== undefined) refuseMissingTeller(teller);
  const opened = await openDevices({
    disk: disks,
    ...(teller === undefined ? {} : { teller }),
    dir: resumedFolders(snapshot, origin.directories, new Map(statuses)),
  });
  refuseOtherDisks(opened.disks, options.disks);
  const machine = new LaunchedMachine({
    ...launch,
    module,
    moduleCache: flags.cache,
    options,
    streams: opened.streams,
    devices: opened.devices,
    resume: { file, offsets: offsetsOf(snapshot) },
  });
  await supervise(machine, { ...origin, guest }, flags);
}

/** How far the streams had come: the guest goes on writing and reading there. */
function offsetsOf({ guest: { execution } }: MachineSnapshot): StreamOffsets {
  return { outputs: execution.written, inputs: execution.input };
}

function refuseAnother(path: string, module: Uint8Array, snapshot: MachineSnapshot): void {
  if (createHash('sha256').update(module).digest('hex') === snapshot.moduleHash) return;
  throw new EpochvisorError(
    'GUEST_CHANGED',
    `${path} is not the guest that the snapshot was taken of`,
    'name that one with --guest',
  );
}

/** `run` begins a journal where there is none; here it is what says which operations in flight were performed. */
function refuseMissingTeller(path: string): void {
  if (existsSync(path)) return;
  throw new EpochvisorError(
    'TELLER_MISSING',
    `the teller's journal ${path} does not exist`,
    'put it back, or make an empty file where nothing was dispensed',
  );
}

function refuseOtherDisks(found: readonly number[], wanted: readonly number[]): void {
  const other = wanted.findIndex((size, number) => found[number] !== size);
  if (other < 0) return;
  throw new EpochvisorError(
    'DISK_SIZE',
    `disk ${other} has ${found[other] ?? 0} bytes, and had ${wanted[other]} when the snapshot was taken`,
    'put the disk back as it was',
  );
}
