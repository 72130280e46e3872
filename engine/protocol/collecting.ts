// Several backups, one of which has won the next view (OS, KP): before it is promoted it gets what any of them has of the
// old log, so that none has executed what it lacks; then the others follow it.
//
//   winner    view, own log's end ->                  collecting: appends offers as if received
//   other                            <- offer*, follow     has closed the old log; its end
//   winner    all have followed, are gone or silent: fence, promote; each is sent the parts it lacks
//
// Who does not answer within the suspicion time is left out of the next view; until that is won nothing leaves (SX).
// Where the view names no backup, nothing is collected.

import type { BusLink } from './bus-link.js';
import type { ChannelEffect } from './channel-events.js';
import type { ChannelState } from './channel-state.js';
import { acknowledge, settle, tellAcknowledged, throttle } from './committing.js';
import { acknowledgesSynced } from './durability.js';
import type { PeerMessage } from './messages.js';

export function collect<P>(state: ChannelState<P>): ChannelEffect<P>[] {
  state.phase = 'collecting';
  state.collectDeadlineMs = state.nowMs + state.options.suspicionMs;
  state.followers.clear();
  state.awaited.clear();
  for (const name of state.backups) state.awaited.add(name);
  return state.backups.filter(name => state.isOpen(name)).flatMap(name => tellView(state, name));
}

/** Also to one whose connection opens while its word is awaited. */
export function tellView<P>(state: ChannelState<P>, name: string): ChannelEffect<P>[] {
  if (state.phase !== 'collecting' || !state.awaited.has(name)) return [];
  return [state.send('OS', name, { type: 'view', view: state.view!, position: state.logEnd })];
}

/** What the winner lacks: appended as if it had been received and acknowledged. */
export function offered<P>(state: ChannelState<P>, message: PeerMessage<P> & { type: 'offer' }): ChannelEffect<P>[] {
  // Another has offered it, too.
  if (state.phase !== 'collecting' || message.view !== state.view!.number || message.position < state.logEnd) return [];
  const { position, length, part } = message;
  if (position !== state.logEnd) {
    return state.halt('OS', 'LOG_GAP', `a part of the log at ${position} is offered where ${state.logEnd} was due`);
  }
  state.logEnd += length;
  state.kept.keep({ position, length, part });
  return [{ rule: 'OS', type: 'log', part }];
}

export function followed<P>(
  state: ChannelState<P>,
  bus: BusLink<P>,
  name: string,
  message: PeerMessage<P> & { type: 'follow' },
): ChannelEffect<P>[] {
  if (state.phase !== 'collecting' || message.view !== state.view!.number || !state.awaited.has(name)) return [];
  state.awaited.delete(name);
  state.followers.set(name, message.position);
  return takeOverIfComplete(state, bus);
}

/** Those who are gone, or silent for too long, are waited for no more. */
export function giveUpOnSilent<P>(state: ChannelState<P>, bus: BusLink<P>): ChannelEffect<P>[] {
  if (state.phase !== 'collecting') return [];
  for (const name of state.awaited) {
    const peer = state.peers.get(name);
    const gone = peer === undefined || peer.link === 'closed';
    if (!gone && state.nowMs < state.collectDeadlineMs) continue;
    state.awaited.delete(name);
    state.suspected.set(name, gone ? (peer?.reason ?? 'it never came') : 'it does not follow');
  }
  return takeOverIfComplete(state, bus);
}

function takeOverIfComplete<P>(state: ChannelState<P>, bus: BusLink<P>): ChannelEffect<P>[] {
  return state.awaited.size > 0 ? [] : takeOver(state, bus);
}

/** FN first; then the execution, which has all there is, is promoted (P7); then the followers get what they lack. */
export function takeOver<P>(state: ChannelState<P>, bus: BusLink<P>): ChannelEffect<P>[] {
  state.phase = 'normal';
  const effects = bus.fence();
  effects.push({ rule: 'P7', type: 'promote' });
  for (const [name, position] of state.followers) effects.push(...bringUp(state, name, position));
  state.followers.clear();
  state.kept.clear();
  effects.push(tellAcknowledged(state, 'SX'), ...throttle(state));
  return effects;
}

function bringUp<P>(state: ChannelState<P>, name: string, position: number): ChannelEffect<P>[] {
  const peer = state.peers.get(name);
  const lacking = state.kept.between(position, state.logEnd);
  if (peer === undefined || lacking === undefined || position > state.logEnd) {
    state.suspected.set(name, `it has the log up to ${position}, which cannot be continued`);
    return [{ rule: 'OS', type: 'dropPeer', peer: name, reason: 'the log cannot be continued for it' }];
  }
  // DU: what its disk has of it, it says itself.
  if (!acknowledgesSynced(state.options.durability)) peer.acknowledged = position;
  peer.silence.begins(state.nowMs);
  const view = state.view!.number;
  const settled = settle(state);
  return lacking.map(part => state.send('OS', name, { type: 'log', view, settled, ...part }));
}

/** The other side: the winner's log ends at `end`; it is offered what it lacks, and followed. */
export function follow<P>(state: ChannelState<P>, end: number): ChannelEffect<P>[] {
  const { number, primary } = state.view!;
  state.mustFollow = false;
  const surplus = state.kept.between(end, state.logEnd);
  if (surplus === undefined) {
    const message = `the log here goes on to ${state.logEnd}, that of the new primary to ${end}`;
    return state.halt('OS', 'FOLLOW_LOST', message);
  }
  return [
    ...surplus.map(part => state.send('OS', primary, { type: 'offer', view: number, ...part })),
    state.send('OS', primary, { type: 'follow', view: number, position: state.logEnd }),
    ...(acknowledgesSynced(state.options.durability) ? acknowledge(state) : []),
  ];
}
