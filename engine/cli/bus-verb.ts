// `epochvisor bus`: the devices of a machine, its sockets and its console, on this host.

import { createWriteStream, openSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { Command } from 'commander';
import { Console } from '../../devices/console/console.js';
import { closeDevices, type OpenedDevices, openDevices } from '../../devices/opening.js';
import { defaultPlace } from '../channel/listening-place.js';
import { EpochvisorError } from '../errors/errors.js';
import { complain, DEFECT_STATUS } from '../observe/defects.js';
import { BusPart, refuseSecondBus } from '../parts/bus-part.js';
import { machineOptions } from '../parts/described-options.js';
import { describeEnd } from '../parts/machine-ending.js';
import { type MachineFolder, readFolderModule } from '../parts/machine-folder.js';
import {
  addPartFlags,
  endedBefore,
  endOnSignals,
  openFolder,
  type PartFlags,
  sayUnless,
  statusOfEnd,
} from './part-flags.js';
import { openSockets } from './socket-flags.js';

interface BusFlags extends PartFlags {
  readonly stdout?: string;
  readonly stderr?: string;
}

export function busCommand(): Command {
  const command = new Command('bus')
    .description("Serve a machine's devices, sockets and console from this host; there is one bus at a time.")
    .argument('<FOLDER>', "the machine's folder, as init has made it")
    .option('--stdout <FILE>', "append the guest's stdout to FILE")
    .option('--stderr <FILE>', "append the guest's stderr to FILE");
  return addPartFlags(command).action((folder: string, flags: BusFlags) => serve(folder, flags));
}

async function serve(path: string, flags: BusFlags): Promise<void> {
  const say = sayUnless(flags.quiet);
  let part: BusPart | undefined;
  endOnSignals(async () => part?.stop());
  const opened = await openFolder(path, flags, say);
  const { folder, arbiter } = opened;
  const before = await endedBefore(opened, say);
  if (before !== undefined) process.exit(statusOfEnd(before));
  await refuseSecondBus(opened);
  const module = readFolderModule(folder);
  const console = consoleOf(flags);
  const { devices } = await openDescribed(folder);
  const sockets = await openSockets(folder.description, flags);
  part = new BusPart({
    ...{ folder, arbiter, say },
    place: flags.address ?? defaultPlace(folder.description.encrypted),
    streams: [console, ...sockets.streams],
    devices: new Map([...devices, ...sockets.devices]),
    module: () => module,
  });
  try {
    await part.start();
    say(`the bus of machine ${folder.description.machine} is here`);
    const end = await part.ended;
    if (end.kind !== 'exit') say(`the machine has ended: ${describeEnd(end)}`);
    process.exit(statusOfEnd(end));
  } catch (error) {
    await part.stop();
    if (!(error instanceof EpochvisorError)) throw error;
    complain(error.line);
    process.exit(DEFECT_STATUS);
  }
}

/** @throws EpochvisorError DEVICE_DIFFERS where a device is not as it was described; and as the kinds say */
async function openDescribed({ path, description }: MachineFolder): Promise<OpenedDevices> {
  const sources = description.devices.map(({ sizeBytes: _, ...source }) => ({
    ...source,
    path: resolve(path, source.path),
  }));
  const opened = await openDevices(sources);
  const wanted = machineOptions(description).devices;
  const at = opened.options.findIndex((device, index) => device.sizeBytes !== wanted[index]?.sizeBytes);
  if (at < 0) return opened;
  await closeDevices(opened.devices);
  const { kind, sizeBytes } = opened.options[at]!;
  throw new EpochvisorError(
    'DEVICE_DIFFERS',
    `the ${kind} of the machine has ${sizeBytes} bytes here, and its description says ${wanted[at]?.sizeBytes}`,
    'put back the one that it was described with',
  );
}

function consoleOf({ stdout, stderr }: BusFlags): Console {
  // Looked at first: a standard input that can't be read is refused.
  const own = Console.ofProcess();
  if (stdout === undefined && stderr === undefined) return own;
  const streamTo = (file: string | undefined, otherwise: Writable) =>
    file === undefined ? otherwise : createWriteStream(file, { fd: openAppending(file) });
  return new Console({
    stdin: process.stdin,
    stdout: streamTo(stdout, process.stdout),
    stderr: streamTo(stderr, process.stderr),
  });
}

function openAppending(file: string): number {
  try {
    return openSync(file, 'a');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EpochvisorError('OUTPUT_FAILED', `${file} can't be written: ${code ?? message}`, 'name another file');
  }
}
