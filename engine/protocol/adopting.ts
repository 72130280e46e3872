// Views that another has won (VT, LS): told by their primary, or read from the arbiter's record.
//
//   the same primary goes on     its log goes on, too; what came of it while a claim was out is received now
//   another primary              the old log is closed; the new primary says where its log ends, and is followed (OS)
//   not named any more           halt; what only joins and was never named stays with its primary

import type { ChannelEffect } from './channel-events.js';
import type { ChannelState } from './channel-state.js';
import { lost } from './claiming.js';
import { follow } from './collecting.js';
import { acknowledge, receive } from './committing.js';
import type { View } from './vocabulary.js';

/** Its primary says that it has won `view`, with its log's end at `position`. */
export function viewTold<P>(state: ChannelState<P>, name: string, view: View, position: number): ChannelEffect<P>[] {
  const mine = state.view;
  if (mine === undefined || name !== view.primary || view.number < mine.number) return [];
  if (view.number === mine.number) {
    if (state.isPrimary || name !== mine.primary) return [];
    // Known already from the arbiter.
    return state.mustFollow ? follow(state, position) : acknowledge(state);
  }
  const effects = adopt(state, view);
  if (state.phase === 'halted') return effects;
  effects.push(...(state.mustFollow ? follow(state, position) : acknowledge(state)));
  return effects;
}

/** `view` stands, and its number is greater than that of ours. */
export function adopt<P>(state: ChannelState<P>, view: View): ChannelEffect<P>[] {
  const named = view.backups.includes(state.options.incarnation);
  const samePrimary = view.primary === state.view?.primary;
  const joins = !state.isNamed && !state.isPrimary && samePrimary;
  if (!named && !joins) return lost(state, view);
  state.view = view;
  state.phase = 'normal';
  state.claim = undefined;
  const deferred = state.deferred;
  state.deferred = [];
  const peer = state.peers.get(view.primary);
  if (peer === undefined) state.peers.set(view.primary, state.newPeer('closed'));
  else peer.silence.begins(state.nowMs);
  const effects: ChannelEffect<P>[] = [{ rule: 'VT', type: 'adopted', view }];
  if (!samePrimary) {
    state.reign = view.number;
    state.mustFollow = true;
    return effects;
  }
  for (const message of deferred) effects.push(...receive(state, view.primary, message));
  return effects;
}
