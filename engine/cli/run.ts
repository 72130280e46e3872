// `epochvisor run`: a guest on a primary and a backup on this machine, the bus in this process.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { checkGuest } from '../guest/guest-check.js';
import { rewriteGuest } from '../guest/guest-program.js';
import { LaunchedMachine } from '../launch/launched-machine.js';
import { openDevices } from './devices.js';
import { guestArguments } from './guest-strings.js';
import { addLaunchFlags, type LaunchFlags, launchOptions } from './launch-flags.js';
import { addMachineFlags, type MachineFlags, machineFlags, readGuest } from './machine-flags.js';
import { supervise } from './supervise.js';
import { addWasiFlags, type WasiFlags, wasiOptions } from './wasi-flags.js';

interface RunFlags extends MachineFlags, WasiFlags, LaunchFlags {}

export function runCommand(): Command {
  const command = new Command('run')
    .description('Run a guest on a primary and a backup on this machine; a kill of either changes nothing outside.')
    .argument('<GUEST.wasm>', 'the guest')
    .argument('[args...]', "the guest's arguments")
    .passThroughOptions();
  return addWasiFlags(addMachineFlags(addLaunchFlags(command))).action(
    (guest: string, args: string[], options: Record<string, unknown>) =>
      run(guest, args, { ...(options as unknown as RunFlags), ...machineFlags(options) }),
  );
}

async function run(guestPath: string, args: readonly string[], flags: RunFlags): Promise<void> {
  const { path: guest, module } = readGuest(guestPath);
  // Refused here, in one line, rather than by two replicas.
  const wasi = wasiOptions(checkGuest(module), flags);
  const world = wasi === undefined ? {} : { wasi };
  const programArguments = guestArguments(guest, args, { ...flags, ...world });
  await rewriteGuest(module, { ...flags, ...world }, flags.cache);
  const launch = launchOptions(flags);
  const { streams, devices, disks } = await openDevices(flags);
  const machine = new LaunchedMachine({
    ...launch,
    module,
    moduleCache: flags.cache,
    options: {
      epochLength: flags.epochLength,
      variant: flags.variant,
      counting: flags.counting,
      operationIds: flags.operationIds,
      maxMemory: flags.maxMemory,
      arguments: programArguments,
      disks,
      teller: flags.teller !== undefined,
      ...world,
    },
    streams,
    devices,
  });
  const origin = {
    guest,
    disks: flags.disk.map(path => resolve(path)),
    ...(flags.teller === undefined ? {} : { teller: resolve(flags.teller) }),
    directories: flags.dir.map(directory => ({ ...directory, hostPath: resolve(directory.hostPath) })),
  };
  await supervise(machine, origin, flags);
}
