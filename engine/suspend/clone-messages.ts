// What the guest thread and the thread that makes clones tell each other: by messages, and by shared words.
//
//   words   0  started   1: it is ready
//           1  answers   messages sent to the guest thread, which may wait for the next

import type { MessagePort } from 'node:worker_threads';
import type { SuspendedPoint } from '../instrument/continuation/continuation.js';
import type { ContinuationFacts } from '../instrument/continuation/facts.js';
import type { InstrumentOptions } from '../instrument/options.js';
import type { ContinuationModule } from './continuation-modules.js';

export const WORD_STARTED = 0;
export const WORD_ANSWERS = 1;
export const WORDS = 2;

/** What the thread is started with. */
export interface CloneThreadData {
  readonly bytes: Uint8Array;
  readonly options: InstrumentOptions;
  readonly facts: ContinuationFacts;
  readonly words: Int32Array;
  readonly port: MessagePort;
  /** Rung when it is ready, and when it has answered. */
  readonly bell: Bell | undefined;
}

/** A word to be incremented and notified. */
export interface Bell {
  readonly words: Int32Array;
  readonly word: number;
}

export interface CloneRequest {
  readonly points: readonly SuspendedPoint[];
  readonly optimised: boolean;
}

export type CloneAnswer =
  | ({ readonly request: CloneRequest } & { readonly made: ContinuationModule })
  | { readonly failure: string };
