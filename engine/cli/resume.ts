// `epochvisor resume`: a guest goes on from a snapshot, alone or as a pair; a machine of its own, with this host's devices.

import { createHash } from 'node:crypto';
import { Command } from 'commander';
import { FIRST_CONNECTING } from '../../devices/connection/connection-streams.js';
import { openConsole, readersOf } from '../../devices/console/open-console.js';
import { openHost } from '../../devices/host/host-device.js';
import { openDevices } from '../../devices/opening.js';
import { EpochvisorError } from '../errors/errors.js';
import { rewriteGuest } from '../guest/guest-program.js';
import type { MachineSnapshot } from '../guest/guest-state.js';
import { LaunchedMachine } from '../launch/launched-machine.js';
import type { StreamOffsets } from '../protocol/bus/bus.js';
import { memoryOf } from '../protocol/bus/bus-memory.js';
import type { SavedOrigin } from '../replica/replica-configuration.js';
import { readSnapshotFile } from '../replica/snapshot-file.js';
import { addLaunchFlags, type LaunchFlags, launchOptions } from './launch-flags.js';
import {
  addLogFlags,
  addOutputFlags,
  type LogFlags,
  logOptions,
  type OutputFlags,
  outputFiles,
  syncsOutput,
} from './log-flags.js';
import { readGuest } from './machine-flags.js';
import { beginLogged } from './recoverable-machine.js';
import { devicesThen } from './resumed-devices.js';
import { openSocketsAloud } from './socket-flags.js';
import { supervise } from './supervise.js';
import { addVerifyFlag, type VerifyFlag, verifyOption } from './verify-flag.js';

interface ResumeFlags extends LaunchFlags, VerifyFlag, LogFlags, OutputFlags {
  readonly guest?: string;
  readonly cache: boolean;
}

export function resumeCommand(): Command {
  const command = new Command('resume')
    .description('Go on from a snapshot, with the files, folders and options of the machine that it was taken of.')
    .argument('<FILE>', 'the snapshot')
    .option('--guest <GUEST.wasm>', 'the guest, where it lies elsewhere now')
    .option('--no-cache', 'rewrite the guest anew');
  return addLogFlags(addOutputFlags(addVerifyFlag(addLaunchFlags(command)))).action(
    (file: string, flags: ResumeFlags) => resume(file, flags),
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
  const logged = logOptions(flags, module);
  const here = { ...origin, guest };
  const begins = memoryOf(offsetsOf(snapshot), sourcesOf(snapshot));
  const home = await beginLogged(flags, launch, here, logged, begins);
  let machine: LaunchedMachine;
  try {
    const consoles = await openConsole(outputFiles(flags), syncsOutput(flags));
    const sockets = await openSocketsAloud(origin, flags, home?.devicesFolder);
    const { devices } = await openDevices(origin.devices, devicesBefore, home?.devicesFolder);
    machine = new LaunchedMachine({
      ...launch,
      ...home?.launch,
      module,
      moduleCache: flags.cache,
      options,
      streams: [...consoles, ...sockets.streams],
      devices: new Map([
        ...devices,
        ...sockets.devices,
        ...readersOf(consoles, options.wasi?.tellsOfReaders),
        ...(await openHost(origin.host)),
      ]),
      resume: { file, offsets: offsetsOf(snapshot) },
      ...logged,
    });
  } catch (error) {
    await home?.abandon();
    throw error;
  }
  home?.isOf(machine);
  await supervise(machine, here, flags);
}

function sourcesOf({ options: { sockets } }: MachineSnapshot): number[] {
  const { listeners = [], connectors = [] } = sockets ?? {};
  return [...listeners, ...connectors.map((_, index) => FIRST_CONNECTING + index)];
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
