// `epochvisor bus`: the devices of a machine, its sockets and its console, on this host.

import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { openConsole } from '../../devices/console/open-console.js';
import { closeDevices, type OpenedDevices, openDevices } from '../../devices/opening.js';
import { KeptMemory } from '../bus/kept-memory.js';
import { defaultPlace } from '../channel/listening-place.js';
import { EpochvisorError } from '../errors/errors.js';
import { Refusals } from '../launch/machine-journal.js';
import { complain, DEFECT_STATUS } from '../observe/defects.js';
import type { JournalEvent } from '../observe/event-journal.js';
import { BusPart, refuseSecondBus } from '../parts/bus-part.js';
import { machineOptions } from '../parts/described-options.js';
import { describeEnd } from '../parts/machine-ending.js';
import { type MachineFolder, readFolderModule } from '../parts/machine-folder.js';
import { MachineWatch } from '../parts/machine-watch.js';
import { addWatchFlags } from './launch-flags.js';
import {
  addPartFlags,
  endedBefore,
  endOnSignals,
  openFolder,
  type PartFlags,
  sayUnless,
  statusOfEnd,
} from './part-flags.js';
import { type WatchFlags, watchPart } from './part-watching.js';
import { openSocketsAloud } from './socket-flags.js';

interface BusFlags extends PartFlags, WatchFlags {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly memory?: string;
  readonly sync: boolean;
}

export function busCommand(): Command {
  const command = new Command('bus')
    .description("Serve a machine's devices, sockets and console from this host; there is one bus at a time.")
    .argument('<FOLDER>', "the machine's folder, as init has made it")
    .option('--stdout <FILE>', "append the guest's stdout to FILE, also across a restart of the bus: each byte once")
    .option('--stderr <FILE>', 'likewise its stderr')
    .option('--memory <DIR>', 'what a bus that is started again goes on from (default: bus, in FOLDER)')
    .option('--no-sync', 'a loss of power may cost what was confirmed last; the death of the process costs nothing');
  return addWatchFlags(addPartFlags(command)).action((folder: string, flags: BusFlags) => serve(folder, flags));
}

async function serve(path: string, flags: BusFlags): Promise<void> {
  const say = sayUnless(flags.quiet);
  let part: BusPart | undefined;
  let journal: (event: JournalEvent) => void = () => undefined;
  endOnSignals(async signal => {
    journal({ event: 'stopped', signal });
    await part?.stop();
  });
  const opened = await openFolder(path, flags, say);
  const { folder, arbiter } = opened;
  const before = await endedBefore(opened, say);
  if (before !== undefined) process.exit(statusOfEnd(before));
  await refuseSecondBus(opened);
  const module = readFolderModule(folder);
  const watch = new MachineWatch(folder, arbiter, folder.path);
  journal = await watchPart('bus', folder.description.machine, watch, flags, say);
  const refusals = new Refusals(event => journal(event));
  const memory = await KeptMemory.open(flags.memory ?? join(folder.path, 'bus'), folder.description.machine, {
    syncs: flags.sync,
    observer: {
      waits: error => say(error.line),
      broken: error => (part === undefined ? refuse(error, DEFECT_STATUS) : part.fail(error)),
    },
  });
  const consoles = await openConsole(flags, flags.sync);
  const { devices } = await openDescribed(folder, memory.devicesFolder);
  const sockets = await openSocketsAloud(folder.description, flags, memory.devicesFolder);
  part = new BusPart({
    ...{ folder, arbiter, memory, say },
    place: flags.address ?? defaultPlace(folder.description.encrypted),
    streams: [...consoles, ...sockets.streams],
    devices: new Map([...devices, ...sockets.devices]),
    module: () => module,
    observer: {
      fenced: (view, incarnation, silentMs) => watch.fenced(view, incarnation, silentMs),
      refused: error => refusals.refused(error, performance.now()),
    },
  });
  try {
    await part.start();
    if (flags.metrics !== undefined) watch.ask();
    say(`the bus of machine ${folder.description.machine} is here`);
    const end = await part.ended;
    journal({ event: 'ended', rule: 'XT', ...end });
    if (end.kind !== 'exit') say(`the machine has ended: ${describeEnd(end)}`);
    process.exit(statusOfEnd(end));
  } catch (error) {
    await part.stop();
    if (!(error instanceof EpochvisorError)) throw error;
    journal({ event: 'failed', code: error.code, message: error.message });
    refuse(error, DEFECT_STATUS);
  }
}

function refuse(error: EpochvisorError, status: number): never {
  complain(error.line);
  process.exit(status);
}

/** @throws EpochvisorError DEVICE_DIFFERS where a device is not as it was described; and as the kinds say */
async function openDescribed({ path, description }: MachineFolder, memory: string): Promise<OpenedDevices> {
  const sources = description.devices.map(({ sizeBytes: _, ...source }) => ({
    ...source,
    path: resolve(path, source.path),
  }));
  const opened = await openDevices(sources, undefined, memory);
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
