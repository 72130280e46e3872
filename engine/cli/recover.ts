// `epochvisor recover`: every process of a machine is dead, and what its replicas have written down is there: the same machine goes
// on, alone at first, with the devices, files and view records that it had.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { STDIN, streamName } from '../../devices/console/console-streams.js';
import { openConsole, readersOf } from '../../devices/console/open-console.js';
import type { StreamDevice } from '../../devices/device.js';
import { openHost } from '../../devices/host/host-device.js';
import { openDevices } from '../../devices/opening.js';
import { openArbiter } from '../arbiter/open-arbiter.js';
import { EpochvisorError } from '../errors/errors.js';
import { rewriteGuest } from '../guest/guest-program.js';
import { LaunchedMachine } from '../launch/launched-machine.js';
import { type LoggedOrigin, readOrigin } from '../launch/log-home.js';
import { checkedRecovery } from '../log/checked-recovery.js';
import type { Recovery } from '../log/recovery.js';
import { type BusMemory, openOf, releasedOf } from '../protocol/bus/bus-memory.js';
import { describeOutcome } from '../protocol/describe.js';
import type { StreamOffset } from '../protocol/messages.js';
import type { View } from '../protocol/vocabulary.js';
import { HOST_DISK } from '../recording/host-disk.js';
import { stateAt } from '../recording/host-logs.js';
import { decodeLoggedMachine } from '../recording/logged-machine.js';
import { hashOf } from '../recording/recording.js';
import type { LogPlace } from '../replica/replica-configuration.js';
import { addEtcdFlags, arbiterOptions, type GivenArbiter } from './arbiter-flags.js';
import { addReplicaFlags, type LaunchFlags, launchOptions } from './launch-flags.js';
import { readGuest } from './machine-flags.js';
import { RecoverableMachine } from './recoverable-machine.js';
import { openSocketsAloud } from './socket-flags.js';
import { supervise } from './supervise.js';

interface RecoverFlags extends Omit<LaunchFlags, 'arbiter'> {
  readonly guest?: string;
  readonly cache: boolean;
  readonly acceptLoss?: true;
}

export function recoverCommand(): Command {
  const command = new Command('recover')
    .description('Go on with a machine of which every process is dead, from what its replicas have written down.')
    .argument('<DIR...>', 'the folder that --log named; and others, where logs of its replicas lie elsewhere now')
    .option('--guest <GUEST.wasm>', 'the guest, where it lies elsewhere now')
    .option('--no-cache', 'rewrite the guest anew')
    .option(
      '--accept-loss',
      "go on where something of the output may be lacking: from the primary's log alone under backup-disk, or with a file that was cut short",
    )
    .option('--no-repair', 'start no replacement for a replica that died')
    .option('--status-file <FILE>', 'keep the status in FILE, as JSON; `snapshot` finds the machine by it')
    .option('--encrypt', 'encrypt the channel between the replicas and the bus, though it is on this host')
    .option('--quiet', 'say nothing but what the guest says');
  return addEtcdFlags(addReplicaFlags(command)).action((folders: string[], flags: RecoverFlags, given: Command) =>
    recover(folders, flags, given.getOptionValueSource('replicas') !== 'default'),
  );
}

async function recover(given: readonly string[], flags: RecoverFlags, saysReplicas: boolean): Promise<void> {
  const folders = given.map(folder => resolve(folder));
  const [folder = ''] = folders;
  const origin = readOrigin(folder);
  const records = await arbiterOptions({ ...flags, arbiter: withoutScheme(origin.arbiter) });
  const view = await latestView(origin, records);
  // Taken first: nobody lives on what it has, and nobody else begins.
  const home = await RecoverableMachine.open(folder, origin);
  const { memory } = home.launch;
  refuseEnded(folder, memory.memory);
  const consoles = await openConsole(origin, origin.durability !== 'memory');
  const outside = outsideOf(consoles, memory.memory, flags.acceptLoss === true || origin.durability !== 'memory');
  const recovery = checkedRecovery(HOST_DISK, folders, stateAt, {
    ...{ machine: origin.machine, durability: origin.durability, view, outside },
    ...{ released: releasedOf(memory.memory), open: openOf(memory.memory) },
    ...{ acceptLoss: flags.acceptLoss === true },
  });
  const { path: guest, module } = readGuest(flags.guest ?? origin.guest);
  refuseAnother(guest, module, recovery);
  const { bornMs, ...options } = decodeLoggedMachine(recovery.header.description, recovery.path).options;
  await rewriteGuest(module, options, flags.cache);
  const launch = await launchOptions(saysReplicas ? flags : { ...flags, replicas: origin.replicas });
  const sockets = await openSocketsAloud(origin, flags, home.devicesFolder);
  const { devices } = await openDevices(origin.devices, undefined, home.devicesFolder);
  const { path: log, position: from, end, checkpoint, closed } = recovery;
  const machine = new LaunchedMachine({
    ...{ ...launch, ...records, ...home.launch, module, options },
    moduleCache: flags.cache,
    streams: [...consoles, ...sockets.streams],
    devices: new Map([
      ...devices,
      ...sockets.devices,
      ...readersOf(consoles, options.wasi?.tellsOfReaders),
      ...(await openHost(origin.host)),
    ]),
    log: { folder, durability: origin.durability, ...paceOf(origin) },
    recover: {
      place: { folders, log, from, end, checkpoint, outside, closed },
      ...{ view: view.number, of: recovery.header.incarnation, bornMs },
    },
  });
  home.isOf(machine);
  if (flags.quiet !== true) process.stderr.write(`epochvisor: goes on from ${told(recovery, memory.memory)}\n`);
  await supervise(machine, { ...origin, guest }, flags);
}

/** Of stdin this process has another one: who knows what the first had read can give it the rest. */
function paceOf({ checkpoints, keep = false }: LoggedOrigin): Pick<LogPlace, 'checkpoints' | 'keep'> {
  return { ...(checkpoints === undefined ? {} : { checkpoints }), keep };
}

function told({ path, position, end, checkpoint }: Recovery, { inputs }: BusMemory): string {
  const where = checkpoint === undefined ? 'the beginning' : `the checkpoint at position ${position}`;
  const { released, chunks } = inputs.find(({ stream }) => stream === STDIN) ?? { released: 0, chunks: [] };
  const read = chunks.reduce((sum, { length }) => sum + length, released);
  return `${path}: from ${where} to position ${end}; stdin was read up to byte ${read}`;
}

/** As a flag names it. */
function withoutScheme(address: string): string {
  return address.startsWith('folder:') ? address.slice('folder:'.length) : address;
}

/** @throws EpochvisorError RECOVER_UNKNOWN; as the arbiter does */
async function latestView(
  { machine, arbiter }: LoggedOrigin,
  { arbiterOptions: options }: GivenArbiter,
): Promise<View> {
  const opened = await openArbiter(arbiter, options);
  const view = await opened.latest(machine);
  if (view !== undefined) return view;
  throw new EpochvisorError(
    'RECOVER_UNKNOWN',
    `the arbiter ${arbiter} has no record of this machine: who may go on with it is not known`,
    'bring back its records',
  );
}

function refuseEnded(folder: string, { outcome }: BusMemory): void {
  if (outcome === undefined) return;
  throw new EpochvisorError(
    'RECOVER_ENDED',
    `the machine in ${folder} came to its end: ${describeOutcome(outcome)}`,
    'look at it with inspect-log, or run it again with replay',
  );
}

/**
 * How much of each stream's output is known to be there.
 * @param mayBeShorter whether a file may have been emptied, and has lost nothing with the power of its host
 */
function outsideOf(consoles: readonly StreamDevice[], { outputs }: BusMemory, mayBeShorter: boolean): StreamOffset[] {
  const found = new Map(outputs.map(({ stream, offset }) => [stream, offset]));
  for (const device of consoles) {
    for (const stream of device.recover === undefined ? [] : device.outputs) {
      const known = outputs.find(one => one.stream === stream);
      const { offset, mark } = device.recover!(stream, known);
      const lost = (known?.mark ?? 0) - mark;
      if (lost > 0 && !mayBeShorter) throw cutShort(stream, lost);
      found.set(stream, offset);
    }
  }
  return [...found].map(([stream, offset]) => ({ stream, offset }));
}

/** Nothing waited for the disk: what is lacking between what is there and what comes next would be lacking for ever. */
function cutShort(stream: number, lost: number): EpochvisorError {
  return new EpochvisorError(
    'RECOVER_LACKING',
    `the file of ${streamName(stream)} has lost ${lost} bytes at its end, with the power of its host`,
    'put them back; or, where it was emptied or is another one, --accept-loss',
  );
}

function refuseAnother(path: string, module: Uint8Array, { header }: Recovery): void {
  if (hashOf(module) === header.moduleHash) return;
  throw new EpochvisorError('GUEST_CHANGED', `${path} is not the guest of the log`, 'name that one with --guest');
}
