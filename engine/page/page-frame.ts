// What the page of a machine and its launcher say to each other over one WebSocket, as JSON texts.
//
//   launcher -> page   hello, once; then frames, some times a second, with news before them; `ended` is the last
//   page -> launcher   orders: each is answered by `answer`

import type { Status } from '../observe/status.js';

/** One thing that happened to the machine. */
export interface PageNews {
  readonly number: number;
  /** ISO 8601. */
  readonly at: string;
  readonly kind: 'view' | 'failover' | 'joined' | 'lost' | 'trouble' | 'note';
  readonly text: string;
}

/** The machine at one moment; `figures` only grow. */
export interface PageFrame {
  readonly type: 'frame';
  /** Of a clock that only goes forward, ms. */
  readonly atMs: number;
  readonly status: Status;
  readonly figures: {
    /** Parts of the log that were acknowledged, and how long that took in all, ms. */
    readonly roundTrips: number;
    readonly roundTripMs: number;
    /** Outputs that have left, and how long they were held in all, ms. */
    readonly outputs: number;
    readonly outputHeldMs: number;
    readonly logBytes: number;
  };
  /** Replicas that were paused from a page, those among them that the view does not name any more. */
  readonly paused: readonly { readonly incarnation: string; readonly pid: number }[];
}

export type ToPage =
  /** @property run another one: it is another machine, and the page begins anew */
  | { readonly type: 'hello'; readonly run: string; readonly repairs: boolean }
  | { readonly type: 'news'; readonly news: readonly PageNews[] }
  | PageFrame
  | { readonly type: 'answer'; readonly done: boolean; readonly text: string }
  | { readonly type: 'ended'; readonly text: string };

export type PageOrder =
  | { readonly order: 'failover' | 'restart' }
  | { readonly order: 'pause' | 'resume'; readonly incarnation: string };
