// `epochvisor init`: a folder that describes a machine whose parts run on several hosts.

import { createHash, randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { basename, relative, resolve, sep } from 'node:path';
import { Command } from 'commander';
import { closeDevices, openDevices } from '../../devices/opening.js';
import { type ArbiterOptions, openArbiter, parseArbiter } from '../arbiter/open-arbiter.js';
import { EpochvisorError } from '../errors/errors.js';
import { checkGuest } from '../guest/guest-check.js';
import { rewriteGuest } from '../guest/guest-program.js';
import { makeFolder } from '../journal/made-folder.js';
import { birthOf } from '../parts/birth.js';
import { machineOptions } from '../parts/described-options.js';
import type { DescribedDevice, MachineDescription } from '../parts/description.js';
import { checkNewFolder, createMachineFolder, type MachineFolder, readMachineFolder } from '../parts/machine-folder.js';
import { type ArbiterFlags, addEtcdFlags, arbiterOptions } from './arbiter-flags.js';
import { addEpochLengthFlags, type EpochLengthFlags, epochLengthOptions } from './epoch-length-flags.js';
import { guestArguments } from './guest-strings.js';
import { addReplicaFlags } from './launch-flags.js';
import { addWaitingFlags, type WaitingFlags } from './log-flags.js';
import { addVariantFlags, type MachineFlags, machineFlags, readGuest } from './machine-flags.js';
import { addSocketFlags, type SocketFlags } from './socket-flags.js';
import { addVerifyFlag, type VerifyFlag, verifyOption } from './verify-flag.js';
import { addWasiFlags, type WasiFlags, wasiOptions } from './wasi-flags.js';

interface InitFlags
  extends Omit<MachineFlags, 'epochLength'>,
    EpochLengthFlags,
    VerifyFlag,
    WasiFlags,
    SocketFlags,
    WaitingFlags,
    ArbiterFlags {
  readonly folder?: string;
  readonly arbiter: string;
  readonly replicas: number;
  readonly suspicion: number;
  readonly encrypt: boolean;
}

export function initCommand(): Command {
  const command = new Command('init')
    .description('Make a folder that describes a machine, for its replicas and its bus on several hosts.')
    .argument('<GUEST.wasm>', 'the guest')
    .argument('[args...]', "the guest's arguments")
    .option('--folder <DIR>', "the folder to make (default: the guest's name without .wasm)")
    .requiredOption('--arbiter <ADDRESS>', 'the arbiter that all hosts reach: etcd://HOST:PORT,... or a shared folder')
    .option('--no-encrypt', 'for parts that are all on one host: the channel is in the clear, on loopback')
    .passThroughOptions();
  const shaping = addVariantFlags(addEpochLengthFlags(addEtcdFlags(addReplicaFlags(command))));
  return addWaitingFlags(
    addSocketFlags(addWasiFlags(addVerifyFlag(shaping))),
    'of replicas with --log',
    'of replicas with --log',
  ).action((guest: string, args: string[], options: Record<string, unknown>) =>
    init(guest, args, { ...(options as unknown as InitFlags), ...machineFlags(options) }),
  );
}

async function init(guestPath: string, args: readonly string[], flags: InitFlags): Promise<void> {
  const { path: guestFile, module } = readGuest(guestPath);
  const folder = flags.folder ?? basename(guestFile).replace(/\.wasm$/, '');
  checkNewFolder(folder);
  const { arbiter, options } = await describedArbiter(flags, folder);
  const guest = checkGuest(module);
  const wasi = wasiOptions(guest, flags);
  const description: MachineDescription = {
    machine: randomUUID(),
    bornMs: Date.now(),
    module: createHash('sha256').update(module).digest('hex'),
    guest,
    arbiter,
    replicas: flags.replicas,
    suspicionMs: flags.suspicion,
    encrypted: flags.encrypt,
    ...epochLengthOptions(flags, flags.counting),
    ...verifyOption(flags),
    ...(flags.durability === undefined ? {} : { durability: flags.durability }),
    ...(flags.checkpointEvery === undefined ? {} : { checkpoints: flags.checkpointEvery }),
    variant: flags.variant,
    counting: flags.counting,
    operationIds: flags.operationIds,
    maxMemory: flags.maxMemory,
    arguments: guestArguments(guestPath, args, { ...flags, ...(wasi === undefined ? {} : { wasi }) }),
    environment: flags.env,
    listen: flags.listen,
    connect: flags.connect,
    devices: await describedDevices(flags.devices),
  };
  // Refused here, in one line, rather than by each host.
  await rewriteGuest(module, machineOptions(description), flags.cache);
  createMachineFolder(folder, description, module);
  try {
    await recordBirth(readMachineFolder(folder), options);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  process.stderr.write(
    `epochvisor: ${folder} describes machine ${description.machine}; copy it to each host, and start there: ` +
      `epochvisor replica ${folder}, and where the devices are: epochvisor bus ${folder}\n`,
  );
}

/** A folder by its absolute path, or, inside the machine's, by that from there: it may be mounted elsewhere on other hosts. */
async function describedArbiter(
  flags: InitFlags,
  folder: string,
): Promise<{ readonly arbiter: string; readonly options: ArbiterOptions }> {
  const given = flags.arbiter;
  const { scheme, rest } = existsSync(given) ? { scheme: 'folder', rest: given } : parseArbiter(given);
  const inside = relative(resolve(folder), resolve(rest));
  if (scheme === 'folder' && inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`)) {
    return { arbiter: `folder:${inside}`, options: {} };
  }
  const { arbiter = given, arbiterOptions: options = {} } = await arbiterOptions(flags);
  return { arbiter: scheme === 'folder' ? `folder:${resolve(rest)}` : arbiter, options };
}

/** Opened to be looked at: what a guest can see of a device is the same on every host. */
async function describedDevices(sources: InitFlags['devices']): Promise<readonly DescribedDevice[]> {
  const { devices } = await openDevices(sources);
  const sizes = [...devices.values()].map(({ sizeBytes }) => sizeBytes);
  await closeDevices(devices);
  return sources.map(({ guestPath, ...source }, at) => ({
    ...source,
    ...(source.kind === 'directory' ? { guestPath: guestPath ?? source.path } : {}),
    path: resolve(source.path),
    sizeBytes: sizes[at]!,
  }));
}

/** The arbiter knows the machine from here on: one that does not is another, or has lost what it had, and nothing begins there. */
async function recordBirth(folder: MachineFolder, options: ArbiterOptions): Promise<void> {
  const { arbiter } = folder;
  const { scheme, rest } = parseArbiter(arbiter);
  if (scheme === 'folder') makeFolder(rest);
  const answer = await (await openArbiter(arbiter, options)).claim(birthOf(folder));
  if (answer.result === 'won') return;
  const why = answer.result === 'lost' ? 'another machine has this id' : answer.reason;
  throw new EpochvisorError('ARBITER_FAILED', `the machine can't be recorded at ${arbiter}: ${why}`, 'try again');
}
