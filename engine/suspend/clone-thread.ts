// The guest thread's side of the thread that writes and compiles clones.
//
// It is started when the first snapshot is asked for, and ended when the clones of the last one are optimised: it holds the
// instrumenter and the decoded module, which a machine that is not being copied need not carry. Of one that is copied every few
// seconds it stays: to start it takes a tenth of a second of a processor, of a large module a second. The guest thread, which has
// no event loop while the guest runs, sees by two shared words (clone-messages.ts) how far the other is, and takes messages without waiting.

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { assert } from '../errors/errors.js';
import type { SuspendedPoint } from '../instrument/continuation/continuation.js';
import type { ContinuationFacts } from '../instrument/continuation/facts.js';
import type { InstrumentOptions } from '../instrument/options.js';
import {
  type Bell,
  type CloneAnswer,
  type CloneRequest,
  type CloneThreadData,
  WORD_ANSWERS,
  WORD_STARTED,
  WORDS,
} from './clone-messages.js';
import type { CloneMaker, ContinuationModule, MadeMeanwhile } from './continuation-modules.js';

/** A thread that does not answer within this time has died (out of memory): the replica ends, rather than stand still. */
const ANSWER_MAX_MS = 60_000;

interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly words: Int32Array;
}

export class CloneThread implements CloneMaker {
  readonly facts: ContinuationFacts;
  readonly #bytes: Uint8Array;
  readonly #options: InstrumentOptions;
  readonly #bell: Bell | undefined;
  readonly #stays: boolean;
  #thread: Thread | undefined;
  /** Messages sent and taken. */
  #sent = 0;
  #taken = 0;
  #made: MadeMeanwhile[] = [];

  /**
   * @param bytes the plain module, best in shared memory: else each thread has a copy
   * @param options those of the rewriting
   * @param bell rung when the thread has become ready, and when it has answered
   * @param stays whether it stays while it rests
   */
  constructor(bytes: Uint8Array, options: InstrumentOptions, facts: ContinuationFacts, bell?: Bell, stays = false) {
    this.#bytes = bytes;
    this.#options = options;
    this.#bell = bell;
    this.#stays = stays;
    this.facts = facts;
  }

  prepare(): void {
    this.#started();
  }

  #started(): Thread {
    if (this.#thread !== undefined) return this.#thread;
    const words = new Int32Array(new SharedArrayBuffer(WORDS * 4));
    const { port1, port2 } = new MessageChannel();
    const { facts } = this;
    const worker = new Worker(new URL('./clone-thread-main.js', import.meta.url), {
      workerData: {
        bytes: this.#bytes,
        options: this.#options,
        facts,
        words,
        port: port2,
        bell: this.#bell,
      } satisfies CloneThreadData,
      transferList: [port2],
    });
    worker.unref();
    port1.unref();
    this.#sent = 0;
    this.#taken = 0;
    this.#thread = { worker, port: port1, words };
    return this.#thread;
  }

  get ready(): boolean {
    const thread = this.#thread;
    return thread !== undefined && thread.words[WORD_STARTED] === 1 && this.#sent === thread.words[WORD_ANSWERS];
  }

  make(points: readonly SuspendedPoint[], optimised: boolean): ContinuationModule {
    const { port, words } = this.#send({ points, optimised });
    for (;;) {
      const answers = Atomics.load(words, WORD_ANSWERS);
      if (answers === this.#sent) break;
      const outcome = Atomics.wait(words, WORD_ANSWERS, answers, ANSWER_MAX_MS);
      assert(outcome !== 'timed-out', 'the thread that makes clones answers');
    }
    // Answers come in the order of the requests: this one's is the last.
    this.#takeFrom(port);
    return this.#made.pop()!.made;
  }

  ask(points: readonly SuspendedPoint[]): void {
    this.#send({ points, optimised: true });
  }

  #send(request: CloneRequest): Thread {
    const thread = this.#started();
    this.#sent++;
    thread.port.postMessage(request);
    return thread;
  }

  get answered(): boolean {
    const thread = this.#thread;
    return this.#made.length > 0 || (thread !== undefined && thread.words[WORD_ANSWERS]! > this.#taken);
  }

  take(): readonly MadeMeanwhile[] {
    if (this.#thread !== undefined) this.#takeFrom(this.#thread.port);
    const made = this.#made;
    this.#made = [];
    return made;
  }

  #takeFrom(port: MessagePort): void {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const answer = next.message as CloneAnswer;
      this.#taken++;
      if ('failure' in answer) throw new Error(`the thread that makes clones failed: ${answer.failure}`);
      this.#made.push({ points: answer.request.points, made: answer.made });
    }
  }

  rest(): void {
    if (!this.#stays) this.end();
  }

  end(): void {
    if (this.#thread === undefined) return;
    this.#thread.port.close();
    void this.#thread.worker.terminate();
    this.#thread = undefined;
  }
}
