// The folder of a machine that is written down: all that it takes to go on when every process of it is dead.
//
//   machine.json   how it was started, by absolute paths
//   arbiter        its view records, where no arbiter was named
//   bus            what its bus remembers (bus/kept-memory.ts): while one lives on it, nobody else begins here
//   INCARNATION    the log of a replica

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';
import { putWhole } from '../journal/journal-file.js';
import type { CheckpointPace } from '../log/checkpoints.js';
import { DURABILITIES, type Durability } from '../protocol/durability.js';
import type { SnapshotOrigin } from '../replica/replica-configuration.js';

const NAME = 'machine.json';
const FORMAT = 'epochvisor logged machine';
const VERSION = 1;

export interface LoggedOrigin extends SnapshotOrigin {
  readonly machine: string;
  /** Files to which its output goes; left out: the process's own. */
  readonly stdout?: string;
  readonly stderr?: string;
  /** Address of its arbiter. */
  readonly arbiter: string;
  readonly replicas: number;
  readonly durability: Durability;
  readonly checkpoints?: CheckpointPace;
  readonly keep?: boolean;
}

/** Where the view records are, if nobody said. */
export const arbiterIn = (folder: string): string => `folder:${join(folder, 'arbiter')}`;
export const busMemoryIn = (folder: string): string => join(folder, 'bus');

/** @throws EpochvisorError LOG_FAILED, LOG_FULL */
export async function writeOrigin(folder: string, origin: LoggedOrigin): Promise<void> {
  const path = join(folder, NAME);
  try {
    await putWhole(path, Buffer.from(`${JSON.stringify({ format: FORMAT, version: VERSION, ...origin }, null, 2)}\n`));
  } catch (error) {
    throw new EpochvisorError('LOG_FOLDER', `${path} can't be written: ${because(error)}`, 'name another folder');
  }
}

export function forgetOrigin(folder: string): void {
  rmSync(join(folder, NAME), { force: true });
}

/** @throws EpochvisorError LOG_MISSING, LOG_CORRUPT, LOG_VERSION */
export function readOrigin(folder: string): LoggedOrigin {
  const path = join(folder, NAME);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new EpochvisorError(
      'LOG_MISSING',
      `${path} can't be read: ${because(error)}`,
      'name the folder that was given to run --log; a replica on several hosts goes on by epochvisor replica FOLDER --log DIR --recover DIR',
    );
  }
  let origin: Partial<Record<keyof LoggedOrigin | 'format' | 'version', unknown>>;
  try {
    origin = Object(JSON.parse(text)) as typeof origin;
  } catch {
    origin = {};
  }
  if (origin.format === FORMAT && origin.version !== VERSION) {
    throw new EpochvisorError(
      'LOG_VERSION',
      `${path} is of version ${String(origin.version)}, where this is ${VERSION}`,
      'go on with the version of epochvisor that wrote it',
    );
  }
  const isWhole =
    origin.format === FORMAT &&
    [origin.machine, origin.guest, origin.arbiter].every(field => typeof field === 'string') &&
    Array.isArray(origin.devices) &&
    Number.isInteger(origin.replicas) &&
    DURABILITIES.includes(origin.durability as Durability);
  if (isWhole) return origin as unknown as LoggedOrigin;
  throw new EpochvisorError('LOG_CORRUPT', `${path} does not say how a machine was started`, 'take a copy of it');
}

const because = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);
