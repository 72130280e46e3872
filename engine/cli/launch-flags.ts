// The flags that say on how many replicas a machine runs and how it is watched, for `run` and `resume`.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseSocketAddress } from '../../devices/connection/socket-address.js';
import type { LaunchOptions } from '../launch/launched-machine.js';
import { DEFAULT_SUSPICION_MS, SUSPICION_MIN_MS, timingFor } from '../replica/replica-configuration.js';
import { type ArbiterFlags, addArbiterFlags, arbiterOptions } from './arbiter-flags.js';
import { integer } from './machine-flags.js';
import type { SuperviseFlags } from './supervise.js';

/** Every backup takes the whole log from the primary; beyond a few, nobody gains anything. */
const REPLICAS_MAX = 5;

export interface LaunchFlags extends SuperviseFlags, ArbiterFlags {
  readonly replicas: number;
  readonly repair: boolean;
  readonly suspicion: number;
  readonly encrypt?: boolean;
}

/** How many replicas there are, and when one is taken for dead. */
export function addReplicaFlags(command: Command): Command {
  return command
    .option('--replicas <N>', '2: a primary and a backup; 1: simplex; 3: two backups', integer(1, REPLICAS_MAX), 2)
    .option(
      '--suspicion <MS>',
      'silence after which a replica is suspected at the latest; where it speaks steadily, after a quarter of it',
      integer(SUSPICION_MIN_MS, 60_000),
      DEFAULT_SUSPICION_MS,
    );
}

export function addLaunchFlags(command: Command): Command {
  addReplicaFlags(command).option('--no-repair', 'start no replacement for a replica that died');
  return addWatchFlags(addArbiterFlags(command))
    .option('--status-file <FILE>', 'keep the status in FILE, as JSON; `snapshot` finds the machine by it')
    .option(
      '--dashboard <ADDR:PORT>',
      'serve a page that shows the machine; not on loopback it needs a token',
      metricsFlag,
    )
    .addOption(new Option('--verbose', 'say it, too').conflicts('quiet'))
    .option('--encrypt', 'encrypt the channel between the replicas and the bus, though it is on this host')
    .option('--quiet', 'say nothing but what the guest says');
}

/** For whatever knows of a machine. */
export function addWatchFlags(command: Command): Command {
  return command
    .option('--metrics <ADDR:PORT>', 'serve metrics for Prometheus, and /live, /protected, /primary', metricsFlag)
    .option('--journal <FILE>', 'append what happens to the machine to FILE, as JSON lines');
}

function metricsFlag(text: string): SuperviseFlags['metrics'] {
  const address = parseSocketAddress(text);
  if (address?.kind !== 'tcp') throw new InvalidArgumentError('It is ADDR:PORT or [ADDR]:PORT; port 0 is any.');
  return address;
}

/** @throws EpochvisorError as `arbiterOptions` */
export async function launchOptions(
  flags: LaunchFlags,
): Promise<Pick<LaunchOptions, 'replicas' | 'repair' | 'arbiter' | 'arbiterOptions' | 'timing' | 'encrypted'>> {
  const { replicas, repair, suspicion, encrypt = false } = flags;
  return {
    replicas,
    repair,
    encrypted: encrypt,
    ...(await arbiterOptions(flags)),
    timing: timingFor(suspicion),
  };
}
