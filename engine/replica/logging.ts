// A replica begins to write down what it logs: its folder, its header, and the snapshot that it goes on from.

import { join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';
import type { MachineSnapshot } from '../guest/guest-state.js';
import { LogWriter } from '../log/log-writer.js';
import { encodeLoggedMachine } from '../log/logged-machine.js';
import { ReplicaLog } from '../log/replica-log.js';
import { Retention } from '../log/retention.js';
import { encodeSnapshot } from '../snapshot/snapshot-encoder.js';
import type { FromReplica, LogPlace, ReplicaConfiguration } from './replica-configuration.js';

/** Undefined: nothing can be written there, which was told. */
export function openReplicaLog(
  { machine, incarnation, moduleHash, options, view, recover }: ReplicaConfiguration,
  { folder, checkpoints, keep, durability = 'memory' }: LogPlace,
  snapshot: MachineSnapshot | undefined,
  tell: (message: FromReplica) => void,
): ReplicaLog | undefined {
  const isAwaited = durability !== 'memory';
  const ended = ({ code, message, hint }: EpochvisorError) =>
    tell({ type: 'unlogged', atMs: Date.now(), code, message, hint, isAwaited });
  let writer: LogWriter;
  try {
    const header = { machine, incarnation, moduleHash, description: encodeLoggedMachine({ options }) };
    writer = new LogWriter({
      ...{ folder: join(folder, incarnation), header, ended, isAwaited },
      beginsWhole: view !== undefined && snapshot === undefined,
      waits: error => tell({ type: 'logWaits', why: error?.line ?? '' }),
    });
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    ended(error);
    return undefined;
  }
  const retention = keep === true ? undefined : new Retention(writer);
  if (snapshot !== undefined) {
    const { position, execution, count } = snapshot.guest;
    writer.record({ type: 'begins' });
    retention?.begun();
    for (const bytes of encodeSnapshot(snapshot)) writer.record({ type: 'piece', bytes });
    writer.record({ type: 'checkpoint', position, epoch: execution.epoch, count });
    retention?.whole(position);
  }
  return new ReplicaLog(writer, {
    ...{ incarnation, view, durability, position: snapshot?.guest.position ?? 0 },
    ...(recover === undefined ? {} : { reason: 'all are dead: it goes on from the log of that primary' }),
    ...(checkpoints === undefined ? {} : { checkpoints }),
    ...(retention === undefined ? {} : { retention }),
  });
}
