// Suspicion, claim, and what its outcome brings (CL, VW, SX, LS).
//
//   backup    its primary is suspected: closes its log, claims the next view with the other backups
//   primary   a backup is suspected: claims a view without it (SX); somebody has joined: a view with it (JN, BV)
//
// One claim at a time: who is suspected while one is out is left out of the next.

import type { BusLink } from './bus-link.js';
import type { ChannelEffect, ClaimAnswer } from './channel-events.js';
import type { ChannelState } from './channel-state.js';
import { collect, takeOver } from './collecting.js';
import { recipients, tellAcknowledged, throttle } from './committing.js';
import type { Rule } from './rules.js';
import type { View } from './vocabulary.js';

/** An arbiter out of reach is asked again after this time (VW). */
export const CLAIM_RETRY_MS = 100;

/** One that does not answer at all is asked again, too: the claim is the same one, and finds itself. */
export function unansweredMs<P>(state: ChannelState<P>): number {
  return state.nowMs + 2 * state.options.suspicionMs;
}

export function claim<P>(
  state: ChannelState<P>,
  rule: Rule,
  backups: readonly string[],
  reason: string,
): ChannelEffect<P> {
  const { machine, incarnation, newClaim } = state.options;
  state.claimReason = reason;
  state.claim = { number: state.view!.number + 1, machine, primary: incarnation, backups, claim: newClaim() };
  state.retryAtMs = unansweredMs(state);
  return { rule, type: 'claim', view: state.claim };
}

/** CL: a backup whose primary is suspected. Who is known to be gone is not named. */
export function claimAsBackup<P>(state: ChannelState<P>, reason: string): ChannelEffect<P>[] {
  state.phase = 'claiming';
  const { incarnation } = state.options;
  const others = state.backups.filter(name => name !== incarnation && isThere(state, name));
  return [claim(state, 'CL', others, reason)];
}

function isThere<P>(state: ChannelState<P>, name: string): boolean {
  const peer = state.peers.get(name);
  return peer !== undefined && peer.link !== 'closed';
}

/** SX: whoever is suspected is left out of the next view. */
export function claimWithoutSuspected<P>(state: ChannelState<P>): ChannelEffect<P>[] {
  if (!state.isPrimary || state.phase !== 'normal' || state.claim !== undefined || state.suspected.size === 0)
    return [];
  const [reason = ''] = state.suspected.values();
  return [
    claim(
      state,
      'SX',
      state.backups.filter(name => !state.suspected.has(name)),
      reason,
    ),
  ];
}

export function retryClaim<P>(state: ChannelState<P>): ChannelEffect<P>[] {
  if (state.claim === undefined || state.nowMs < state.retryAtMs) return [];
  state.retryAtMs = unansweredMs(state);
  return [{ rule: 'VW', type: 'claim', view: state.claim }];
}

/** The answer to the claim that is out: won, or the record of another; undefined where it says nothing yet. */
export function claimAnswered<P>(state: ChannelState<P>, view: View, answer: ClaimAnswer): 'won' | View | undefined {
  if (view.claim !== state.claim?.claim) return undefined;
  if (answer.result === 'unreachable') {
    state.retryAtMs = state.nowMs + CLAIM_RETRY_MS;
    return undefined;
  }
  state.claim = undefined;
  return answer.result === 'won' ? 'won' : answer.owner;
}

export function won<P>(state: ChannelState<P>, bus: BusLink<P>, view: View): ChannelEffect<P>[] {
  const wasBackup = !state.isPrimary;
  const effects: ChannelEffect<P>[] = [{ rule: 'VW', type: 'view', view, reason: state.claimReason }];
  state.view = view;
  state.deferred = [];
  if (state.joiner !== undefined && view.backups.includes(state.joiner.name)) state.joiner = undefined;
  for (const name of state.suspected.keys()) {
    if (view.backups.includes(name)) continue;
    state.suspected.delete(name);
    state.peers.delete(name);
  }
  if (wasBackup) {
    state.reign = view.number;
    effects.push(...(view.backups.length === 0 ? takeOver(state, bus) : collect(state)));
    return effects;
  }
  // A backup is still to be left out: the bus is fenced at the view without it.
  effects.push(...bus.fence());
  for (const name of recipients(state)) {
    effects.push(state.send('VT', name, { type: 'view', view, position: state.logEnd }));
  }
  effects.push(tellAcknowledged(state, 'SX'), ...throttle(state));
  return effects;
}

/** LS: the view belongs to another, and this replica is no part of it. */
export function lost<P>(state: ChannelState<P>, owner: View): ChannelEffect<P>[] {
  const whose = `view ${owner.number} belongs to replica ${owner.primary}`;
  if (!state.isPrimary && !state.isNamed) {
    return state.halt('RA', 'JOIN_LOST', `${whose}: the state that this replica has is not its`);
  }
  return state.halt('LS', 'VIEW_LOST', `${whose}: this replica is no part of the machine any more`);
}
