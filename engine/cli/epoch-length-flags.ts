// `--epoch-length N|auto` and `--max-latency MS`: epochs of a length that the user has chosen, or that follows the guest.

import { type Command, InvalidArgumentError } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { FIRST_EPOCH_LENGTH } from '../guest/length-choice.js';
import type { MachineOptions } from '../guest/machine-options.js';
import { DEFAULT_EPOCH_LENGTH, EPOCH_LENGTH } from './machine-flags.js';

/** What an epoch is to take at most where its length follows the guest, unless the user says otherwise. */
const DEFAULT_LATENCY_MAX_MS = 1;
/** Of a shorter epoch a boundary is a large part; longer ones hold interrupts back for many seconds. */
const LATENCY_MAX_MS = { least: 0.01, most: 10_000 } as const;

export interface EpochLengthFlags {
  readonly epochLength?: number | 'auto';
  readonly maxLatency?: number;
}

export function addEpochLengthFlags(command: Command): Command {
  // Not by `toLocaleString`: the host would load its languages, 30 ms of a start.
  const numbered = String(DEFAULT_EPOCH_LENGTH).replace(/(?<=\d)(?=(\d{3})+$)/g, ',');
  return command
    .option('--epoch-length <N>', `instructions an epoch; auto: as suits the guest (default: ${numbered})`, epochLength)
    .option('--max-latency <MS>', 'with auto: what an epoch is to take at most (default: 1)', latencyMaxMs);
}

function epochLength(text: string): number | 'auto' {
  return text === 'auto' ? text : EPOCH_LENGTH(text);
}

function latencyMaxMs(text: string): number {
  const { least, most } = LATENCY_MAX_MS;
  const value = /^[\d.]/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new InvalidArgumentError(`It is a number of milliseconds from ${least} to ${most}.`);
  }
  return value;
}

/** @throws EpochvisorError BAD_USAGE */
export function epochLengthOptions(
  { epochLength: length = DEFAULT_EPOCH_LENGTH, maxLatency }: EpochLengthFlags,
  counting: MachineOptions['counting'],
): Pick<MachineOptions, 'epochLength' | 'latencyMaxMs'> {
  if (length !== 'auto') {
    if (maxLatency === undefined) return { epochLength: length };
    throw new EpochvisorError(
      'BAD_USAGE',
      `--max-latency says how long the epochs of --epoch-length auto may take, and these have ${length} instructions`,
      'leave one of them out',
    );
  }
  // What is counted exactly is compared with other runs of the same epochs.
  if (counting === 'exact') {
    throw new EpochvisorError(
      'BAD_USAGE',
      '--epoch-length auto and --counting exact exclude each other: exact counting is for runs that are compared',
      'name a number of instructions',
    );
  }
  return { epochLength: FIRST_EPOCH_LENGTH, latencyMaxMs: maxLatency ?? DEFAULT_LATENCY_MAX_MS };
}
