// A machine in the hands of a program: replicas are processes, the bus is in this one, and so are the program's io functions.
//
// A guest with `_start` runs by itself. One without (a WASI reactor, a library) waits for calls: each is an input of the machine,
// the same and in the same order on every replica, made once, and its result leaves under output commit, once.

import { Console } from '../../devices/console/console.js';
import { CallsDevice } from '../../devices/host/calls-device.js';
import { CALLS_DEVICE } from '../../devices/host/host-commands.js';
import { openHost } from '../../devices/host/host-device.js';
import { openSockets } from '../../devices/open-sockets.js';
import { openDevices } from '../../devices/opening.js';
import { prepareRun } from '../cli/run-preparation.js';
import { asError, EpochvisorError } from '../errors/errors.js';
import { guestFile, type TestGuest } from '../harness/guest-file.js';
import { type CallValue, decodeCallValues, type HostCall } from '../host/host-call.js';
import { Ending } from '../launch/awaited-ending.js';
import { LaunchedMachine } from '../launch/launched-machine.js';
import type { Status } from '../observe/status.js';
import { describeOutcome } from '../protocol/describe.js';
import type { Outcome } from '../protocol/vocabulary.js';
import { CalledExports, MOVED_BYTES_MAX } from './called-exports.js';
import { type MachineStart, startFlags, startStreams } from './machine-start.js';

const NO_TERMINALS = [false, false, false] as const;

export class Machine {
  readonly #launched: LaunchedMachine;
  readonly #exports: CalledExports | undefined;
  readonly #calls: CallsDevice | undefined;
  readonly #ending = new Ending<Outcome>();
  #over: EpochvisorError | undefined;

  /**
   * Starts a machine: by default a primary and a backup, and a replacement for whoever dies. End it: `await using`, or `stop`.
   * @param guest path of its module, or its bytes
   * @throws EpochvisorError for what `run` refuses, and BAD_OPTION
   */
  static async start(guest: TestGuest, options: MachineStart = {}): Promise<Machine> {
    const file = guestFile(guest);
    const exports = CalledExports.of(file.module);
    const flags = { ...startFlags(options), ...(exports === undefined ? {} : ({ calls: true } as const)) };
    if (exports !== undefined && !flags.operationIds) {
      const what =
        'a guest whose exports are called needs operation ids: without them a call could be lost, or made twice';
      throw new EpochvisorError('BAD_OPTION', what, 'leave out operationIds');
    }
    const prepared = await prepareRun(file, options.args ?? [], flags);
    const { wasi } = prepared.options;
    const sockets = await openSockets(flags);
    const { devices, options: seen } = await openDevices(flags.devices);
    const calls = exports === undefined ? undefined : new CallsDevice();
    const launched = new LaunchedMachine({
      ...prepared,
      options: {
        ...prepared.options,
        devices: seen,
        ...(wasi === undefined ? {} : { wasi: { ...wasi, terminals: NO_TERMINALS } }),
      },
      streams: [new Console(startStreams(options)), ...sockets.streams],
      devices: new Map([
        ...devices,
        ...sockets.devices,
        ...(await openHost(flags.host)),
        ...(calls === undefined ? [] : [[CALLS_DEVICE, calls] as const]),
      ]),
    });
    const machine = new Machine(launched, exports, calls);
    try {
      await launched.start();
    } catch (error) {
      await launched.stop();
      throw error;
    }
    return machine;
  }

  private constructor(launched: LaunchedMachine, exports: CalledExports | undefined, calls: CallsDevice | undefined) {
    this.#launched = launched;
    this.#exports = exports;
    this.#calls = calls;
    launched.outcome.then(
      outcome => {
        this.#isOver(new EpochvisorError('MACHINE_OVER', `the guest has ended (${describeOutcome(outcome)})`));
        this.#ending.resolve(outcome);
      },
      (error: unknown) => this.#fail(asError(error)),
    );
  }

  /** How the guest ended; rejects when the machine can't go on, or is stopped. */
  get outcome(): Promise<Outcome> {
    return this.#ending.promise;
  }

  /** As `run --status-file` has it. */
  get status(): Status {
    return this.#launched.status;
  }

  /** Resolves when the death of any replica would go unnoticed. @throws EpochvisorError as `outcome` */
  whenProtected(): Promise<Status> {
    return this.until(status => status.protected);
  }

  /** Waits for a status that fits, of replicas that live. @throws EpochvisorError as `outcome` */
  async until(fits: (status: Status) => boolean): Promise<Status> {
    const isCurrent = ({ primary, backups }: Status) => {
      // What is told of a replica may be older than its death.
      const alive = this.#launched.replicas.map(({ incarnation }) => incarnation);
      return [primary, ...backups].every(({ incarnation }) => alive.includes(incarnation));
    };
    while (!(isCurrent(this.status) && fits(this.status))) {
      const changed = new Promise(resolve => this.#launched.once('status', resolve));
      await Promise.race([changed, this.outcome.then(() => Promise.reject(this.#over!))]);
    }
    return this.status;
  }

  // ---- a guest that is called

  /**
   * Calls an export. Calls are made one after another, in the order in which they were asked for.
   * @returns its result: undefined, a number or a bigint, or a list of several
   * @throws EpochvisorError NOT_CALLED, CALL_UNKNOWN, CALL_ARGUMENTS; MACHINE_OVER where the guest has trapped, or is at its end
   */
  async call(name: string, ...values: CallValue[]): Promise<CallValue | undefined | readonly CallValue[]> {
    this.#called.exports.check(name, values);
    const results = decodeCallValues(await this.#ask({ kind: 'call', name, values }));
    return results.length > 1 ? results : results[0];
  }

  /** Bytes of the guest's memory, between two calls. @throws EpochvisorError as `call`; CALL_RANGE: it is not in there */
  async read(address: number, length: number): Promise<Uint8Array> {
    checkRange(address, length);
    return await this.#ask({ kind: 'read', address, length });
  }

  /** Puts bytes into the guest's memory, between two calls: where it has made room for them. @throws EpochvisorError as `read` */
  async write(address: number, bytes: Uint8Array): Promise<void> {
    checkRange(address, bytes.length);
    await this.#ask({ kind: 'write', address, bytes });
  }

  /** No call follows those that were asked for: the guest ends, with status 0. */
  end(): Promise<Outcome> {
    void this.#ask({ kind: 'end' }).catch(() => undefined);
    return this.outcome;
  }

  get #called(): { readonly exports: CalledExports; readonly calls: CallsDevice } {
    if (this.#exports !== undefined && this.#calls !== undefined) return { exports: this.#exports, calls: this.#calls };
    const what = 'the guest has a _start, and runs by itself';
    throw new EpochvisorError('NOT_CALLED', what, 'build it without one (a reactor), or give it a stream');
  }

  #ask(call: HostCall): Promise<Uint8Array> {
    const { calls } = this.#called;
    return this.#over === undefined ? calls.ask(call) : Promise.reject(this.#over);
  }

  // ---- its end

  #fail(error: EpochvisorError): void {
    this.#isOver(error);
    this.#ending.reject(error);
  }

  #isOver(why: EpochvisorError): void {
    this.#over ??= why;
    this.#calls?.fail(why);
  }

  /** Ends it, wherever it stands. */
  async stop(): Promise<void> {
    await this.#launched.stop();
    this.#fail(new EpochvisorError('MACHINE_STOPPED', 'the program has stopped the machine'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** @throws EpochvisorError CALL_ARGUMENTS */
function checkRange(address: number, length: number): void {
  const isAddress = Number.isInteger(address) && address >= 0 && address < 2 ** 32;
  if (isAddress && Number.isInteger(length) && length >= 0 && length <= MOVED_BYTES_MAX) return;
  const what = `${length} bytes at ${address} can't be moved at once`;
  throw new EpochvisorError('CALL_ARGUMENTS', what, `at most ${MOVED_BYTES_MAX}, at an address of 32 bits`);
}
