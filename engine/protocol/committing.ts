// The log and output commit, as the channel sees them (P0 to P4, OR, BV, LG): parts go out to all who take the log, are
// received in order, acknowledged, and let outputs leave.

import type { ChannelEffect } from './channel-events.js';
import type { ChannelState, LogMessage, Peer } from './channel-state.js';
import { acknowledgesSynced, type Kept, ownLimit } from './durability.js';
import type { PeerMessage, StreamOffset } from './messages.js';

/** Those to whom a primary sends its log: the backups of its view, and who joins from its snapshot on. */
export function recipients<P>(state: ChannelState<P>): string[] {
  const { joiner } = state;
  const names = state.backups.filter(name => !state.suspected.has(name));
  if (joiner !== undefined && joiner.stage !== 'asked') names.push(joiner.name);
  return names;
}

/**
 * Those whose acknowledgement an output needs. BV: who joins is waited for from before the claim that names it until its
 * outcome is known; any other claim of a primary names fewer than its view.
 */
function gates<P>(state: ChannelState<P>): readonly string[] {
  const { backups, joiner } = state;
  return joiner?.stage === 'gating' ? [...backups, joiner.name] : backups;
}

/** What all whose acknowledgement counts have acknowledged, and the own log holds (DU); all there is where neither is asked for. */
export function acknowledged<P>(state: ChannelState<P>): number {
  let least = Infinity;
  for (const name of gates(state)) least = Math.min(least, state.peers.get(name)?.acknowledged ?? 0);
  // BV: one who joins may have it, and is no part of the view yet.
  least = Math.min(least, ownLimit(state.options.durability, state.onDisk, state.backups.length === 0));
  return least;
}

export function tellAcknowledged<P>(state: ChannelState<P>, rule: 'OR' | 'SX' | 'JN' | 'DU'): ChannelEffect<P> {
  const nobody = state.joiner === undefined && !state.snapshotUnderWay && gates(state).length === 0;
  return { rule, type: 'acknowledged', position: acknowledged(state), alone: nobody };
}

/** KP: where one replica takes the log, nothing needs to be kept for another. */
export function settle<P>(state: ChannelState<P>): number {
  const least = gates(state).length < 2 ? state.logEnd : acknowledged(state);
  state.settled = Math.max(state.settled, Math.min(least, state.logEnd));
  return state.settled;
}

export function logged<P>(state: ChannelState<P>, part: P, length: number): ChannelEffect<P>[] {
  if (!state.isPrimary) return [];
  const position = state.logEnd;
  state.logEnd += length;
  const to = recipients(state);
  if (to.length === 0) return [];
  const view = state.view!.number;
  const message: LogMessage<P> = { type: 'log', view, position, length, settled: settle(state), part };
  return to.map(name => state.send('P0', name, message));
}

/** OR, SX: nothing leaves while a backup is suspected and the view without it is not won. */
export function release<P>(state: ChannelState<P>, bus: 'closed' | 'open' | 'ours'): ChannelEffect<P>[] {
  if (!state.isPrimary || state.phase !== 'normal' || bus !== 'ours' || state.suspected.size > 0) return [];
  const view = state.view!.number;
  const leaving = state.outbox.release(acknowledged(state), state.nowMs);
  return leaving.map(output => ({ rule: 'OR', type: 'sendBus', message: { type: 'output', view, output } }));
}

/** LG: whether execution has to wait, when that changes. */
export function throttle<P>(state: ChannelState<P>): ChannelEffect<P>[] {
  const over = state.isPrimary && recipients(state).some(name => isOver(state, name));
  if (over === state.throttled) return [];
  state.throttled = over;
  return [{ rule: 'LG', type: 'throttle', on: over }];
}

function isOver<P>(state: ChannelState<P>, name: string): boolean {
  const peer = state.peers.get(name);
  if (peer === undefined) return false;
  const { joiningBacklogBytes } = state.bounds;
  return peer.executed < 0 ? peer.lag.backlogBytes > joiningBacklogBytes : peer.lag.over(state.nowMs);
}

/** P4: in order into memory, then acknowledged. */
export function receive<P>(state: ChannelState<P>, name: string, message: LogMessage<P>): ChannelEffect<P>[] {
  const { view, position, length, settled, part } = message;
  if (state.isPrimary || name !== state.view?.primary) return [];
  // VT: the view may be known here from the arbiter before its primary hears that it has won.
  if (view < state.reign || view > state.view.number || state.mustFollow) return [];
  if (state.phase === 'claiming') {
    // CL: not accepted. Bounded by LG, for it counts as received and not executed.
    state.deferred.push(message);
    return [];
  }
  if (position !== state.logEnd) {
    return state.halt('P4', 'LOG_GAP', `the log goes on at ${position} where ${state.logEnd} was due`);
  }
  state.logEnd += length;
  state.kept.keep({ position, length, part });
  state.kept.settle(settled);
  const taken = { rule: 'P4', type: 'log', part } as const;
  // DU: acknowledged when the disk has it.
  return acknowledgesSynced(state.options.durability) ? [taken] : [taken, ...acknowledge(state)];
}

/** DU: the log that is written down here has come so far. */
export function keptCame<P>(state: ChannelState<P>, onDisk: Kept): ChannelEffect<P>[] {
  const before = state.acknowledgeable;
  state.onDisk = onDisk;
  if (state.isPrimary) return [tellAcknowledged(state, 'DU')];
  // CL: a log that is closed acknowledges nothing; in a view that is adopted it is said when that is told.
  const isOpen = (state.phase === 'normal' || state.phase === 'reading') && !state.mustFollow;
  return isOpen && state.acknowledgeable > before ? acknowledge(state) : [];
}

/** DU: what the disk had before there was a connection was told to nobody. */
export function acknowledgeAnew<P>(state: ChannelState<P>, name: string): ChannelEffect<P>[] {
  const { view, isPrimary, phase, mustFollow, options } = state;
  const isTold = !isPrimary && phase === 'normal' && !mustFollow && name === view?.primary;
  return isTold && acknowledgesSynced(options.durability) ? acknowledge(state) : [];
}

export function acknowledge<P>(state: ChannelState<P>): ChannelEffect<P>[] {
  const { view, acknowledgeable: position, toldProgress: progress } = state;
  // DU: its disk has nothing yet.
  if (position < 0) return [];
  return [state.send('P4', view!.primary, { type: 'acknowledgement', view: view!.number, position, progress })];
}

/** Of one who takes the log. */
export function acknowledgementCame<P>(state: ChannelState<P>, peer: Peer, position: number): void {
  peer.acknowledged = Math.max(peer.acknowledged, position);
  // What a joining replica received before its guest runs is the snapshot's age, not the lag of its execution.
  if (peer.executed >= 0) peer.lag.shipped(position, state.nowMs);
}

export function progressCame<P>(state: ChannelState<P>, peer: Peer, message: PeerMessage<P>): void {
  if (message.type !== 'acknowledgement' && message.type !== 'heartbeat') return;
  const { progress } = message;
  // From here on its lag counts: all that it has received is still to be executed.
  if (peer.executed < 0 && progress.executed >= 0) peer.lag.shipped(peer.acknowledged, state.nowMs);
  peer.executed = Math.max(peer.executed, progress.executed);
  peer.lag.progressed(progress);
}

export function heartbeats<P>(state: ChannelState<P>, hasBus: boolean): ChannelEffect<P>[] {
  const { view, outbox, logEnd, toldProgress: progress } = state;
  if (view === undefined) return [];
  const heartbeat = (confirmed: readonly StreamOffset[]): PeerMessage<P> => ({
    type: 'heartbeat',
    view: view.number,
    bus: hasBus,
    progress,
    // What its own guest has not executed yet may still be put out, and released.
    left: Math.min(outbox.left, logEnd, state.said),
    confirmed,
    settled: state.isPrimary ? settle(state) : 0,
  });
  const changes = heartbeat(state.isPrimary ? outbox.takeUntold() : []);
  const to = state.isPrimary ? recipients(state) : state.others(view);
  return to
    .filter(name => state.isOpen(name))
    .map(name => {
      const peer = state.peers.get(name)!;
      const message = !state.isPrimary || peer.knowsConfirmed ? changes : heartbeat(outbox.confirmed);
      peer.knowsConfirmed = true;
      return state.send('LG', name, message);
    });
}

/** JN: what precedes its snapshot, and would be lost with this replica. */
export function pending<P>(state: ChannelState<P>, name: string): ChannelEffect<P>[] {
  const view = state.view!.number;
  return state.outbox.pending.map(({ position, output }) =>
    state.send('JN', name, { type: 'pending', view, position, output }),
  );
}
