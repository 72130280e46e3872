// The virtual hardware of bare guests: the imports of module `epochvisor`.
//
// Ordinary instructions answer from replicated state only. Environment instructions (clock, random) and I/O
// instructions (stream_write, operation_start, exit) go through the execution. Data enters the guest's memory at
// delivery (`deliver`), never when the I/O thread happens to have it.

import { connectorMovement, FIRST_CONNECTOR } from '../../devices/connector/connector-commands.js';
import type { Movement, MovementOf } from '../../devices/device-commands.js';
import { SOURCE_MONOTONIC, SOURCE_RANDOM, SOURCE_REAL_TIME } from '../protocol/clock.js';
import type { Interrupt } from '../protocol/vocabulary.js';
import { encodeEscaped } from '../wasm/escaped-utf8.js';
import { type Guest, GuestExit } from './guest.js';
import type { GuestDevices } from './guest-devices.js';
import { GuestStreams, type GuestStreamsState } from './guest-streams.js';
import { type Dispatch, INTERRUPT_COMPLETION, INTERRUPT_TIMER, INTERRUPT_UNCERTAIN } from './interrupt-controller.js';
import type { MachineOptions } from './machine-options.js';

/** Import module of the virtual hardware. */
export const HARDWARE_MODULE = 'epochvisor';

/** Answers of hypercalls. */
const REFUSED = -1;
const BAD_ADDRESS = -2;

/** Operations outstanding at once: each may hold TRANSFER_BYTES_MAX of a disk on the bus. */
const OUTSTANDING_MAX = 256;

/** What the hardware holds for the guest, as plain data. */
export interface HardwareState {
  readonly streams: GuestStreamsState;
  /** Where the data of each outstanding read goes. */
  readonly buffers: readonly (readonly [operation: bigint, address: number])[];
}

/** A device as a bare guest sees it. */
export interface SeenDevice {
  /** 0 where there is nothing to measure. */
  readonly sizeBytes: number;
  /** What it can be asked for; undefined: nothing. */
  readonly movement: MovementOf | undefined;
}

/** The devices of a machine, by number. The kinds of devices are loaded where there are any. @throws EpochvisorError DEVICE_UNKNOWN */
export async function seenDevices({
  devices,
}: Pick<MachineOptions, 'devices'>): Promise<ReadonlyMap<number, SeenDevice>> {
  if (devices.length === 0) return new Map();
  const { kindOf } = await import('../../devices/device-kinds.js');
  return new Map(devices.map(device => [device.number, { sizeBytes: device.sizeBytes, ...kindOf(device) }]));
}

export class Hardware implements GuestDevices {
  readonly #guest: Guest;
  readonly #devices: ReadonlyMap<number, SeenDevice>;
  readonly #memory: () => Uint8Array;
  readonly #streams: GuestStreams;
  readonly #arguments: Uint8Array;
  /** How many addresses the guest may connect to. */
  readonly #connectors: number;
  /** Where the data of each outstanding read goes. */
  readonly #buffers: Map<bigint, number>;

  /**
   * @param memory the guest's linear memory as it is now (it moves when it grows)
   * @param state what `save` gave: the hardware goes on from there
   */
  constructor(
    guest: Guest,
    options: Pick<MachineOptions, 'arguments' | 'sockets'>,
    devices: ReadonlyMap<number, SeenDevice>,
    memory: () => Uint8Array,
    state?: HardwareState,
  ) {
    this.#guest = guest;
    this.#devices = devices;
    this.#memory = memory;
    this.#arguments = encodeEscaped(options.arguments.map(argument => `${argument}\0`).join(''));
    this.#streams = new GuestStreams(guest, options.sockets, state?.streams);
    this.#connectors = options.sockets?.connectors.length ?? 0;
    this.#buffers = new Map(state?.buffers);
    guest.devices = this;
  }

  save(): HardwareState {
    return { streams: this.#streams.save(), buffers: [...this.#buffers] };
  }

  /** A bare guest's operations end with it: nobody is left to be told. */
  get idle(): boolean {
    return true;
  }

  settle(): void {
    this.#streams.settle();
  }

  readonly contentBytes = 0;

  sample(): HardwareState {
    return this.save();
  }

  /** The imports, by name. */
  imports(): Record<string, (...values: never[]) => unknown> {
    return {
      clock: (kind: number) => this.#guest.environment(kind === 0 ? SOURCE_REAL_TIME : SOURCE_MONOTONIC),
      random: () => this.#guest.environment(SOURCE_RANDOM),
      stream_read: (stream: number, buffer: number, length: number) => {
        const target = this.#range(buffer, length);
        return target === undefined ? BAD_ADDRESS : this.#streams.read(stream, target);
      },
      stream_write: (stream: number, buffer: number, length: number) => {
        const source = this.#range(buffer, length);
        return source === undefined ? BAD_ADDRESS : this.#streams.write(stream, source);
      },
      stream_accept: (listener: number) => this.#streams.accept(listener),
      stream_ready: (buffer: number, most: number) => this.#streamReady(buffer, most),
      stream_end: (stream: number) => this.#streams.end(stream),
      stream_close: (stream: number) => this.#streams.close(stream),
      interrupt_enable: (on: number) => (this.#guest.interrupts.enable(on !== 0) ? 1 : 0),
      device_size: (device: number) => this.#deviceSize(device),
      arguments_size: () => this.#arguments.length,
      arguments_read: (buffer: number) => this.#argumentsRead(buffer),
      timer_set: (deadline: bigint) => this.#timerSet(deadline),
      operation_start: (
        id: bigint,
        device: number,
        command: number,
        argument: bigint,
        buffer: number,
        length: number,
      ) => this.#operationStart(id, device, command, argument, buffer, length),
      exit: (status: number) => {
        throw new GuestExit(status);
      },
      wait: () => this.#guest.wait(),
    };
  }

  /** Data of an interrupt enters guest-visible state; answers what the handler is to be called with. */
  deliver(interrupt: Interrupt): Dispatch | undefined {
    switch (interrupt.kind) {
      case 'timer':
        return { kind: INTERRUPT_TIMER, id: BigInt(interrupt.timeNs), status: 0 };
      case 'completion': {
        const { operation, status, data } = interrupt;
        const buffer = this.#buffers.get(operation);
        this.#buffers.delete(operation);
        // The range was tested when the operation started, and memory never shrinks.
        if (buffer !== undefined && data.length > 0) this.#memory().set(data, buffer);
        this.#streams.completed(operation, status);
        return { kind: INTERRUPT_COMPLETION, id: operation, status };
      }
      case 'uncertain':
        this.#buffers.delete(interrupt.operation);
        return { kind: INTERRUPT_UNCERTAIN, id: interrupt.operation, status: 0 };
      default:
        return this.#streams.deliver(interrupt);
    }
  }

  /** A range of the guest's memory; undefined where it leaves it. Addresses and lengths are unsigned. */
  #range(buffer: number, length: number): Uint8Array | undefined {
    const memory = this.#memory();
    const from = buffer >>> 0;
    const to = from + (length >>> 0);
    return to <= memory.length ? memory.subarray(from, to) : undefined;
  }

  #streamReady(buffer: number, most: number): number {
    const target = this.#range(buffer, 4 * (most >>> 0));
    if (target === undefined) return BAD_ADDRESS;
    const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
    const ready = this.#streams.takeReady(most >>> 0);
    for (const [index, stream] of ready.entries()) view.setInt32(4 * index, stream, true);
    return ready.length;
  }

  #argumentsRead(buffer: number): number {
    const target = this.#range(buffer, this.#arguments.length);
    if (target === undefined) return BAD_ADDRESS;
    target.set(this.#arguments);
    return this.#arguments.length;
  }

  #timerSet(deadline: bigint): void {
    // Beyond 2^53 ns (104 days) a deadline is never; before the machine's birth it is now.
    const deadlineNs = deadline === 0n ? 0 : Math.max(1, Number(deadline));
    this.#guest.perform({ type: 'timer', deadlineNs });
  }

  #operationStart(
    id: bigint,
    device: number,
    command: number,
    argument: bigint,
    buffer: number,
    length: number,
  ): number {
    if (id <= 0n || this.#guest.isOutstanding(id) || this.#guest.outstandingCount >= OUTSTANDING_MAX) return REFUSED;
    const movement = this.#movement(device, command, argument, length >>> 0);
    if (movement === undefined) return REFUSED;
    const range = movement === 'nothing' ? new Uint8Array(0) : this.#range(buffer, length);
    if (range === undefined) return BAD_ADDRESS;
    if (movement === 'in') this.#buffers.set(id, buffer >>> 0);
    this.#guest.perform({
      type: 'start',
      operation: {
        id,
        device,
        command,
        argument,
        length: movement === 'in' ? range.length : 0,
        data: movement === 'out' ? range.slice() : new Uint8Array(0),
      },
    });
    return 0;
  }

  /** Which way an operation moves data; undefined: the device does not know it, or its range is not the device's. */
  #movement(number: number, command: number, argument: bigint, length: number): Movement | undefined {
    if (number >= FIRST_CONNECTOR && number < FIRST_CONNECTOR + this.#connectors) {
      return connectorMovement(command);
    }
    const device = this.#devices.get(number);
    if (device === undefined) return undefined;
    const movement = device.movement?.(device.sizeBytes, command, argument, length);
    // What is to move bytes moves some.
    return movement !== 'nothing' && length === 0 ? undefined : movement;
  }

  /** Bytes of a device that can be measured. */
  #deviceSize(number: number): bigint {
    const { sizeBytes } = this.#devices.get(number) ?? { sizeBytes: 0 };
    return sizeBytes === 0 ? BigInt(REFUSED) : BigInt(sizeBytes);
  }
}
