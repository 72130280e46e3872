// The thread that writes and compiles clones, so that the guest stands still no longer than it must.
//
// Before it says that it is ready it rehearses: it makes clones that nobody asked for, until V8 has compiled the code that
// makes them. What takes 10 ms the first time takes half of one then.

import { workerData } from 'node:worker_threads';
import { Continuations } from '../instrument/continuation/continuation.js';
import {
  type CloneAnswer,
  type CloneRequest,
  type CloneThreadData,
  WORD_ANSWERS,
  WORD_STARTED,
} from './clone-maker.js';
import { makeContinuation } from './continuation-modules.js';

/** As much as it takes V8 to compile what is repeated most; the guest runs on meanwhile. */
const REHEARSALS_MAX = 128;
/** Functions may be large: then fewer rehearsals have the same effect. */
const REHEARSAL_MAX_MS = 100;

const { bytes, options, facts, words, port } = workerData as CloneThreadData;
const program = new Continuations(bytes, options, facts);

function rehearse(): void {
  const points = program.somePoints(REHEARSALS_MAX);
  const end = performance.now() + REHEARSAL_MAX_MS;
  for (let times = 0; points.length > 0 && times < REHEARSALS_MAX && performance.now() < end; times++) {
    makeContinuation(program, [points[times % points.length]!], false);
  }
}

function answer({ points, optimised }: CloneRequest): CloneAnswer {
  try {
    return { request: { points, optimised }, made: makeContinuation(program, points, optimised) };
  } catch (error) {
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

port.on('message', (request: CloneRequest) => {
  port.postMessage(answer(request));
  Atomics.add(words, WORD_ANSWERS, 1);
  Atomics.notify(words, WORD_ANSWERS);
});
rehearse();
Atomics.store(words, WORD_STARTED, 1);
