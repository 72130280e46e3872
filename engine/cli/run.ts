// `epochvisor run`: a guest on a primary and a backup on this machine, the bus in this process.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { openConsole, readersOf } from '../../devices/console/open-console.js';
import { openHost } from '../../devices/host/host-device.js';
import { openDevices } from '../../devices/opening.js';
import { LaunchedMachine } from '../launch/launched-machine.js';
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
import { addRunFlags, prepareRun, type RunFlags, runFlags } from './run-preparation.js';
import { openSocketsAloud } from './socket-flags.js';
import { supervise } from './supervise.js';

type Flags = RunFlags & LogFlags & OutputFlags;

export function runCommand(): Command {
  const command = new Command('run')
    .description('Run a guest on a primary and a backup on this machine; a kill of either changes nothing outside.')
    .argument('<GUEST.wasm>', 'the guest')
    .argument('[args...]', "the guest's arguments")
    .passThroughOptions();
  return addLogFlags(addOutputFlags(addRunFlags(command))).action(
    (guest: string, args: string[], options: Record<string, unknown>) =>
      run(guest, args, { ...(options as LogFlags & OutputFlags), ...runFlags(options) }),
  );
}

async function run(guestPath: string, args: readonly string[], flags: Flags): Promise<void> {
  const file = readGuest(guestPath);
  const prepared = await prepareRun(file, args, flags);
  const origin = {
    guest: file.path,
    listen: flags.listen,
    connect: flags.connect,
    ...(flags.host === undefined ? {} : { host: flags.host }),
    devices: flags.devices.map(source => ({ ...source, path: resolve(source.path) })),
  };
  const logged = logOptions(flags, file.module);
  const home = await beginLogged(flags, prepared, origin, logged);
  let machine: LaunchedMachine;
  try {
    const consoles = await openConsole(outputFiles(flags), syncsOutput(flags));
    const sockets = await openSocketsAloud(flags, flags, home?.devicesFolder);
    const { devices, options } = await openDevices(flags.devices, undefined, home?.devicesFolder);
    machine = new LaunchedMachine({
      ...prepared,
      ...home?.launch,
      options: { ...prepared.options, devices: options },
      streams: [...consoles, ...sockets.streams],
      devices: new Map([
        ...devices,
        ...sockets.devices,
        ...readersOf(consoles, prepared.options.wasi?.tellsOfReaders),
        ...(await openHost(flags.host)),
      ]),
      ...logged,
    });
  } catch (error) {
    await home?.abandon();
    throw error;
  }
  home?.isOf(machine);
  await supervise(machine, origin, flags);
}
