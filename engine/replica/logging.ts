// A replica begins to write down what it logs: its folder on this host, its header, and the snapshot that it goes on from.

import { join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';
import type { GuestState, MachineSnapshot } from '../guest/guest-state.js';
import { type BegunLogOptions, beginLog, beginsWhole } from '../log/begun-log.js';
import { LogWriter } from '../log/log-writer.js';
import type { ReplicaLog } from '../log/replica-log.js';
import { HOST } from '../recording/host-disk.js';
import { encodeLoggedMachine } from '../recording/logged-machine.js';
import { encodeSnapshot } from '../snapshot/snapshot-encoder.js';
import type { FromReplica, LogPlace, ReplicaConfiguration } from './replica-configuration.js';

/** Undefined: nothing can be written there, which was told. */
export function openReplicaLog(
  { machine, incarnation, moduleHash, options, view, recover }: ReplicaConfiguration,
  { folder, checkpoints, keep, durability = 'memory' }: LogPlace,
  snapshot: MachineSnapshot | undefined,
  tell: (message: FromReplica) => void,
): ReplicaLog<GuestState> | undefined {
  const isAwaited = durability !== 'memory';
  const ended = ({ code, message, hint }: EpochvisorError) =>
    tell({ type: 'unlogged', atMs: Date.now(), code, message, hint, isAwaited });
  const begun: BegunLogOptions<GuestState> = {
    ...{ incarnation, view, durability, keeps: keep === true, recovers: recover !== undefined },
    ...(checkpoints === undefined ? {} : { checkpoints }),
    ...(snapshot === undefined ? {} : { first: { state: snapshot.guest, pieces: encodeSnapshot(snapshot) } }),
  };
  let writer: LogWriter;
  try {
    const header = { machine, incarnation, moduleHash, description: encodeLoggedMachine({ options }) };
    writer = new LogWriter({
      ...{ host: HOST, folder: join(folder, incarnation), header, ended, isAwaited },
      beginsWhole: beginsWhole(begun),
      waits: error => tell({ type: 'logWaits', why: error?.line ?? '' }),
    });
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    ended(error);
    return undefined;
  }
  return beginLog(writer, begun);
}
