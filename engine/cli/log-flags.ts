// The flags that have a machine written down, for `run` and `resume`: --log, --record, --checkpoint-every, --keep.

import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { makeFolder } from '../journal/made-folder.js';
import type { LaunchOptions } from '../launch/launched-machine.js';
import type { CheckpointPace } from '../log/checkpoints.js';
import { complain } from '../observe/defects.js';
import { DURABILITIES, type Durability } from '../protocol/durability.js';
import { sizeOf } from './machine-flags.js';
import { tryWriting } from './writable-file.js';

/** How a log is written, wherever it lies. */
export interface WaitingFlags {
  readonly checkpointEvery?: CheckpointPace;
  readonly durability?: Durability;
}

export interface LogFlags extends WaitingFlags {
  readonly log?: string;
  readonly record?: string;
  readonly keep?: true;
  readonly quiet?: true;
}

export interface OutputFlags {
  readonly stdout?: string;
  readonly stderr?: string;
}

export function addOutputFlags(command: Command): Command {
  return command
    .option('--stdout <FILE>', "append the guest's stdout to FILE; with --log, each byte once also across `recover`")
    .option('--stderr <FILE>', 'likewise its stderr');
}

/** By absolute paths. */
export function outputFiles({ stdout, stderr }: OutputFlags): OutputFlags {
  return {
    ...(stdout === undefined ? {} : { stdout: resolve(stdout) }),
    ...(stderr === undefined ? {} : { stderr: resolve(stderr) }),
  };
}

/** Whether the disk has what is told to be written: where outputs wait for disks. */
export const syncsOutput = ({ durability = 'memory' }: LogFlags): boolean => durability !== 'memory';

export function addLogFlags(command: Command): Command {
  command
    .option(
      '--record <FILE>',
      'record the run in FILE, to be run again with `replay`: with the guest, and all that it was told',
    )
    .option('--log <DIR>', 'have each replica write down what it logs, in a folder of its own in DIR')
    .option('--keep', 'with --log: drop nothing; else what precedes the last two checkpoints is');
  return addWaitingFlags(command, 'with either', 'with --log');
}

/** @param saves when checkpoints are taken; @param waits when outputs wait */
export function addWaitingFlags(command: Command, saves: string, waits: string): Command {
  return command
    .option(
      '--checkpoint-every <TIME|SIZE>',
      `${saves}: save the state as often, by time (30, 30s, 5m) or by how much was logged (64MB)`,
      checkpointPace,
    )
    .addOption(
      new Option(
        '--durability <WHAT>',
        `${waits}, what outputs wait for: the memory of both replicas, the disk of the backup, or both disks`,
      ).choices(DURABILITIES),
    );
}

const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600 };
const EVERY_SECONDS_MAX = 86_400;

/** @throws InvalidArgumentError */
export function checkpointPace(text: string): CheckpointPace {
  const [, digits, unit = ''] = /^(\d[\d_]*)([smh]?)$/.exec(text) ?? [];
  if (digits === undefined) {
    const everyBytes = sizeOf(text);
    if (everyBytes !== undefined) return { everyBytes };
  }
  const seconds = Number(digits?.replaceAll('_', '')) * SECONDS[unit]!;
  if (!(seconds >= 1 && seconds <= EVERY_SECONDS_MAX)) {
    throw new InvalidArgumentError(
      'It is a time from 1s to 24h, such as 30s or 5m, or a size from 64K to 4G, such as 64MB.',
    );
  }
  return { everyMs: 1000 * seconds };
}

/**
 * What is to be written where; whatever is refused is refused before anything runs.
 * @throws EpochvisorError LOG_FOLDER, RECORDING_FILE, BAD_USAGE
 */
export function logOptions(flags: LogFlags, module: Uint8Array): Pick<LaunchOptions, 'log' | 'hasEnded'> {
  const { log, record, checkpointEvery, keep, durability, quiet } = flags;
  if (durability !== undefined && log === undefined) {
    throw new EpochvisorError('BAD_USAGE', '--durability is for a run that writes its log down', 'add --log');
  }
  if (keep === true && log === undefined) {
    throw new EpochvisorError('BAD_USAGE', '--keep is for a log in a folder', 'add --log, or leave it out');
  }
  if (log === undefined && record === undefined) {
    if (checkpointEvery === undefined) return {};
    throw new EpochvisorError('BAD_USAGE', '--checkpoint-every is for a run that is recorded', 'add --record or --log');
  }
  const folder = log === undefined ? besideRecording(resolve(record!)) : emptyFolder(resolve(log));
  const every = checkpointEvery === undefined ? {} : { checkpoints: checkpointEvery };
  // A recording is of the whole run.
  const waits = durability === undefined ? {} : { durability };
  const place = { log: { folder, ...every, ...waits, keep: keep === true || record !== undefined } };
  if (record === undefined) return place;
  if (log !== undefined) refuseFile(resolve(record));
  let isOver = false;
  const hasEnded = async () => {
    if (isOver) return;
    isOver = true;
    await putTogether(resolve(record), folder, module, { isKept: log !== undefined, quiet: quiet === true });
  };
  return { ...place, hasEnded };
}

async function putTogether(
  file: string,
  folder: string,
  module: Uint8Array,
  { isKept, quiet }: { readonly isKept: boolean; readonly quiet: boolean },
): Promise<void> {
  // A machine that never began has left nothing.
  if (!existsSync(folder)) return;
  const { writeRecording } = await import('../recording/recording.js');
  try {
    const bytes = await writeRecording(file, folder, module);
    if (!quiet) complain(`${file} has the run (${bytes} bytes): epochvisor replay ${file}`);
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    complain(error.line);
    // It says where they are.
    if (error.code === 'RECORDING_FILE') return;
  }
  if (!isKept) rmSync(folder, { recursive: true, force: true });
}

function refuseFile(file: string): void {
  try {
    tryWriting(file, 1);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EpochvisorError('RECORDING_FILE', `${file} can't be written: ${code ?? message}`, 'name another file');
  }
}

/** There once a replica logs; on the same disk: what has room as logs has room as a recording. */
function besideRecording(file: string): string {
  refuseFile(file);
  return `${file}.log-${randomUUID()}`;
}

/** One that is written by two would be of neither. */
function emptyFolder(folder: string): string {
  let names: string[];
  try {
    makeFolder(folder);
    names = readdirSync(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EpochvisorError('LOG_FOLDER', `${folder} can't be used: ${code ?? message}`, 'name another folder');
  }
  if (names.length === 0) return folder;
  throw new EpochvisorError('LOG_FOLDER', `${folder} is not empty: ${names[0]} is in it`, 'name a folder for this run');
}
