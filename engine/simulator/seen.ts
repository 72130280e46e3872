// What can be seen of a run: what is said, and what happens, as plain data. The trace, the count of rare states and the story are
// made of it; nothing of the run depends on who looks.

import type { ReplicaNews } from '../driver/ports.js';
import type { ClaimAnswer } from '../protocol/channel.js';
import type { FromBus, PeerMessage, ToBus } from '../protocol/messages.js';
import type { Outcome, View } from '../protocol/vocabulary.js';
import { describeFault, type Fault } from './faults.js';

export type Message = PeerMessage<Uint8Array> | ToBus | FromBus;

/** The name of the bus among those who say something. */
export const BUS = 'bus';

export type Seen =
  /** Seen when it is sent; of the bus, when it is heard. */
  | { readonly type: 'said'; readonly from: string; readonly to: string; readonly message: Message }
  /** A piece of a snapshot leaves. */
  | { readonly type: 'piece'; readonly from: string; readonly to: string }
  /** A fault strikes: `whom`, where it is for a replica and there is one. */
  | { readonly type: 'fault'; readonly fault: Fault; readonly whom: string | undefined }
  /** SIGKILL. */
  | { readonly type: 'died'; readonly name: string }
  /** A pause of its process is over. */
  | { readonly type: 'woke'; readonly name: string }
  /** The launcher starts it. */
  | { readonly type: 'started'; readonly name: string }
  /** `name` ends a connection. */
  | { readonly type: 'dropped'; readonly name: string; readonly peer: string }
  /** `name` hears that its connection to `peer` has ended. */
  | { readonly type: 'parted'; readonly name: string; readonly peer: string; readonly reason: string }
  | { readonly type: 'news'; readonly name: string; readonly news: ReplicaNews }
  | { readonly type: 'claims'; readonly name: string; readonly view: View }
  | { readonly type: 'answered'; readonly name: string; readonly view: View; readonly answer: ClaimAnswer }
  /** The arbiter has written it. */
  | { readonly type: 'recorded'; readonly view: View }
  /** The arbiter finds a record in the place of a claim: that of a rival, or the claim itself. */
  | { readonly type: 'present'; readonly view: View; readonly itself: boolean }
  /** The arbiter tells somebody of a view that is not the latest. */
  | { readonly type: 'staleRead' }
  /** The promotion goes to the guest thread; `waits`: the ring is full. */
  | { readonly type: 'promoted'; readonly name: string; readonly waits: boolean }
  | { readonly type: 'throttled'; readonly name: string; readonly on: boolean }
  /** A snapshot for `peer` is asked of the guest thread, and how that answered. */
  | { readonly type: 'snapshotAsked'; readonly name: string; readonly peer: string }
  | { readonly type: 'snapshotRefused'; readonly name: string }
  /** Who joins has begun to execute. */
  | { readonly type: 'restored'; readonly name: string }
  /** The bus hears of a view for the first time. */
  | { readonly type: 'fenced'; readonly name: string; readonly view: number }
  /** The bus hears an output of a view that is over. */
  | { readonly type: 'late'; readonly name: string; readonly view: number }
  | { readonly type: 'busDied'; readonly journal: JournalLoss }
  | { readonly type: 'busStarted' }
  /** It goes on from the log of a dead one; `isTorn`: of which the end was torn. */
  | {
      readonly type: 'recovers';
      readonly name: string;
      readonly of: string;
      readonly from: number;
      readonly end: number;
      readonly isTorn: boolean;
    }
  /** The logs can't be gone on from. */
  | { readonly type: 'recoveryRefused'; readonly code: string; readonly why: string }
  | { readonly type: 'over'; readonly outcome: Outcome };

/** What became of the journal when its process died. */
export interface JournalLoss {
  /** The host has lost its power, too. */
  readonly power: boolean;
  /** Somebody waited for something to be kept. */
  readonly keeping: boolean;
  /** Something had found no room, and is lost. */
  readonly behind: boolean;
  /** A new file was being written. */
  readonly rewriting: boolean;
  /** What was appended and is gone, bytes. */
  readonly lostBytes: number;
  /** Its end was a part of a frame. */
  readonly torn: boolean;
}

/** As a line of the trace; undefined where it has none. */
export function lineOf(seen: Seen): string | undefined {
  switch (seen.type) {
    case 'said':
      if (seen.from === BUS && seen.message.type === 'heartbeat') return undefined;
      return `${seen.from} -> ${seen.to}: ${asText(seen.message)}`;
    case 'fault':
      return `fault: ${describeFault(seen.fault)}`;
    case 'started':
      return `the launcher starts ${seen.name}`;
    case 'recovers':
      return `${seen.name} goes on from the log of ${seen.of}, from ${seen.from} to ${seen.end}`;
    case 'recoveryRefused':
      return `nobody can go on: ${seen.code} ${seen.why}`;
    case 'dropped':
      return `${seen.name} drops ${seen.peer}`;
    case 'news':
      return newsLine(seen.name, seen.news);
    default:
      return undefined;
  }
}

function newsLine(name: string, news: ReplicaNews): string {
  if (news.type === 'view')
    return `${name} owns view ${news.view.number} with ${news.view.backups.join(', ') || 'nobody'}`;
  if (news.type === 'halted') return `${name} halts: ${news.code} ${news.message}`;
  return `${name} tells: ${asText(news)}`;
}

function asText(message: unknown): string {
  return JSON.stringify(message, (_key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    return value instanceof Uint8Array ? `${value.length} bytes` : value;
  });
}
