// A replica begins to write down what it logs: with the machine, with the snapshot that it goes on from, or, who joins, with the one
// that it is sent.

import type { Durability } from '../protocol/durability.js';
import type { View } from '../protocol/vocabulary.js';
import type { CheckpointPace } from './checkpoints.js';
import type { LogWriter } from './log-writer.js';
import { ReplicaLog } from './replica-log.js';
import { Retention } from './retention.js';
import type { LoggedState } from './stored-checkpoints.js';

export interface BegunLogOptions<State> {
  readonly incarnation: string;
  /** Undefined: this replica joins. */
  readonly view: View | undefined;
  readonly durability: Durability;
  /** Left out: no checkpoints are taken. */
  readonly checkpoints?: CheckpointPace;
  /** Whether what precedes the last two checkpoints is kept, too. */
  readonly keeps: boolean;
  /** Whether it goes on from the log of another. */
  readonly recovers: boolean;
  /** What it goes on from, and that in pieces; left out: the machine begins, or this replica joins. */
  readonly first?: { readonly state: State; readonly pieces: Iterable<Uint8Array> };
}

/** Whether a log begins with the machine, and not with a checkpoint. */
export function beginsWhole({ view, first }: Pick<BegunLogOptions<unknown>, 'view' | 'first'>): boolean {
  return view !== undefined && first === undefined;
}

export function beginLog<State extends LoggedState>(
  writer: LogWriter,
  { incarnation, view, durability, checkpoints, keeps, recovers, first }: BegunLogOptions<State>,
): ReplicaLog<State> {
  const retention = keeps ? undefined : new Retention(writer);
  if (first !== undefined) {
    const { position, execution, count } = first.state;
    writer.record({ type: 'begins' });
    retention?.begun();
    for (const bytes of first.pieces) writer.record({ type: 'piece', bytes });
    writer.record({ type: 'checkpoint', position, epoch: execution.epoch, count });
    retention?.whole(position);
  }
  return new ReplicaLog<State>(writer, {
    ...{ incarnation, view, durability, position: first?.state.position ?? 0 },
    ...(recovers ? { reason: 'all are dead: it goes on from the log of that primary' } : {}),
    ...(checkpoints === undefined ? {} : { checkpoints }),
    ...(retention === undefined ? {} : { retention }),
  });
}
