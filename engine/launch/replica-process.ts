// A replica's process as its launcher sees it: started, talked to over the channel between parent and child, ended.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromReplica, ToReplica } from '../replica/replica-configuration.js';
import type { ReplicaEnding } from './launching.js';

/**
 * A joining replica says every JOINS_EVERY_MS that it still does. One that was stopped, or hangs, would keep the machine from
 * being repaired for as long: after so long without a word it is killed, and another is started.
 */
const SILENCE_MAX_MS = 3_000;
/** Likewise, for its first word: a process that starts on a busy host takes longer than one that runs. */
const FIRST_WORD_MAX_MS = 10_000;

export interface ReplicaListener {
  heard(message: FromReplica): void;
  ended(ending: ReplicaEnding): void;
}

/** A replica as its launcher has it, whatever it runs in. */
export interface StartedReplica {
  readonly incarnation: string;
  /** Named in no view so far: it has to be given the state of the others. */
  readonly joins: boolean;
  readonly ended: Promise<void>;
  readonly hasEnded: boolean;
  /** 0 where it could not be started. */
  readonly pid: number;
  send(message: ToReplica): void;
  /** Its view watches it from now on. */
  isNamed(): void;
  /** SIGKILL, or what is like it. */
  kill(): void;
}

export class ReplicaProcess implements StartedReplica {
  readonly incarnation: string;
  /** Named in no view so far: it has to be given the state of the others. */
  readonly joins: boolean;
  readonly ended: Promise<void>;
  #hasEnded = false;
  /** Why it said it would end. */
  #halted: ReplicaEnding['halted'];
  readonly #process: ChildProcess;
  /** Kills a joining replica that is silent. */
  #silence: NodeJS.Timeout | undefined;

  /** @param module a descriptor of the machine's module, which the process gets as MODULE_DESCRIPTOR (kept-module.ts) */
  constructor(incarnation: string, joins: boolean, module: number, listener: ReplicaListener) {
    this.incarnation = incarnation;
    this.joins = joins;
    // What is started, and nothing else, in argv; replicas inherit stderr for what Node itself has to say.
    const main = fileURLToPath(new URL('../replica/main.js', import.meta.url));
    this.#process = fork(main, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc', module], execArgv: [] });
    if (joins) this.#silence = setTimeout(() => this.kill(), FIRST_WORD_MAX_MS);
    this.#process.on('message', (message: FromReplica) => {
      this.#isHeard();
      if (message.type === 'halted') this.#halted = message;
      listener.heard(message);
    });
    // It has said all that it had to say, or is dead already. Left to itself it would wait for V8 to finish what it compiles:
    // with a large interpreter that is seconds, for code that nobody will run.
    this.#process.once('disconnect', () => this.kill());
    this.ended = new Promise(resolve => {
      const end = (ending: ReplicaEnding) => {
        if (this.#hasEnded) return;
        this.#hasEnded = true;
        this.isNamed();
        resolve();
        listener.ended(ending);
      };
      this.#process.once('error', error => {
        // A process that could not be started has no other end.
        if (this.#process.pid !== undefined) return;
        const halted = { code: 'REPLICA_START', message: `a replica can't be started: ${error.message}` };
        end({ reason: halted.message, killed: false, halted });
      });
      this.#process.once('exit', (status, signal) => {
        const how = signal === null ? `ended with status ${status}` : `killed by ${signal}`;
        const halted = this.#halted;
        if (halted === undefined) end({ reason: how, killed: signal !== null });
        else end({ reason: `halted: ${halted.message}`, killed: false, halted });
      });
    });
  }

  #isHeard(): void {
    if (this.#silence === undefined) return;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.kill(), SILENCE_MAX_MS);
  }

  /** Its view watches it from now on. */
  isNamed(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }

  /** 0 where it could not be started. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  send(message: ToReplica): void {
    // One that is gone is heard of by its end.
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  /** SIGKILL. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }
}
