// A machine in the hands of a test: real replicas, each a process, the bus in this one; what comes out is kept, and compared.
//
// It starts in the turn after `launch` has resolved: a kill at a place, asked for until then, is in place before the guest's first
// instruction. Whatever is awaited of it fails when the machine is over, with the reason; nothing waits for ever.

import { rmSync } from 'node:fs';
import { setImmediate } from 'node:timers';
import type { SocketAddress } from '../../devices/connection/socket-address.js';
import { Console } from '../../devices/console/console.js';
import type { OperationDevice } from '../../devices/device.js';
import { closeDevices, openDevices } from '../../devices/opening.js';
import type { OpenedSockets } from '../../devices/opening-sockets.js';
import { type PreparedLaunch, prepareRun } from '../cli/run-preparation.js';
import { openSockets } from '../cli/socket-flags.js';
import { asError, EpochvisorError } from '../errors/errors.js';
import { Ending } from '../launch/awaited-ending.js';
import { LaunchedMachine } from '../launch/launched-machine.js';
import type { Status } from '../observe/status.js';
import { describeOutcome } from '../protocol/describe.js';
import type { Outcome } from '../protocol/vocabulary.js';
import { temporaryFolder } from '../replica/temporary-folder.js';
import { copyDevices } from '../testing/private-copy.js';
import { Changes } from './awaited-change.js';
import { type Comparable, differenceFrom, type Reference, type Result } from './comparison.js';
import { type DeviceFile, deviceFiles, readDeviceFiles } from './device-copies.js';
import { guestFile, guestName, type TestGuest } from './guest-file.js';
import { flagsOf, LIMIT_MS, type TestOptions } from './launch-options.js';
import { callerOf, isEnded, isLaunched, type LivingMachine } from './living-machines.js';
import type { MachineClient } from './machine-client.js';
import { MachineClients } from './machine-clients.js';
import { type End, type Kill, type KillPlace, type LostReplica, MachineFaults, type Role } from './machine-faults.js';
import { Transcript } from './output-transcript.js';
import { TestInput } from './test-input.js';

/** A captured console is none. */
const NO_TERMINALS = [false, false, false] as const;

/** What `launch` has opened. */
interface Opened {
  readonly prepared: PreparedLaunch;
  readonly sockets: OpenedSockets;
  readonly devices: Awaited<ReturnType<typeof openDevices>>;
  readonly files: readonly DeviceFile[];
  readonly folder: string;
}

/**
 * Launches a machine: by default a primary and a backup, and a replacement for whoever dies. End it: `await using`, or `stop`.
 * @throws EpochvisorError for what `run` refuses, and BAD_OPTION
 */
export async function launch(guest: TestGuest, options: TestOptions = {}): Promise<TestedMachine> {
  const launchedAt = callerOf(new Error().stack);
  const folder = temporaryFolder('epochvisor-testing-');
  try {
    const flags = flagsOf(options);
    const file = guestFile(guest);
    const prepared = await prepareRun(file, options.args ?? [], flags);
    const copies = copyDevices(flags.devices, folder);
    const sockets = await openSockets(flags, { quiet: true });
    try {
      const opened = { prepared, sockets, devices: await openDevices(copies), files: deviceFiles(copies), folder };
      return new TestedMachine(guest, options, opened, launchedAt);
    } catch (error) {
      await Promise.all(sockets.streams.map(stream => stream.close()));
      throw error;
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

export class TestedMachine implements LivingMachine {
  readonly stdin: TestInput;
  /** What came out, by stream. */
  readonly transcript: { readonly stdout: Transcript; readonly stderr: Transcript };
  /** The copies that its devices have: they go with the machine. */
  readonly files: readonly DeviceFile[];
  readonly launchedAt: string;
  readonly guest: string;
  readonly folder: string;
  readonly #source: TestGuest;
  readonly #options: TestOptions;
  readonly #opened: Opened;
  readonly #changes = new Changes();
  readonly #faults: MachineFaults;
  readonly #ending = new Ending<Outcome>();
  readonly #clients: MachineClients;
  readonly #limit: NodeJS.Timeout;
  #machine: LaunchedMachine | undefined;
  #isOver = false;
  /** Nothing of it is left to be ended. */
  #isClosed = false;
  #stopping: Promise<void> | undefined;

  /** Made by `launch` only. */
  constructor(source: TestGuest, options: TestOptions, opened: Opened, launchedAt: string) {
    this.#source = source;
    this.#options = options;
    this.#opened = opened;
    this.launchedAt = launchedAt;
    this.guest = guestName(source);
    this.folder = opened.folder;
    this.files = opened.files;
    this.#faults = new MachineFaults(this.#changes, opened.folder);
    this.#clients = new MachineClients(opened.sockets.streams, options.listen);
    this.transcript = {
      stdout: new Transcript('stdout', this.#changes),
      stderr: new Transcript('stderr', this.#changes),
    };
    this.stdin = new TestInput(options.stdin);
    const limitMs = options.limitMs ?? LIMIT_MS;
    this.#limit = setTimeout(() => this.#pastLimit(limitMs), limitMs);
    this.#limit.unref();
    isLaunched(this);
    setImmediate(() => this.#start());
  }

  // ---- what it is

  /** The guest's; rejects when the machine can't go on, or is stopped. */
  get outcome(): Promise<Outcome> {
    return this.#ending.promise;
  }

  /** As `run --status-file` has it. @throws EpochvisorError NOT_STARTED */
  get status(): Status {
    if (this.#machine !== undefined) return this.#machine.status;
    throw new EpochvisorError('NOT_STARTED', 'the machine has not started yet', 'await machine.whenProtected()');
  }

  get runs(): boolean {
    return !this.#isOver;
  }

  get pids(): readonly number[] {
    return (this.#machine?.replicas ?? []).map(({ pid }) => pid).filter(pid => pid > 0);
  }

  /** Where it listens, in the order of the option, ports filled in. */
  get addresses(): readonly SocketAddress[] {
    return this.#clients.addresses;
  }

  /** The first port that it listens on. @throws EpochvisorError NOT_LISTENING */
  get port(): number {
    return this.#clients.port;
  }

  /** Waits until all replicas run, and the death of any would go unnoticed. */
  whenProtected(): Promise<Status> {
    return this.until(status => status.protected, 'protection');
  }

  /** Waits for a status that fits. @param what it is, for the error */
  until(fits: (status: Status) => boolean, what = 'a status that fits'): Promise<Status> {
    const fitting = () => {
      const machine = this.#machine;
      if (machine === undefined) return undefined;
      const { status } = machine;
      // What is told of a replica may be older than its death.
      const alive = machine.replicas.map(({ incarnation }) => incarnation);
      const isWhole = [status.primary, ...status.backups].every(({ incarnation }) => alive.includes(incarnation));
      return isWhole && fits(status) ? status : undefined;
    };
    const now = () => (this.#machine === undefined ? 'not started' : JSON.stringify(this.#machine.status));
    return this.#changes.until(fitting, () => `${what}; the status is ${now()}`);
  }

  /** Replicas that have ended before the machine did, in order. */
  get lost(): readonly LostReplica[] {
    return this.#faults.lost;
  }

  /** Waits until a replica is lost: killed, or halted once it is awake again. @returns why */
  async whenGone(pid: number): Promise<string> {
    const gone = () => this.lost.find(one => one.pid === pid);
    return (await this.#changes.until(gone, () => `the end of replica ${pid}`)).reason;
  }

  // ---- what is done to it

  /**
   * SIGKILL: now, or at the first safe point at or after a place; that is asked for right after `launch`.
   * @returns when it has landed
   * @throws EpochvisorError POINT_NOT_REACHED, POINT_TOO_LATE, POINT_TWICE, BAD_POINT, KILL_MISSED, MACHINE_OVER
   */
  killPrimary(place?: KillPlace): Promise<Kill> {
    return this.#faults.kill('primary', place);
  }

  /** As `killPrimary`. */
  killBackup(place?: KillPlace): Promise<Kill> {
    return this.#faults.kill('backup', place);
  }

  /** SIGSTOP; past the suspicion time the others go on without it. @returns its process */
  pause(role: Role): Promise<{ readonly pid: number }> {
    return this.#faults.pause(role);
  }

  /** SIGCONT to whoever was paused: one that was replaced meanwhile halts. @throws EpochvisorError NOT_PAUSED */
  resume(role?: Role): void {
    this.#faults.resume(role);
  }

  /** Cuts the network between primary and backup, or between one of them and the bus; both ends live on. */
  partition(one: End = 'primary', other: End = 'backup'): Promise<void> {
    return this.#faults.partition(one, other);
  }

  /** Mends all cuts. */
  heal(): Promise<void> {
    return this.#faults.heal();
  }

  /**
   * A client of the guest.
   * @param to a port, or an address as `listen` has it; left out: the first that it listens on
   * @throws EpochvisorError NOT_LISTENING, CONNECT_FAILED
   */
  connect(to?: number | string): Promise<MachineClient> {
    return this.#clients.connect(to);
  }

  // ---- what came of it

  /** All that can be seen of it, at its end. */
  async result(): Promise<Result> {
    const outcome = await this.outcome;
    const { stdout, stderr } = this.transcript;
    return { outcome, stdout: stdout.bytes, stderr: stderr.bytes, files: readDeviceFiles(this.files) };
  }

  /**
   * Waits for its end, and compares: byte for byte what the reference says.
   * @throws EpochvisorError DIFFERENT, with where; KILL_NOT_LANDED, NOTHING_COMPARED
   */
  async expectSameAs(reference: Reference | TestedMachine): Promise<void> {
    const result = await this.result();
    await this.expectKillsLanded();
    const expected = reference instanceof TestedMachine ? comparable(await reference.result()) : reference;
    const difference = differenceFrom(expected, result);
    if (difference !== undefined) throw new EpochvisorError('DIFFERENT', difference);
  }

  /** Waits for its end. @throws EpochvisorError KILL_NOT_LANDED where a kill that was asked for never was one */
  async expectKillsLanded(): Promise<void> {
    await this.outcome;
    const [pending] = this.#faults.pending;
    if (pending === undefined) return;
    const what = `the machine has ended, and the kill of ${pending} has not landed`;
    throw new EpochvisorError('KILL_NOT_LANDED', what, 'name a point within the run of the guest');
  }

  /**
   * Waits for its end, and runs the same guest undisturbed, without a backup, on the same files and the same stdin.
   * @throws EpochvisorError NOT_REPEATABLE where clients have spoken to it: they said what they said at their own time
   */
  async undisturbed(): Promise<Comparable> {
    await this.outcome;
    if (this.#clients.haveSpoken) {
      throw new EpochvisorError(
        'NOT_REPEATABLE',
        'what clients have said to the machine can not be said again by itself',
        'compare what they were answered: client.expect(...)',
      );
    }
    const { listen: _, ...options } = this.#options;
    await using machine = await launch(this.#source, { ...options, replicas: 1, stdin: this.stdin.written });
    return comparable(await machine.result());
  }

  // ---- its life

  #start(): void {
    if (this.#stopping !== undefined) return;
    const { prepared, sockets, devices } = this.#opened;
    const { stdout, stderr } = this.transcript;
    const { wasi } = prepared.options;
    const console = new Console({ stdin: this.stdin.stream, stdout: stdout.writable(), stderr: stderr.writable() });
    const machine = new LaunchedMachine({
      ...prepared,
      options: {
        ...prepared.options,
        devices: devices.options,
        ...(wasi === undefined ? {} : { wasi: { ...wasi, terminals: NO_TERMINALS } }),
      },
      streams: [console, ...sockets.streams],
      devices: new Map<number, OperationDevice>([...devices.devices, ...sockets.devices]),
      ...this.#faults.hooks,
      cuttable: true,
    });
    this.#machine = machine;
    const notify = () => this.#changes.notify();
    machine.on('status', notify).on('view', notify);
    const started = machine.start();
    this.#faults.watch(machine);
    started.then(notify, (error: unknown) => void machine.stop().then(() => this.#closed(asError(error))));
    machine.outcome.then(
      outcome => this.#ended(outcome),
      (error: unknown) => this.#closed(asError(error)),
    );
  }

  #closed(error: EpochvisorError): void {
    this.#isClosed = true;
    this.#failed(error);
  }

  #ended(outcome: Outcome): void {
    this.#isClosed = true;
    this.#over(new EpochvisorError('MACHINE_OVER', `the guest has ended (${describeOutcome(outcome)})`));
    this.#ending.resolve(outcome);
  }

  #failed(error: EpochvisorError): void {
    this.#over(error);
    this.#ending.reject(error);
  }

  #over(why: EpochvisorError): void {
    this.#isOver = true;
    clearTimeout(this.#limit);
    this.#changes.end(why);
  }

  #pastLimit(limitMs: number): void {
    const open = this.stdin.isEnded ? '' : '; its stdin is still open';
    const message = `${this.guest}, launched at ${this.launchedAt}, has not ended within ${limitMs / 1_000} s${open}`;
    const error = new EpochvisorError('MACHINE_LIMIT', message, 'end its stdin, or give launch a greater limitMs');
    // Whoever waits is told so first.
    this.#failed(error);
    void this.stop();
  }

  /** Ends it, wherever it stands: processes, clients, files. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#clients.close();
    if (this.#machine === undefined) {
      const { sockets, devices } = this.#opened;
      await Promise.all(sockets.streams.map(stream => stream.close()));
      await closeDevices(devices.devices);
    } else if (!this.#isClosed) {
      await this.#machine.stop();
    }
    if (!this.#isOver) this.#failed(new EpochvisorError('MACHINE_STOPPED', 'the test has stopped the machine'));
    rmSync(this.folder, { recursive: true, force: true });
    isEnded(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** On stderr drivers speak of repeats: it is compared where the test says so itself. */
function comparable({ outcome, stdout, files }: Result): Comparable {
  return { outcome, stdout, files };
}
