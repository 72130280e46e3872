// What the verbs of a machine on several hosts have in common: its folder, its arbiter, where a part listens, and its end.

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { Arbiter } from '../arbiter/arbiter.js';
import type { MachineEnd } from '../arbiter/machine-end.js';
import { type ArbiterOptions, openArbiter, parseArbiter } from '../arbiter/open-arbiter.js';
import { type ListeningPlace, placeOf } from '../channel/listening-place.js';
import { EpochvisorError } from '../errors/errors.js';
import { checkBirth } from '../parts/birth.js';
import { describeEnd } from '../parts/machine-ending.js';
import { type MachineFolder, readMachineFolder } from '../parts/machine-folder.js';
import { type ArbiterFlags, addEtcdFlags, arbiterOptions } from './arbiter-flags.js';
import { TRAP_STATUS } from './supervise.js';

export type EtcdFlags = Omit<ArbiterFlags, 'arbiter'>;

export interface PartFlags extends EtcdFlags {
  readonly address?: ListeningPlace;
  readonly quiet?: true;
}

export interface OpenedFolder {
  readonly folder: MachineFolder;
  readonly arbiter: Arbiter;
  /** With which it was opened. */
  readonly arbiterOptions: ArbiterOptions;
}

/** Pause before an arbiter out of reach is asked again, ms. */
const AGAIN_MS = 1_000;

/** Exit statuses of a part that is ended by a signal. */
const SIGNAL_STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** For parts that listen. */
export function addPartFlags(command: Command): Command {
  return addEtcdFlags(command)
    .option(
      '--address <HOST[:PORT]>',
      'where it listens, and how other hosts reach it (default: all interfaces, by the first address of this host)',
      placeFlag,
    )
    .option('--quiet', 'say nothing');
}

function placeFlag(text: string): ListeningPlace {
  try {
    return placeOf(text);
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    throw new InvalidArgumentError(`It is HOST, HOST:PORT, [IPV6] or [IPV6]:PORT, of this host.`);
  }
}

/**
 * @param waits for parts, which are started in any order: an arbiter out of reach is waited for, and that is said; once
 * @throws EpochvisorError as `readMachineFolder`, `arbiterOptions`, `openArbiter` and `checkBirth` do; ARBITER_UNREACHABLE, also
 *   where its folder is not there
 */
export async function openFolder(path: string, flags: EtcdFlags, waits?: Say): Promise<OpenedFolder> {
  const folder = readMachineFolder(path);
  const { scheme, rest } = parseArbiter(folder.arbiter);
  // A folder that is not mounted must not be begun anew.
  if (scheme === 'folder' && !existsSync(rest)) {
    throw new EpochvisorError('ARBITER_UNREACHABLE', `the arbiter's folder ${rest} is not there`, 'mount it');
  }
  const { arbiterOptions: options = {} } = await arbiterOptions({ ...flags, arbiter: folder.arbiter });
  const arbiter = await openArbiter(folder.arbiter, options);
  for (let first = true; ; first = false) {
    try {
      await checkBirth(folder, arbiter);
      return { folder, arbiter, arbiterOptions: options };
    } catch (error) {
      if (waits === undefined || !(error instanceof EpochvisorError) || error.code !== 'ARBITER_UNREACHABLE')
        throw error;
      if (first) waits(`waits: ${error.message}`);
      await sleep(AGAIN_MS);
    }
  }
}

export type Say = (line: string) => void;

export function sayUnless(quiet: boolean | undefined): Say {
  return quiet === true ? () => undefined : line => void process.stderr.write(`epochvisor: ${line}\n`);
}

/** The exit status of a bus: the guest's. */
export function statusOfEnd(end: MachineEnd): number {
  if (end.kind === 'stopped') return 0;
  return end.kind === 'exit' ? end.status & 0xff : TRAP_STATUS;
}

/** Of a machine that has ended before a part of it was started. */
export async function endedBefore({ folder, arbiter }: OpenedFolder, say: Say): Promise<MachineEnd | undefined> {
  const { machine } = folder.description;
  const end = await arbiter.ended(machine);
  if (end !== undefined) say(`machine ${machine} has ended: ${describeEnd(end)}; another is made by epochvisor init`);
  return end;
}

/** Ctrl-C at any moment ends this part, and this part only. @param stop what there is to be taken down */
export function endOnSignals(stop: (signal: keyof typeof SIGNAL_STATUS) => Promise<void>): void {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop(signal).finally(() => process.exit(SIGNAL_STATUS[signal])));
  }
}
