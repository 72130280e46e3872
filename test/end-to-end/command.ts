// The command line as a user has it: real processes, watched to their end, none left behind.
//
// Every process that a test starts carries a mark in its environment, which its children inherit: after each test
// whoever still bears it is a process left behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect } from 'vitest';
import type { Status } from '../../engine/observe/status.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const MAIN = join(ROOT, 'dist/bundle/cli-main.js');
export const PLAIN = join(ROOT, 'dist/bundle/plain-main.js');
const MARK = 'EPOCHVISOR_TEST';
/** In the folder of a test: where its processes make their temporary files. */
const TEMPORARY = 'tmp';
/** A replica that was told to end gets six seconds for it. */
const LEFT_BEHIND_MS = 8_000;

export interface Ended {
  /** Null where it was killed by a signal. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A pipe to `write` to, nothing, or an open file. */
export type Stdin = 'pipe' | 'ignore' | number;

export const guest = (name: string) => join(ROOT, 'guest/build', `${name}.wasm`);

/** One process and all that it says. */
export class Command {
  readonly ended: Promise<Ended>;
  readonly #process: ChildProcess;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];

  constructor(
    script: string,
    args: readonly string[],
    mark: string,
    stdin: Stdin = 'ignore',
    env: NodeJS.ProcessEnv = {},
    stdout: 'pipe' | number = 'pipe',
    program = process.execPath,
  ) {
    this.#process = spawn(program, [script, ...args], {
      stdio: [stdin, stdout, 'pipe'],
      // What runs on this host otherwise is not to be seen, nor to see the test.
      env: { ...process.env, XDG_RUNTIME_DIR: '', ...env, [MARK]: mark, TMPDIR: join(mark, TEMPORARY) },
      // A process group of its own, as a shell makes one: Ctrl-C is a signal to all of it.
      detached: true,
    });
    this.#process.stdout?.on('data', (bytes: Buffer) => this.#stdout.push(bytes));
    this.#process.stderr?.on('data', (bytes: Buffer) => this.#stderr.push(bytes));
    // A process that is gone takes no input; its end is told by `ended`.
    this.#process.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve, reject) => {
      this.#process.once('error', reject);
      this.#process.once('close', (status, signal) => {
        resolve({ status, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get stdout(): string {
    return Buffer.concat(this.#stdout).toString('latin1');
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString();
  }

  write(text: string): void {
    this.#process.stdin?.write(text, 'latin1');
  }

  endInput(): void {
    this.#process.stdin?.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** As a terminal does at Ctrl-C. */
  killGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /** Nobody reads its stdout for now. */
  pauseOutput(): void {
    this.#process.stdout?.pause();
  }

  resumeOutput(): void {
    this.#process.stdout?.resume();
  }

  /** The reader of its stdout goes away. */
  closeOutput(): void {
    this.#process.stdout?.destroy();
  }
}

/** Commands of one test, a folder for its files, and the proof that nothing is left of it. */
export class Bench {
  folder = '';
  #mark = '';
  #machines = 0;

  /** To be called once a file. */
  constructor() {
    beforeEach(() => {
      this.folder = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
      this.#mark = this.folder;
      mkdirSync(join(this.folder, TEMPORARY));
    });
    afterEach(async () => {
      const left = await this.#leftBehind();
      for (const pid of left) process.kill(pid, 'SIGKILL');
      rmSync(this.folder, { recursive: true, force: true });
      expect(left, 'processes left behind').toEqual([]);
    });
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** @param env more of the environment; @param stdout a pipe, or an open file */
  start(args: readonly string[], stdin?: Stdin, env?: NodeJS.ProcessEnv, stdout?: 'pipe' | number): Command {
    return new Command(MAIN, args, this.#mark, stdin, env, stdout);
  }

  /** The command line by way of a shell, for what Node can't start: it is `"$@" ...` there, its first arguments are `args`. */
  startByShell(text: string, args: readonly string[], stdin?: Stdin): Command {
    return new Command('-c', [text, 'sh', process.execPath, MAIN, ...args], this.#mark, stdin, {}, 'pipe', '/bin/sh');
  }

  /** Runs a command to its end. */
  run(args: readonly string[], stdin?: Stdin, env?: NodeJS.ProcessEnv, stdout?: 'pipe' | number): Promise<Ended> {
    return this.start(args, stdin, env, stdout).ended;
  }

  /** The same guest on the plain machine. */
  runPlain(args: readonly string[], stdin?: Stdin): Promise<Ended> {
    return this.startPlain(args, stdin).ended;
  }

  startPlain(args: readonly string[], stdin?: Stdin): Command {
    return new Command(PLAIN, args, this.#mark, stdin);
  }

  /** Another program of this package, by its path in dist. */
  startProgram(path: string, args: readonly string[], env?: NodeJS.ProcessEnv): Command {
    return new Command(join(ROOT, 'dist', path), args, this.#mark, 'ignore', env);
  }

  /** Starts `run`, or `resume`, with a status file beside the test's other files. */
  startWatched(args: readonly string[], stdin?: Stdin, verb: 'run' | 'resume' = 'run'): Watched {
    this.#machines += 1;
    const statusFile = this.file(`status-${this.#machines}.json`);
    return new Watched(this.start([verb, '--status-file', statusFile, ...args], stdin), statusFile);
  }

  /** What is left of the temporary files of the test's processes. */
  temporaryFiles(): string[] {
    return readdirSync(this.file(TEMPORARY));
  }

  /** Pids of processes that bear the mark. */
  marked(): number[] {
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(Number)
      .filter(pid => bearsMark(pid, `${MARK}=${this.#mark}\0`));
  }

  async #leftBehind(): Promise<number[]> {
    const deadline = Date.now() + LEFT_BEHIND_MS;
    let left = this.marked();
    while (left.length > 0 && Date.now() < deadline) {
      await sleep(50);
      left = this.marked();
    }
    return left;
  }
}

/** A machine and its status file. */
export class Watched {
  readonly command: Command;
  readonly statusFile: string;

  constructor(command: Command, statusFile: string) {
    this.command = command;
    this.statusFile = statusFile;
  }

  /** Waits for a status that fits. */
  async status(fits: (status: Status) => boolean): Promise<Status> {
    return until(() => {
      const status = this.now;
      return status !== undefined && fits(status) ? status : undefined;
    });
  }

  /** Both replicas run, and the death of either would go unnoticed. */
  isProtected(): Promise<Status> {
    return this.status(status => status.protected);
  }

  /** Waits until the guest has written so many bytes. */
  async wrote(bytes: number): Promise<void> {
    await until(() => (this.command.stdout.length >= bytes ? true : undefined));
  }

  /** The status; undefined before there is a machine, and after its end. */
  get now(): Status | undefined {
    try {
      return JSON.parse(readFileSync(this.statusFile, 'utf8')) as Status;
    } catch (error) {
      // It is not there before the machine is; half of one is never seen.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/** Asks until there is an answer. */
export async function until<T>(ask: () => T | undefined): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = ask();
    if (answer !== undefined) return answer;
    expect(Date.now(), 'still waiting').toBeLessThan(deadline);
    await sleep(5);
  }
}

export function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] !== 'Z';
  } catch {
    return false;
  }
}

function bearsMark(pid: number, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
  } catch {
    // It has ended, or is another user's.
    return false;
  }
}
