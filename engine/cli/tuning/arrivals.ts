// How long outputs were held: when the guest asked for them, as its replica says, and when they reached their device here.

import type { OperationDevice } from '../../../devices/device.js';
import type { AskedOutput } from '../../replica/replica-configuration.js';

/** Arrivals kept: what was asked for is told within a fraction of a second. */
const KEPT_MAX = 20_000;
/** Operations stand under no stream: ASKED_OPERATION of the replica. */
const OPERATION = -1;

export class Arrivals {
  readonly #nowMs: () => number;
  /** Of each stream, in order: the offset after a write, and its time. */
  readonly #streams = new Map<number, { readonly end: number; readonly ms: number }[]>();
  #asked: AskedOutput[] = [];
  readonly heldMs: number[] = [];
  readonly #operated: () => void;

  /**
   * @param nowMs the host's monotonic clock, the same for all its processes
   * @param operated hears of each operation
   */
  constructor(nowMs: () => number, operated: () => void = () => undefined) {
    this.#nowMs = nowMs;
    this.#operated = operated;
  }

  /** All of a stream below `end` has come to its device. */
  arrived(stream: number, end: number): void {
    const arrivals = this.#streams.get(stream) ?? [];
    this.#streams.set(stream, arrivals);
    arrivals.push({ end, ms: this.#nowMs() });
    if (arrivals.length > KEPT_MAX) arrivals.splice(0, KEPT_MAX / 2);
  }

  /** The device, with its operations noted as they come. */
  watch(device: OperationDevice): OperationDevice {
    return {
      class: device.class,
      sizeBytes: device.sizeBytes,
      perform: operation => {
        this.arrived(OPERATION, Number(operation.id));
        this.#operated();
        return device.perform(operation);
      },
      close: () => device.close(),
    };
  }

  /** What the replica tells may come before the output does, and long after it. */
  told(asked: readonly AskedOutput[]): void {
    this.#asked = [...this.#asked, ...asked].filter(output => !this.#found(output)).slice(-KEPT_MAX);
  }

  #found({ stream, end, askedMs }: AskedOutput): boolean {
    const arrivals = this.#streams.get(stream) ?? [];
    const arrival = arrivals.find(
      ({ ms, end: at }) => ms >= askedMs && (stream === OPERATION ? at === end : at >= end),
    );
    if (arrival === undefined) return false;
    this.heldMs.push(arrival.ms - askedMs);
    return true;
  }
}
