// `epochvisor run`: a guest on a primary and a backup on this machine, the bus in this process.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { Console } from '../../devices/console/console.js';
import { openDevices } from '../../devices/opening.js';
import { LaunchedMachine } from '../launch/launched-machine.js';
import { addLogFlags, type LogFlags, logOptions } from './log-flags.js';
import { readGuest } from './machine-flags.js';
import { addRunFlags, prepareRun, type RunFlags, runFlags } from './run-preparation.js';
import { openSocketsAloud } from './socket-flags.js';
import { supervise } from './supervise.js';

export function runCommand(): Command {
  const command = new Command('run')
    .description('Run a guest on a primary and a backup on this machine; a kill of either changes nothing outside.')
    .argument('<GUEST.wasm>', 'the guest')
    .argument('[args...]', "the guest's arguments")
    .passThroughOptions();
  return addLogFlags(addRunFlags(command)).action((guest: string, args: string[], options: Record<string, unknown>) =>
    run(guest, args, { ...(options as LogFlags), ...runFlags(options) }),
  );
}

async function run(guestPath: string, args: readonly string[], flags: RunFlags & LogFlags): Promise<void> {
  const file = readGuest(guestPath);
  const prepared = await prepareRun(file, args, flags);
  const console = Console.ofProcess();
  const sockets = await openSocketsAloud(flags, flags);
  const { devices, options } = await openDevices(flags.devices);
  const machine = new LaunchedMachine({
    ...prepared,
    options: { ...prepared.options, devices: options },
    streams: [console, ...sockets.streams],
    devices: new Map([...devices, ...sockets.devices]),
    ...logOptions(flags, file.module),
  });
  const origin = {
    guest: file.path,
    listen: flags.listen,
    connect: flags.connect,
    devices: flags.devices.map(source => ({ ...source, path: resolve(source.path) })),
  };
  await supervise(machine, origin, flags);
}
