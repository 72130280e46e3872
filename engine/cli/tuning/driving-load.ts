// What drives a guest that serves: a command of the user's, run again and again while a machine is measured.

import { type ChildProcess, spawn } from 'node:child_process';
import { describeSocketAddress, type SocketAddress } from '../../../devices/connection/socket-address.js';
import { EpochvisorError } from '../../errors/errors.js';

/** Variables of its environment: the first address, and all of them with spaces between. */
const ADDRESS_VARIABLE = 'EPOCHVISOR_ADDRESS';
const ADDRESSES_VARIABLE = 'EPOCHVISOR_ADDRESSES';
/** How much of what a failing command said is shown. */
const SAID_MOST_CHARACTERS = 200;

export class Load {
  readonly #command: string;
  readonly #addresses: readonly string[];
  #child: ChildProcess | undefined;

  /** @param addresses where the machine listens */
  constructor(command: string, addresses: readonly SocketAddress[]) {
    this.#command = command;
    this.#addresses = addresses.map(describeSocketAddress);
  }

  /**
   * Runs the command until `timeMs` are over, at least once; answers how long each run took, ms. Until the guest listens
   * a connection waits, so there is no need to know when it does.
   *
   * @param stopped resolves when nobody wants the answer any more
   * @throws EpochvisorError LOAD_FAILED
   */
  async drive(timeMs: number, stopped: Promise<unknown>): Promise<number[]> {
    const times: number[] = [];
    const startMs = performance.now();
    let isStopped = false;
    void stopped.then(() => {
      isStopped = true;
      this.#kill();
    });
    while (!isStopped && (times.length === 0 || performance.now() - startMs < timeMs)) {
      const beganMs = performance.now();
      const failure = await this.#once();
      if (isStopped) break;
      if (failure !== undefined) throw failure;
      times.push(performance.now() - beganMs);
    }
    return times;
  }

  /** @returns why it failed */
  #once(): Promise<EpochvisorError | undefined> {
    const [address = ''] = this.#addresses;
    const child = spawn(this.#command, {
      shell: true,
      // A group of its own: what a shell has started ends with it.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, [ADDRESS_VARIABLE]: address, [ADDRESSES_VARIABLE]: this.#addresses.join(' ') },
    });
    this.#child = child;
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      if (said.length < SAID_MOST_CHARACTERS) said += chunk.toString();
    });
    return new Promise(resolve => {
      child.once('error', error => resolve(failed(`can't be started: ${error.message}`)));
      child.once('close', (status, signal) => {
        const shown = said.trim().split('\n').at(-1)?.slice(0, SAID_MOST_CHARACTERS) ?? '';
        const how = signal === null ? `ended with status ${status}` : `was killed by ${signal}`;
        resolve(status === 0 ? undefined : failed(shown === '' ? how : `${how}: ${shown}`));
      });
    });
  }

  #kill(): void {
    const pid = this.#child?.pid;
    if (pid === undefined || this.#child?.exitCode !== null) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

function failed(how: string): EpochvisorError {
  return new EpochvisorError(
    'LOAD_FAILED',
    `the command of --load ${how}`,
    `try it by hand, with ${ADDRESS_VARIABLE} set to where the guest listens`,
  );
}
