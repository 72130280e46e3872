// The thread that writes and compiles clones, so that the guest stands still no longer than it must.
//
// Before it says that it is ready it rehearses: it makes clones that nobody asked for, until V8 has compiled the code that
// makes them. What takes 10 ms the first time takes half of one then.

import { workerData } from 'node:worker_threads';
import { describeThrown } from '../errors/errors.js';
import { Continuations } from '../instrument/continuation/continuation.js';
import { showStack } from '../observe/defects.js';
import {
  type CloneAnswer,
  type CloneRequest,
  type CloneThreadData,
  WORD_ANSWERS,
  WORD_STARTED,
} from './clone-messages.js';
import { makeContinuation } from './continuation-modules.js';

/** As much as it takes V8 to compile what is repeated most; the guest runs on meanwhile. */
const REHEARSALS_MAX = 64;
/** Functions may be large: then fewer rehearsals have the same effect. */
const REHEARSAL_MAX_MS = 50;

const { bytes, options, facts, words, port, bell } = workerData as CloneThreadData;
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
    showStack(error);
    return { failure: describeThrown(error) };
  }
}

/** The word has changed; who sleeps on the bell may have waited for it. */
function ring(word: number): void {
  Atomics.add(words, word, 1);
  Atomics.notify(words, word);
  if (bell === undefined) return;
  Atomics.add(bell.words, bell.word, 1);
  Atomics.notify(bell.words, bell.word);
}

port.on('message', (request: CloneRequest) => {
  port.postMessage(answer(request));
  ring(WORD_ANSWERS);
});
rehearse();
ring(WORD_STARTED);
