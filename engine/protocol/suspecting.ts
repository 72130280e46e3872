// Whom a replica suspects, and why: who has closed its connection, never came, or is silent for too long (silence.ts).

import type { ChannelState, Peer } from './channel-state.js';

/** A word of it has come, or a part of one. Until a joining replica is welcomed, none is due: their gaps say nothing of it. */
export function heard<P>({ phase, nowMs }: ChannelState<P>, { silence }: Peer): void {
  if (phase === 'joining') silence.begins(nowMs);
  else if (phase !== 'claiming') silence.broken(nowMs);
}

/** @param ticks whether silence is looked for: at ticks only, after the sockets were read */
export function whySuspected<P>(state: ChannelState<P>, name: string, ticks: boolean): string | undefined {
  const peer = state.peers.get(name);
  if (peer === undefined) return 'it is not connected';
  if (peer.link === 'closed') return peer.reason;
  if (!ticks || peer.silence.lastsMs(state.nowMs) < patienceMs(state, name, peer)) return undefined;
  return peer.link === 'open'
    ? `no word from it for ${Math.round(peer.silence.lastsMs(state.nowMs))} ms`
    : 'it never came';
}

/** Joining is heavy work for both, and nobody waits for it: while one of them joins, neither is suspected before its time. */
function patienceMs<P>(state: ChannelState<P>, name: string, { silence }: Peer): number {
  const joins = name === state.joiner?.name || !(state.isPrimary || state.isNamed);
  return joins ? state.options.suspicionMs : silence.limitMs(state.crowding);
}

/** SX: a primary leaves it out of its next view. */
export function suspectIfGone<P>(state: ChannelState<P>, name: string, ticks: boolean): void {
  const reason = state.suspected.has(name) ? undefined : whySuspected(state, name, ticks);
  if (reason !== undefined) state.suspected.set(name, reason);
}

/**
 * Ticks come once a heartbeat at least. If none has come for longer than that, this replica was stopped, or kept from its turn: others may
 * have been, too, and what they said meanwhile may not all have been read. Any event may be the first after it: a process that
 * was stopped while it waited for its sockets hears them before its timers.
 *
 * @returns for how long
 */
export function noticeAbsence<P>(state: ChannelState<P>): number {
  const absentMs = state.nowMs - state.tickedMs - state.options.heartbeatMs;
  if (absentMs <= 0) return 0;
  state.tickedMs += absentMs;
  for (const peer of state.peers.values()) peer.silence.postpone(absentMs, state.nowMs);
  state.collectDeadlineMs += absentMs;
  state.joinDeadlineMs += absentMs;
  return absentMs;
}

/** A heartbeat says whether its sender hears the bus. */
export function busTold<P>(state: ChannelState<P>, peer: Peer, hears: boolean): void {
  const { nowMs } = state;
  peer.hearsBus = hears ? { sinceMs: peer.hearsBus?.sinceMs ?? nowMs, toldMs: nowMs } : undefined;
}
