// Who is struck in a failover test, how, and what cannot be asked for together.

import { BUS_KINDS } from '../bus/bus-hook.js';
import { EpochvisorError } from '../errors/errors.js';
import type { FailoverTestOptions } from '../testing/failover-test.js';
import type { KillPoint } from '../testing/kill-hook.js';
import { isBusPoint, isReplicaPoint, type Sweep } from '../testing/kill-points.js';
import type { SocketFlags } from './socket-flags.js';

export interface FaultFlags extends SocketFlags {
  readonly at: readonly KillPoint[];
  readonly sweep?: Sweep;
  /** Of second kills. */
  readonly seconds: readonly KillPoint[];
  readonly restartSecondary?: true;
  readonly backup?: boolean;
  readonly bus?: boolean;
  readonly pause?: boolean;
  readonly cut?: boolean;
  readonly lose?: boolean;
  readonly processes?: boolean;
  readonly load?: string;
}

function refuse(what: string, hint: string): never {
  throw new EpochvisorError('BAD_USAGE', what, hint);
}

/** @throws EpochvisorError BAD_USAGE */
export function checkTogether(flags: FaultFlags): void {
  if (flags.restartSecondary === true) {
    refuse('--restart-secondary is for a machine that runs', 'give --live and its folder');
  }
  const faults = (['pause', 'cut', 'lose'] as const).filter(fault => flags[fault] === true);
  const [one, other] = faults;
  if (other !== undefined) refuse(`--${one} and --${other} are two faults`, 'give one of them');
  if (flags.bus === true) {
    checkBus(flags);
    return;
  }
  if (![...flags.at, ...flags.seconds].every(isReplicaPoint)) {
    refuse('operation, memory and start are places of the bus', 'give --bus, too');
  }
  if (flags.sweep?.of === 'memory') refuse('the sweep memory is of places of the bus', 'give --bus, too');
  if (flags.pause === true && flags.processes !== true) {
    refuse('--pause stops a process, and replicas are threads', 'give --processes, too');
  }
  if (flags.seconds.length > 0 && (one !== undefined || flags.backup === true)) {
    refuse('--second-kill follows a kill of the primary', 'leave out --pause, --cut, --lose and --backup');
  }
  const kinds = new Set(flags.seconds.map(point => (point.at === 'place' ? point.kind : point.at)));
  if (kinds.size > 1) refuse('--second-kill is of a takeover or of joining', 'give one of them, and then the other');
}

/** @throws EpochvisorError BAD_USAGE */
function checkBus({ at, sweep, seconds, backup, cut, lose, pause, listen, connect, load }: FaultFlags): void {
  if (listen.length > 0 || connect.length > 0 || load !== undefined) {
    refuse('connections end with the bus, and --bus kills it', 'leave out --listen, --connect and --load');
  }
  if (backup === true) refuse('--bus and --backup are two victims', 'give one of them');
  if (cut === true || lose === true)
    refuse('--cut and --lose are of the links between replicas', 'leave out --bus; or kill the bus, or give --pause');
  if (sweep?.of === 'every' || sweep?.of === 'boundaries') {
    refuse('the bus executes no instructions', 'sweep all, messages, outputs, io or memory');
  }
  if (!at.every(isBusPoint)) {
    refuse('the bus comes to no such place', `name KIND:NUMBER[:before|after]; kinds are ${BUS_KINDS.join(', ')}`);
  }
  if (seconds.length > 0 && pause === true) refuse('--second-kill follows a kill', 'leave out --pause');
  if (!seconds.every(isBusPoint)) {
    refuse(
      'with --bus a second kill is of the bus that is started again',
      'give restart, or a step such as start:memory',
    );
  }
}

export type FaultOptions = Pick<FailoverTestOptions, 'replicas' | 'repair'> &
  Required<Pick<FailoverTestOptions, 'fault' | 'victim'>>;

export function faultOf({ pause, cut, lose, backup, bus, seconds }: FaultFlags): FaultOptions {
  if (bus === true) return { fault: pause === true ? 'pause' : 'kill', victim: 'bus' };
  const [second] = seconds;
  // Of two that die one has to be left: a third from the beginning, or one that joins.
  const joins = second?.at === 'place' && second.kind === 'join';
  return {
    fault: pause === true ? 'pause' : cut === true ? 'cut' : lose === true ? 'lose' : 'kill',
    victim: backup === true ? 'backup' : 'primary',
    ...(second === undefined ? {} : joins ? { repair: true } : { replicas: 3 }),
  };
}
