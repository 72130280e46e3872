// `epochvisor resume`: a guest goes on from a snapshot, alone or as a pair; a machine of its own, with this host's devices.

import { createHash } from 'node:crypto';
import { Command } from 'commander';
import { Console } from '../../devices/console/console.js';
import { openDevices } from '../../devices/opening.js';
import { EpochvisorError } from '../errors/errors.js';
import { rewriteGuest } from '../guest/guest-program.js';
import type { MachineSnapshot } from '../guest/guest-state.js';
import { LaunchedMachine } from '../launch/launched-machine.js';
import type { StreamOffsets } from '../protocol/bus/bus.js';
import type { SavedOrigin } from '../replica/replica-configuration.js';
import { readSnapshotFile } from '../replica/snapshot-file.js';
import { addLaunchFlags, type LaunchFlags, launchOptions } from './launch-flags.js';
import { addLogFlags, type LogFlags, logOptions } from './log-flags.js';
import { readGuest } from './machine-flags.js';
import { devicesThen } from './resumed-devices.js';
import { openSocketsAloud } from './socket-flags.js';
import { supervise } from './supervise.js';
import { addVerifyFlag, type VerifyFlag, verifyOption } from './verify-flag.js';

interface ResumeFlags extends LaunchFlags, VerifyFlag, LogFlags {
  readonly guest?: string;
  readonly cache: boolean;
}

export function resumeCommand(): Command {
  const command = new Command('resume')
    .description('Go on from a snapshot, with the files, folders and options of the machine that it was taken of.')
    .argument('<FILE>', 'the snapshot')
    .option('--guest <GUEST.wasm>', 'the guest, where it lies elsewhere now')
    .option('--no-cache', 'rewrite the guest anew');
  return addLogFlags(addVerifyFlag(addLaunchFlags(command))).action((file: string, flags: ResumeFlags) =>
    resume(file, flags),
  );
}

async function resume(file: string, flags: ResumeFlags): Promise<void> {
  const snapshot = await readSnapshotFile(file);
  const { statuses, ...origin } = snapshot.origin as SavedOrigin;
  const { path: guest, module } = readGuest(flags.guest ?? origin.guest);
  refuseAnother(guest, module, snapshot);
  const { bornMs: _, ...then } = snapshot.options;
  const options = { ...then, ...verifyOption(flags) };
  await rewriteGuest(module, options, flags.cache);
  const launch = await launchOptions(flags);
  const devicesBefore = devicesThen(snapshot, origin.devices, new Map(statuses));
  const console = Console.ofProcess();
  const sockets = await openSocketsAloud(origin, flags);
  const { devices } = await openDevices(origin.devices, devicesBefore);
  const machine = new LaunchedMachine({
    ...launch,
    module,
    moduleCache: flags.cache,
    options,
    streams: [console, ...sockets.streams],
    devices: new Map([...devices, ...sockets.devices]),
    resume: { file, offsets: offsetsOf(snapshot) },
    ...logOptions(flags, module),
  });
  await supervise(machine, { ...origin, guest }, flags);
}

/** How far the streams had come: the guest goes on writing and reading there. Connections do not outlive their machine. */
function offsetsOf({ guest: { execution } }: MachineSnapshot): StreamOffsets {
  const { written, opened } = execution;
  const lost = opened.map(stream => ({ stream, offset: written.find(one => one.stream === stream)?.offset ?? 0 }));
  return { outputs: written, inputs: execution.input, lost };
}

function refuseAnother(path: string, module: Uint8Array, snapshot: MachineSnapshot): void {
  if (createHash('sha256').update(module).digest('hex') === snapshot.moduleHash) return;
  throw new EpochvisorError(
    'GUEST_CHANGED',
    `${path} is not the guest that the snapshot was taken of`,
    'name that one with --guest',
  );
}
