// The flags that say on how many replicas a machine runs and how it is watched, for `run` and `resume`.

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { parseArbiter } from '../arbiter/open-arbiter.js';
import { EpochvisorError } from '../errors/errors.js';
import type { LaunchOptions } from '../launch/launched-machine.js';
import { DEFAULT_SUSPICION_MS, SUSPICION_MIN_MS, timingFor } from '../replica/replica-configuration.js';
import { integer } from './machine-flags.js';
import type { SuperviseFlags } from './supervise.js';

/** Every backup takes the whole log from the primary; beyond a few, nobody gains anything. */
const REPLICAS_MAX = 5;

export interface LaunchFlags extends SuperviseFlags {
  readonly replicas: number;
  readonly repair: boolean;
  readonly arbiter?: string;
  readonly suspicion: number;
}

export function addLaunchFlags(command: Command): Command {
  return command
    .option('--replicas <N>', '2: a primary and a backup; 1: simplex; 3: two backups', integer(1, REPLICAS_MAX), 2)
    .option('--no-repair', 'start no replacement for a replica that died')
    .option('--arbiter <DIR>', 'folder of the view records (default: a fresh one)')
    .option('--status-file <FILE>', 'keep the status in FILE, as JSON; `snapshot` finds the machine by it')
    .option(
      '--suspicion <MS>',
      'silence after which a replica is suspected at the latest; where it speaks steadily, after a quarter of it',
      integer(SUSPICION_MIN_MS, 60_000),
      DEFAULT_SUSPICION_MS,
    )
    .option('--quiet', 'say nothing but what the guest says');
}

/** @throws EpochvisorError ARBITER_FAILED, ARBITER_UNSUPPORTED */
export function launchOptions(flags: LaunchFlags): Pick<LaunchOptions, 'replicas' | 'repair' | 'arbiter' | 'timing'> {
  const { replicas, repair, arbiter, suspicion } = flags;
  return {
    replicas,
    repair,
    ...(arbiter === undefined ? {} : { arbiter: arbiterAddress(arbiter) }),
    timing: timingFor(suspicion),
  };
}

function arbiterAddress(given: string): string {
  // A folder that is there is meant, whatever its name looks like.
  if (existsSync(given)) return `folder:${given}`;
  const { scheme, rest } = parseArbiter(given);
  if (scheme === 'folder' && !existsSync(rest)) {
    throw new EpochvisorError('ARBITER_FAILED', `no such folder: ${rest}`, 'make it, or leave --arbiter out');
  }
  return given;
}
