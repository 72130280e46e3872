// `epochvisor run`: a guest on a primary and a backup on this machine, the bus in this process.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { Console } from '../../devices/console/console.js';
import { openDevices } from '../../devices/opening.js';
import { checkGuest } from '../guest/guest-check.js';
import { rewriteGuest } from '../guest/guest-program.js';
import { LaunchedMachine } from '../launch/launched-machine.js';
import { addEpochLengthFlags, type EpochLengthFlags, epochLengthOptions } from './epoch-length-flags.js';
import { guestArguments } from './guest-strings.js';
import { addLaunchFlags, type LaunchFlags, launchOptions } from './launch-flags.js';
import { addVariantFlags, type MachineFlags, machineFlags, readGuest } from './machine-flags.js';
import { addSocketFlags, openSockets, type SocketFlags, socketOptions } from './socket-flags.js';
import { supervise } from './supervise.js';
import { addVerifyFlag, type VerifyFlag, verifyOption } from './verify-flag.js';
import { addWasiFlags, type WasiFlags, wasiOptions } from './wasi-flags.js';

interface RunFlags
  extends Omit<MachineFlags, 'epochLength'>,
    EpochLengthFlags,
    VerifyFlag,
    WasiFlags,
    SocketFlags,
    LaunchFlags {}

export function runCommand(): Command {
  const command = new Command('run')
    .description('Run a guest on a primary and a backup on this machine; a kill of either changes nothing outside.')
    .argument('<GUEST.wasm>', 'the guest')
    .argument('[args...]', "the guest's arguments")
    .passThroughOptions();
  return addSocketFlags(
    addWasiFlags(addVerifyFlag(addVariantFlags(addEpochLengthFlags(addLaunchFlags(command))))),
  ).action((guest: string, args: string[], options: Record<string, unknown>) =>
    run(guest, args, { ...(options as unknown as RunFlags), ...machineFlags(options) }),
  );
}

async function run(guestPath: string, args: readonly string[], flags: RunFlags): Promise<void> {
  const lengths = epochLengthOptions(flags, flags.counting);
  const { path: guest, module } = readGuest(guestPath);
  // Refused here, in one line, rather than by two replicas.
  const wasi = wasiOptions(checkGuest(module), flags);
  const world = { ...(wasi === undefined ? {} : { wasi }), ...socketOptions(flags) };
  const programArguments = guestArguments(guest, args, { ...flags, ...world });
  await rewriteGuest(module, { ...flags, ...world }, flags.cache);
  const launch = await launchOptions(flags);
  const console = Console.ofProcess();
  const sockets = await openSockets(flags, flags);
  const { devices, options } = await openDevices(flags.devices);
  const machine = new LaunchedMachine({
    ...launch,
    module,
    moduleCache: flags.cache,
    options: {
      ...lengths,
      ...verifyOption(flags),
      variant: flags.variant,
      counting: flags.counting,
      operationIds: flags.operationIds,
      maxMemory: flags.maxMemory,
      arguments: programArguments,
      devices: options,
      ...world,
    },
    streams: [console, ...sockets.streams],
    devices: new Map([...devices, ...sockets.devices]),
  });
  const origin = {
    guest,
    listen: flags.listen,
    connect: flags.connect,
    devices: flags.devices.map(source => ({ ...source, path: resolve(source.path) })),
  };
  await supervise(machine, origin, flags);
}
