// The embedder's functions as imports of the guest, around its hardware or kernel: pure ones are called here, those that look at the
// world are environment instructions, io functions are operations at the bus, for which the import blocks.
//
// What is not theirs goes to what they stand around, untouched.

import { HOST_DEVICE } from '../../devices/host/host-commands.js';
import type { HostKind, HostValue } from '../host/host-function.js';
import { isBytes, widthOf } from '../host/host-signature.js';
import {
  decodeOutcome,
  encodeFailed,
  encodeReturned,
  encodeValues,
  HOST_BYTES_MAX,
  type HostOutcome,
  resultOf,
} from '../host/host-values.js';
import type { LoadedFunction } from '../host/loaded-host.js';
import { HostFailure } from '../instance/trap.js';
import { SOURCE_HOST } from '../protocol/clock.js';
import type { Interrupt } from '../protocol/vocabulary.js';
import type { Guest } from './guest.js';
import type { GuestDevices } from './guest-devices.js';
import { HostOperations, type HostOperationsState } from './host-operations.js';
import { HostResults } from './host-results.js';
import type { Dispatch } from './interrupt-controller.js';
import { ServedCalls, type ServingState } from './served-calls.js';

export interface HostCallsState {
  readonly operations: HostOperationsState;
  /** The operation of the io function that the guest stands in. */
  readonly pending: bigint | undefined;
  /** Of a guest whose exports are called. */
  readonly serving: ServingState | undefined;
}

type Value = number | bigint;
type Import = (...values: Value[]) => Value | undefined;

const text = { decoder: new TextDecoder(), encoder: new TextEncoder() };

/** The field of what hardware or kernel save that is the embedder's: beside theirs, of which none has this name. */
const SAVED = 'host';

export class HostCalls implements GuestDevices {
  readonly operations: HostOperations;
  /** There where the guest's exports are called. */
  readonly served: ServedCalls | undefined;
  readonly #guest: Guest;
  readonly #inner: GuestDevices;
  readonly #functions: readonly LoadedFunction[];
  readonly #memory: () => Uint8Array;
  readonly #results: HostResults;
  #pending: bigint | undefined;

  /** @param state all that was saved, hardware's or kernel's with it */
  constructor(
    guest: Guest,
    inner: GuestDevices,
    functions: readonly LoadedFunction[],
    memory: () => Uint8Array,
    serves: boolean,
    state?: unknown,
  ) {
    const own = (state as { readonly [SAVED]?: HostCallsState } | undefined)?.[SAVED];
    this.#guest = guest;
    this.#inner = inner;
    this.#functions = functions;
    this.#memory = memory;
    this.#pending = own?.pending;
    this.operations = new HostOperations(operation => guest.perform({ type: 'start', operation }), own?.operations);
    const wait = () => guest.waitAtEnd();
    this.served = serves ? new ServedCalls(this.operations, memory, wait, own?.serving) : undefined;
    this.#results = new HostResults(() => guest.environment(SOURCE_HOST));
    guest.hostResults = () => this.#results.read();
    guest.devices = this;
  }

  /** By module and name. */
  imports(): Record<string, Record<string, Import>> {
    const imports: Record<string, Record<string, Import>> = {};
    for (const [index, one] of this.#functions.entries()) {
      imports[one.module] ??= {};
      imports[one.module]![one.name] = (...given) => this.#call(one, index, given);
    }
    return imports;
  }

  #call(one: LoadedFunction, index: number, given: readonly Value[]): Value | undefined {
    const name = `${one.module}.${one.name}`;
    const room = isBytes(one.result) ? (given.slice(-2) as [number, number]) : undefined;
    if (room !== undefined) this.#range(name, ...room);
    if (one.class === 'io') {
      const outcome = this.#performed(one, index, name, given);
      if (outcome === undefined) return one.result === 'i64' ? 0n : one.result === 'nothing' ? undefined : 0;
      return typeof outcome === 'number' ? outcome : this.#give(name, outcome, room);
    }
    const values = this.#taken(name, one.params, given);
    const produce = () => produced(one, values);
    const bytes = one.class === 'pure' ? produce() : this.#results.take(produce);
    return this.#give(name, decodeOutcome(one.result, bytes), room);
  }

  /** Undefined: the import is called again. A number: nobody knows whether it was performed. */
  #performed(
    { params, result, function: { whenUncertain } }: LoadedFunction,
    command: number,
    name: string,
    given: readonly Value[],
  ): HostOutcome | number | undefined {
    if (this.#guest.interrupts.isDispatching) throw new HostFailure(name, 'io is not possible in an interrupt handler');
    if (this.#pending === undefined) {
      const data = encodeValues(params, this.#taken(name, params, given));
      if (data.length > HOST_BYTES_MAX)
        throw new HostFailure(name, `its arguments are more than ${HOST_BYTES_MAX} bytes`);
      const asked = { device: HOST_DEVICE, command, length: 0, data };
      this.#pending = this.operations.start(asked, { endsUncertain: whenUncertain !== undefined });
    }
    const end = this.operations.fetch(this.#pending);
    if (end === undefined) {
      this.#guest.waitAgain();
      return undefined;
    }
    this.#pending = undefined;
    if (end.kind === 'uncertain') return whenUncertain!;
    if (end.status < 0) throw new HostFailure(name, `the bus refused it (status ${end.status})`);
    return decodeOutcome(result, end.data);
  }

  /** The arguments as the embedder's function gets them: copies. */
  #taken(name: string, params: readonly HostKind[], given: readonly Value[]): HostValue[] {
    let at = 0;
    return params.map(kind => {
      const from = at;
      at += widthOf(kind);
      if (!isBytes(kind)) return given[from]!;
      const bytes = this.#range(name, given[from] as number, given[from + 1] as number);
      return kind === 'text' ? text.decoder.decode(bytes.slice()) : bytes.slice();
    });
  }

  #give(name: string, outcome: HostOutcome, room: readonly [number, number] | undefined): Value | undefined {
    if (outcome.kind === 'failed') throw new HostFailure(name, outcome.reason);
    const { value } = outcome;
    if (room === undefined) return value as Value | undefined;
    const bytes = typeof value === 'string' ? text.encoder.encode(value) : (value as Uint8Array);
    const target = this.#range(name, ...room);
    target.set(bytes.subarray(0, target.length));
    return bytes.length;
  }

  #range(name: string, address: number, length: number): Uint8Array {
    const memory = this.#memory();
    const from = address >>> 0;
    const to = from + (length >>> 0);
    if (to > memory.length) throw new HostFailure(name, `bytes ${from} to ${to} are not in the guest's memory`);
    return memory.subarray(from, to);
  }

  // ---- what stands between guest and machine

  deliver(interrupt: Interrupt): Dispatch | undefined {
    return this.operations.deliver(interrupt) ? undefined : this.#inner.deliver(interrupt);
  }

  settle(): void {
    this.operations.settle();
    this.#inner.settle();
  }

  end(): void {
    this.#inner.end?.();
  }

  get idle(): boolean {
    return this.operations.idle && this.#inner.idle;
  }

  get contentBytes(): number {
    return this.#inner.contentBytes;
  }

  sample(turn: number): unknown {
    return { inner: this.#inner.sample(turn), [SAVED]: this.#state };
  }

  save(copy: (bytes: Uint8Array) => Uint8Array): unknown {
    return { ...(this.#inner.save(copy) as object), [SAVED]: this.#state };
  }

  get #state(): HostCallsState {
    return { operations: this.operations.save(), pending: this.#pending, serving: this.served?.state };
  }
}

/** The result of a function that is called here, as bytes. */
function produced({ result, function: { call } }: LoadedFunction, values: readonly HostValue[]): Uint8Array {
  try {
    return encodeReturned(result, resultOf(result, (call as (...values: readonly HostValue[]) => unknown)(...values)));
  } catch (error) {
    return encodeFailed(error);
  }
}
