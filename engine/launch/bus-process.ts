// A bus in a process of its own, which may be killed: it is started again at once, on the same memory, and goes on where it was (RB).
//
// What it needs beyond its own death is here, or on disk in the folder: its memory, the files of the guest's output, and all of
// stdin, which it asks for by offsets. A launcher whose bus this is lives longer than any of its processes.

import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STDERR, STDOUT } from '../../devices/console/console-streams.js';
import { EpochvisorError } from '../errors/errors.js';
import type { HookModule } from '../guest/boundary-hook.js';
import type { Outcome } from '../protocol/vocabulary.js';
import { Ending } from './awaited-ending.js';
import type { BusOpened, BusOpening, BusServing, FromBusProcess, ToBusProcess } from './bus-messages.js';
import type { HeldInput } from './held-input.js';
import type { LaunchedBus, LaunchedBusOptions } from './launched-bus.js';
import { OutputTail } from './output-tail.js';

/** How long it gets to end by itself, ms. */
const END_GRACE_MS = 5_000;

export interface BusProcessOptions extends Pick<BusOpening, 'devices' | 'listen' | 'connect'> {
  /** For what it keeps; this machine's own. */
  readonly folder: string;
  readonly stdin: HeldInput;
  /** What the guest puts out, as it comes. */
  readonly output: (stream: number, offset: number, bytes: Uint8Array) => void;
  /** What a test does at the places of the first process, and of those after it (bus-hook.ts). */
  readonly hooks?: { readonly first?: HookModule; readonly again?: HookModule };
}

/** A process of the bus that was killed. */
export interface BusDeath {
  readonly pid: number;
  /** When that was seen, by `performance.now()`. */
  readonly atMs: number;
}

interface BusEvents {
  /** A process has ended, or a replica has come, or fenced it. */
  changed: [];
  /** Killed. */
  died: [death: BusDeath];
}

export class BusProcess extends EventEmitter<BusEvents> implements LaunchedBus {
  readonly machine = randomUUID();
  readonly finished: Promise<Outcome>;
  readonly incarnations: string[] = [];
  readonly deaths: BusDeath[] = [];
  readonly #finished = new Ending<Outcome>();
  readonly #opened = new Ending<BusOpened>();
  readonly #served = new Ending<void>();
  readonly #options: BusProcessOptions;
  readonly #opening: BusOpening;
  readonly #tail: OutputTail;
  #process: ChildProcess | undefined;
  #serving: LaunchedBusOptions | undefined;
  #isFailed = false;
  #closing: Promise<void> | undefined;
  readonly #attached = new Set<string>();
  #owner: string | undefined;
  /** Where the last that served listened. */
  #listen: string | undefined;
  /** Of stdin, asked for and not given. */
  #asked: number | undefined;

  /** Opens devices, sockets and memory. @throws EpochvisorError where one of them can't be opened, as it says */
  static async open(options: BusProcessOptions): Promise<{ readonly bus: BusProcess; readonly opened: BusOpened }> {
    const bus = new BusProcess(options);
    try {
      return { bus, opened: await bus.#opened.promise };
    } catch (error) {
      await bus.close();
      throw error;
    }
  }

  private constructor(options: BusProcessOptions) {
    super();
    this.finished = this.#finished.promise;
    this.#options = options;
    const { folder, devices, listen, connect } = options;
    const outputs = join(folder, 'output');
    const [stdout, stderr] = [join(outputs, 'stdout'), join(outputs, 'stderr')];
    mkdirSync(outputs, { recursive: true });
    this.#opening = {
      ...{ machine: this.machine, memory: join(folder, 'memory'), stdout, stderr, devices, listen, connect },
    };
    this.#tail = new OutputTail(outputs, [
      { path: stdout, heard: (offset, bytes) => options.output(STDOUT, offset, bytes) },
      { path: stderr, heard: (offset, bytes) => options.output(STDERR, offset, bytes) },
    ]);
    options.stdin.changed = () => this.#giveInput();
    this.#start();
  }

  /** 0: it has none at present. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Replicas that are connected to the process that runs. */
  get attached(): ReadonlySet<string> {
    return this.#attached;
  }

  /** Who has fenced that process; undefined: nobody so far. */
  get owner(): string | undefined {
    return this.#owner;
  }

  serve(options: LaunchedBusOptions): Promise<void> {
    this.#serving = options;
    this.#serve();
    return this.#served.promise;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    const running = this.#process;
    if (running !== undefined) {
      const ended = new Promise(resolve => running.once('exit', resolve));
      const late = setTimeout(() => running.kill('SIGKILL'), END_GRACE_MS);
      this.#send({ type: 'close' });
      await ended;
      clearTimeout(late);
    }
    this.#tail.close();
  }

  // ---- its processes

  #start(): void {
    const main = fileURLToPath(new URL('bus-main.js', import.meta.url));
    const started = fork(main, [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
      serialization: 'advanced',
    });
    this.#process = started;
    started.on('message', (message: FromBusProcess) => this.#heard(started, message));
    started.once('error', error => {
      // A process that could not be started has no other end.
      if (started.pid === undefined) this.#ended(started, `can't be started: ${error.message}`, false);
    });
    started.once('exit', (status, signal) => {
      this.#ended(started, signal === null ? `ended with status ${status}` : `was ended by ${signal}`, signal !== null);
    });
    const { first, again } = this.#options.hooks ?? {};
    this.#send({ type: 'open', opening: this.#opening, hook: this.deaths.length === 0 ? first : again });
    this.#serve();
  }

  #serve(): void {
    if (this.#serving === undefined) return;
    const { secret, encrypted, moduleHash, options, operationIds, arbiter, arbiterOptions } = this.#serving;
    const serving: BusServing = {
      ...{ secret, encrypted, moduleHash, options, operationIds, arbiter },
      ...(arbiterOptions === undefined ? {} : { arbiterOptions }),
      ...(this.#listen === undefined ? {} : { listen: this.#listen }),
    };
    this.#send({ type: 'serve', serving });
  }

  #send(message: ToBusProcess): void {
    // One that is gone is heard of by its end.
    if (this.#process?.connected === true) this.#process.send(message, () => undefined);
  }

  #heard(from: ChildProcess, message: FromBusProcess): void {
    // The outcome is kept, whoever tells of it last.
    if (message.type === 'finished') this.#finished.resolve(message.outcome);
    else if (from === this.#process) this.#heardOfOne(message);
  }

  #heardOfOne(message: Exclude<FromBusProcess, { readonly type: 'finished' }>): void {
    switch (message.type) {
      case 'opened':
        this.#opened.resolve(message.opened);
        return;
      case 'asksInput':
        this.#asked = message.offset;
        this.#giveInput();
        return;
      case 'serves':
        this.incarnations.push(message.incarnation);
        this.#listen = new URL(message.address).host;
        this.#served.resolve();
        return;
      case 'attached':
        this.#attached.add(message.incarnation);
        this.emit('changed');
        return;
      case 'detached':
        this.#attached.delete(message.incarnation);
        return;
      case 'fenced':
        this.#owner = message.incarnation;
        this.#serving?.fenced(message.view, message.incarnation);
        this.emit('changed');
        return;
      case 'failed':
        this.#fail(new EpochvisorError(message.code, message.message, message.hint));
    }
  }

  #giveInput(): void {
    if (this.#asked === undefined) return;
    const found = this.#options.stdin.read(this.#asked);
    if (found === undefined) return;
    this.#asked = undefined;
    this.#send({ type: 'input', ...found });
  }

  #ended(ended: ChildProcess, how: string, killed: boolean): void {
    if (ended !== this.#process) return;
    this.#process = undefined;
    this.#attached.clear();
    this.#owner = undefined;
    this.#asked = undefined;
    if (killed) this.#died({ pid: ended.pid ?? 0, atMs: performance.now() });
    if (this.#closing !== undefined || this.#isFailed) return;
    if (killed) this.#start();
    else this.#fail(new EpochvisorError('BUS_ENDED', `the bus ${how}`, 'see what it has said on stderr'));
  }

  #died(death: BusDeath): void {
    this.deaths.push(death);
    this.emit('died', death);
    this.emit('changed');
  }

  #fail(error: EpochvisorError): void {
    this.#isFailed = true;
    this.#opened.reject(error);
    this.#served.reject(error);
    this.#serving?.failed(error);
  }
}
