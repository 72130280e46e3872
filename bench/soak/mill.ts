// The machine of a soak, as a user would start it: a process, fed with lines, watched by its status file.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Status } from '../../engine/observe/status.js';

/** Lines that the guest was given and has not answered: its input never runs dry, and is never far ahead. */
const WINDOW_LINES = 8;
/** Work a line: some milliseconds, so that a kill strikes computing, disk, teller and output alike. */
const WORK = '600';

export interface MillOptions {
  readonly root: string;
  readonly replicas: string;
  readonly mebibytes: string;
  readonly statusFile: string;
  readonly disk: string;
  readonly teller: string;
}

export interface MillEnding {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Mill {
  /** The guest and its arguments. */
  readonly guest: readonly string[];
  readonly #process: ChildProcess;
  readonly #options: MillOptions;
  readonly #stdout: Buffer[] = [];
  readonly #ended: Promise<number | null>;
  readonly #given: string[] = [];
  #stderr = '';
  #answered = 0;
  #feeds = true;

  constructor(options: MillOptions) {
    this.#options = options;
    this.guest = [join(options.root, 'guest/build/mill.wasm'), WORK, options.mebibytes];
    const flags = ['--replicas', options.replicas, '--status-file', options.statusFile];
    const devices = ['--disk', options.disk, '--teller', options.teller];
    const main = join(options.root, 'dist/bundle/cli-main.js');
    this.#process = spawn(process.execPath, [main, 'run', ...flags, ...devices, ...this.guest], { stdio: 'pipe' });
    this.#process.stdout?.on('data', (bytes: Buffer) => {
      this.#stdout.push(bytes);
      for (const byte of bytes) if (byte === 10) this.#answered += 1;
      this.#feed();
    });
    this.#process.stderr?.on('data', (bytes: Buffer) => {
      this.#stderr += bytes.toString();
    });
    // A machine that was lost takes no input; its end says so.
    this.#process.stdin?.on('error', () => undefined);
    this.#ended = new Promise(resolve => this.#process.once('close', resolve));
    this.#feed();
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get lines(): number {
    return this.#given.length;
  }

  get answered(): number {
    return this.#answered;
  }

  get input(): string {
    return this.#given.join('');
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  get status(): Status | undefined {
    try {
      return JSON.parse(readFileSync(this.#options.statusFile, 'utf8')) as Status;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #feed(): void {
    while (this.#feeds && this.#given.length - this.#answered < WINDOW_LINES) {
      const line = `line ${this.#given.length + 1}\n`;
      this.#given.push(line);
      this.#process.stdin?.write(line);
    }
  }

  /** Ends the input, and waits for the guest's end. */
  async end(): Promise<MillEnding> {
    this.#feeds = false;
    this.#process.stdin?.end();
    const status = await this.#ended;
    return { status, stdout: Buffer.concat(this.#stdout).toString(), stderr: this.#stderr };
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}
