// The io functions of an embedder, as the device that they are to the bus: each operation calls one, and its result is the completion.
//
// A function that throws has an answer, too: the guest traps, with what it said, on every replica.

import { decodeValues, encodeFailed, encodeReturned, resultOf } from '../../engine/host/host-values.js';
import { type LoadedFunction, loadHost } from '../../engine/host/loaded-host.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import { type Completion, NO_DATA, type OperationDevice, STATUS_REFUSED } from '../device.js';
import { HOST_DEVICE } from './host-commands.js';

/** The devices of a machine whose guest has host functions; none where it has none. @throws EpochvisorError as `loadHost` */
export async function openHost(path: string | undefined): Promise<readonly (readonly [number, OperationDevice])[]> {
  return path === undefined ? [] : [[HOST_DEVICE, new HostDevice((await loadHost(path)).functions)]];
}

export class HostDevice implements OperationDevice {
  readonly class = 'opaque';
  readonly sizeBytes = 0;
  readonly #functions: readonly LoadedFunction[];
  readonly #outstanding = new Set<Promise<unknown>>();
  #closed = false;

  constructor(functions: readonly LoadedFunction[]) {
    this.#functions = functions;
  }

  perform(operation: Operation): Promise<Completion> {
    const found = this.#functions[operation.command];
    if (this.#closed || found?.class !== 'io') return Promise.resolve({ status: STATUS_REFUSED, data: NO_DATA });
    const performed = answerOf(found, operation).then(data => ({ status: 0, data }));
    this.#outstanding.add(performed);
    void performed.then(() => this.#outstanding.delete(performed));
    return performed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#outstanding);
  }
}

/** Never rejects. */
async function answerOf(
  { params, result, function: { call } }: LoadedFunction,
  operation: Operation,
): Promise<Uint8Array> {
  try {
    const values: unknown[] = decodeValues(params, operation.data);
    const answered = await (call as (...values: unknown[]) => unknown)(...values, { operation: operation.id });
    return encodeReturned(result, resultOf(result, answered));
  } catch (error) {
    return encodeFailed(error);
  }
}
