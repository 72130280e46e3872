// Joining (JN, RA): a replica without a state asks for it, and becomes a backup.
//
//   joining replica                        primary
//   join (each heartbeat) ->               takeSnapshot; execution answers at a boundary
//                      <- welcome          the log from the snapshot's position on goes to it, too
//                      <- pending          outputs from before the snapshot that may not have left: it holds them, too
//                      <- snapshot         not through the channel
//   acknowledgements ->                    executed to the position, and little lag: outputs wait for it as well
//                      <- view             acknowledged all that ever preceded an output, and all of them what nobody
//                                          could give them after it (KP): claimed and won, it is named
//
// Until it is named it is no part of the machine: if it goes, it is forgotten; if its primary goes, it asks the arbiter
// whether it was named meanwhile.

import { assert } from '../errors/errors.js';
import { adopt } from './adopting.js';
import type { BusLink } from './bus-link.js';
import type { ChannelEffect } from './channel-events.js';
import type { ChannelState } from './channel-state.js';
import { CLAIM_RETRY_MS, claim, unansweredMs } from './claiming.js';
import { acknowledged, pending, settle, tellAcknowledged, throttle } from './committing.js';
import type { PeerMessage } from './messages.js';
import type { View } from './vocabulary.js';

// ---- the primary's side

/** One joins at a time; who asks meanwhile asks again. */
export function asked<P>(state: ChannelState<P>, bus: BusLink<P>, name: string): ChannelEffect<P>[] {
  const busy = state.joiner !== undefined || state.claim !== undefined || state.suspected.size > 0;
  if (!state.isPrimary || state.phase !== 'normal' || bus.stage !== 'ours' || busy) return [];
  if (state.backups.includes(name)) return [];
  // A spare: it asks until one of the view is missing.
  if (state.backups.length >= (state.options.backupsWanted ?? Infinity)) return [];
  state.joiner = { name, stage: 'asked', position: 0 };
  const effects = [tellAcknowledged(state, 'JN')];
  // One that was asked for by somebody who is gone will do.
  if (!state.snapshotUnderWay) effects.push({ rule: 'JN', type: 'takeSnapshot' });
  state.snapshotUnderWay = true;
  return effects;
}

export function snapshotTaken<P>(state: ChannelState<P>, position: number): ChannelEffect<P>[] {
  assert(
    state.snapshotUnderWay && position >= state.logEnd,
    'a snapshot that was asked for comes in order with the log',
  );
  state.snapshotUnderWay = false;
  // While nobody took it, the log grew without a word.
  state.logEnd = position;
  const { joiner, view } = state;
  const peer = joiner === undefined ? undefined : state.peers.get(joiner.name);
  if (joiner === undefined || peer === undefined) return [tellAcknowledged(state, 'JN')];
  joiner.stage = 'following';
  joiner.position = position;
  peer.acknowledged = position;
  peer.executed = -1;
  return [
    state.send('JN', joiner.name, { type: 'welcome', view: view!, position }),
    ...pending(state, joiner.name),
    { rule: 'JN', type: 'sendSnapshot', peer: joiner.name },
    tellAcknowledged(state, 'JN'),
  ];
}

/** The guest cannot be saved where it stands: who asked asks again. */
export function snapshotFailed<P>(state: ChannelState<P>): ChannelEffect<P>[] {
  state.snapshotUnderWay = false;
  if (state.joiner?.stage === 'asked') state.joiner = undefined;
  return [tellAcknowledged(state, 'JN')];
}

/** It is suspected before it was named: the machine goes on as it is. */
export function forgetJoiner<P>(state: ChannelState<P>, bus: BusLink<P>, reason: string): ChannelEffect<P>[] {
  const { joiner } = state;
  if (joiner === undefined) return [];
  state.joiner = undefined;
  const drop = state.isOpen(joiner.name);
  state.peers.delete(joiner.name);
  return [
    ...(drop ? [{ rule: 'JN', type: 'dropPeer', peer: joiner.name, reason } as const] : []),
    tellAcknowledged(state, 'JN'),
    // What waited for it alone.
    ...bus.release(),
    ...throttle(state),
  ];
}

/** Who has caught up is waited for from now on, and named as soon as nothing that has left is missing there. */
export function nameIfReady<P>(state: ChannelState<P>): ChannelEffect<P>[] {
  const { joiner, outbox } = state;
  if (joiner === undefined || joiner.stage === 'asked' || state.phase !== 'normal') return [];
  if (state.claim !== undefined || state.suspected.size > 0) return [];
  const peer = state.peers.get(joiner.name);
  if (peer === undefined || peer.executed < joiner.position) return [];
  const effects: ChannelEffect<P>[] = [];
  if (joiner.stage === 'following') {
    if (peer.lag.lagMs(state.nowMs) > state.bounds.lagResumeMs) return [];
    joiner.stage = 'gating';
    effects.push(tellAcknowledged(state, 'JN'));
  }
  const { released } = outbox;
  // KP: what is settled nobody keeps, and what came with its snapshot it can give to nobody.
  const have = acknowledged(state) >= Math.max(settle(state), joiner.position);
  if (have && peer.acknowledged >= released) {
    effects.push(claim(state, 'JN', [...state.backups, joiner.name], `replica ${joiner.name} has joined`));
  }
  return effects;
}

// ---- the joining replica's side

export function askToJoin<P>(state: ChannelState<P>): ChannelEffect<P>[] {
  const open = [...state.peers.keys()].filter(name => state.isOpen(name));
  return open.map(name => state.send('JN', name, { type: 'join' }));
}

export function noOneToJoin<P>(state: ChannelState<P>): ChannelEffect<P>[] {
  const anyone = [...state.peers.values()].some(({ link }) => link === 'open');
  if (anyone) state.joinDeadlineMs = state.nowMs + (state.options.joinMs ?? state.options.startMs);
  if (state.nowMs < state.joinDeadlineMs) return [];
  return state.halt('JN', 'JOIN_LOST', 'no replica of the machine is there to be joined');
}

export function welcomed<P>(
  state: ChannelState<P>,
  name: string,
  { view, position }: PeerMessage<P> & { type: 'welcome' },
): ChannelEffect<P>[] {
  if (state.phase !== 'joining' || view.primary !== name) return [];
  state.phase = 'normal';
  state.view = view;
  state.reign = view.number;
  state.logEnd = position;
  state.said = position;
  return [
    { rule: 'JN', type: 'welcomed', peer: name, position },
    { rule: 'VT', type: 'adopted', view },
  ];
}

/** Told before anything that the own guest puts out. */
export function pendingCame<P>(
  state: ChannelState<P>,
  name: string,
  { position, output }: PeerMessage<P> & { type: 'pending' },
): ChannelEffect<P>[] {
  if (name === state.view?.primary) state.outbox.hold(position, output, state.nowMs);
  return [];
}

/** RA: the primary is suspected, and this replica does not know that it was named. */
export function readArbiter<P>(state: ChannelState<P>): ChannelEffect<P>[] {
  if (state.phase !== 'reading') state.joinDeadlineMs = state.nowMs + 2 * state.options.suspicionMs;
  state.phase = 'reading';
  state.retryAtMs = unansweredMs(state);
  return [{ rule: 'RA', type: 'readLatest', machine: state.options.machine }];
}

/** A record that is not there yet may still be written: a claim of the primary may have outlived it. */
export function latestRead<P>(state: ChannelState<P>, view: View | undefined): ChannelEffect<P>[] {
  if (state.phase !== 'reading') return [];
  const effects: ChannelEffect<P>[] = [];
  if (view !== undefined && view.number > state.view!.number) {
    effects.push(...adopt(state, view));
    if (state.isNamed || effects.some(({ type }) => type === 'halt')) return effects;
    state.phase = 'reading';
  }
  if (view !== undefined && state.nowMs >= state.joinDeadlineMs) {
    effects.push(...state.halt('RA', 'JOIN_LOST', 'the primary is gone, and has not named this replica'));
    return effects;
  }
  state.retryAtMs = state.nowMs + CLAIM_RETRY_MS;
  return effects;
}
