// A command of the user's that drives a guest that serves: where the guest listens is in its environment, and its end says whether
// it was served.

import { type ChildProcess, spawn } from 'node:child_process';
import { describeSocketAddress, type SocketAddress } from '../../devices/connection/socket-address.js';
import { EpochvisorError } from '../errors/errors.js';

/** Variables of its environment: the first address, and all of them with spaces between. */
const ADDRESS_VARIABLE = 'EPOCHVISOR_ADDRESS';
const ADDRESSES_VARIABLE = 'EPOCHVISOR_ADDRESSES';
/** How much of its last words is shown. */
const WORDS_MAX_CHARACTERS = 200;
/** Of what it says its last words are looked for in so much. */
const SAID_KEPT_CHARACTERS = 4_000;
/** A client that prints more is not compared, but ended. */
const TRANSCRIPT_MAX_BYTES = 256 << 20;

export interface ClientEnd {
  /** All that it printed to stdout, where that was to be kept. */
  readonly stdout: Uint8Array;
  /** Undefined: it ended with status 0. */
  readonly failure: string | undefined;
  /** The last line that it said, on stderr or, where that is silent, on stdout. */
  readonly lastWords: string;
  readonly durationMs: number;
}

export class ClientCommand {
  /** Never rejects. */
  readonly ended: Promise<ClientEnd>;
  readonly #command: string;
  readonly #addresses: readonly string[];
  readonly #keeps: boolean;
  #resolve: (end: ClientEnd) => void = () => undefined;
  #child: ChildProcess | undefined;
  #startMs = 0;
  readonly #stdout: Buffer[] = [];
  #stdoutBytes = 0;
  #said = '';
  /** Why it was killed. */
  #killed: string | undefined;
  #hasEnded = false;

  /** @param addresses where the machine listens @param keeps whether what it prints is wanted */
  constructor(command: string, addresses: readonly SocketAddress[], keeps: boolean) {
    this.#command = command;
    this.#addresses = addresses.map(describeSocketAddress);
    this.#keeps = keeps;
    this.ended = new Promise(resolve => {
      this.#resolve = resolve;
    });
  }

  /** By a shell. Until the guest listens a connection waits, so there is no need to know when it does. */
  start(): void {
    if (this.#killed !== undefined) return;
    this.#startMs = performance.now();
    const [address = ''] = this.#addresses;
    const child = spawn(this.#command, {
      shell: true,
      // A group of its own: what a shell has started ends with it.
      detached: true,
      stdio: ['ignore', this.#keeps ? 'pipe' : 'ignore', 'pipe'],
      env: { ...process.env, [ADDRESS_VARIABLE]: address, [ADDRESSES_VARIABLE]: this.#addresses.join(' ') },
    });
    this.#child = child;
    child.stdout?.on('data', (bytes: Buffer) => this.#print(bytes));
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#said = (this.#said + bytes.toString()).slice(-SAID_KEPT_CHARACTERS);
    });
    child.once('error', error => this.#end(`can't be started: ${error.message}`));
    child.once('close', (status, signal) => {
      const how = signal === null ? `ended with status ${status}` : `was killed by ${signal}`;
      this.#end(this.#killed ?? (status === 0 ? undefined : how));
    });
  }

  #print(bytes: Buffer): void {
    this.#stdoutBytes += bytes.length;
    if (this.#stdoutBytes > TRANSCRIPT_MAX_BYTES) this.kill(`prints more than ${TRANSCRIPT_MAX_BYTES >> 20} MiB`);
    else this.#stdout.push(bytes);
  }

  #end(failure: string | undefined): void {
    this.#hasEnded = true;
    const stdout = Buffer.concat(this.#stdout);
    const said = this.#said.trim() === '' ? stdout.subarray(-SAID_KEPT_CHARACTERS).toString() : this.#said;
    const lastWords = said.trim().split('\n').at(-1)?.slice(0, WORDS_MAX_CHARACTERS) ?? '';
    this.#resolve({ stdout, failure, lastWords, durationMs: performance.now() - this.#startMs });
  }

  /** With all that it has started. @param why what its end says, unless it had ended before */
  kill(why: string): void {
    if (this.#killed !== undefined || this.#hasEnded) return;
    this.#killed = why;
    const child = this.#child;
    if (child === undefined) this.#end(why);
    if (child?.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // All of them have ended meanwhile.
    }
  }
}

/** How it failed, with its last words; undefined: it has not. */
export function describeFailure({ failure, lastWords }: ClientEnd): string | undefined {
  return failure === undefined || lastWords === '' ? failure : `${failure}: ${lastWords}`;
}

/** Where it failed though nobody was harmed. */
export function loadFailed(how: string): EpochvisorError {
  return new EpochvisorError(
    'LOAD_FAILED',
    `the command of --load ${how}`,
    `try it by hand, with ${ADDRESS_VARIABLE} set to where the guest listens`,
  );
}
