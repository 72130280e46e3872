// A guest whose exports are called by its embedder, one after another: what stands in the place of `_start`.
//
// A call comes as the completion of an operation, which the log brings to every replica; its answer is an operation, which leaves
// when the backup has what precedes it. Between two calls no frame of the guest is on the stack, and the thread waits here.

import { CALL_ANSWER, CALL_TAKE, CALLS_DEVICE } from '../../devices/host/host-commands.js';
import { assert } from '../errors/errors.js';
import {
  CALL_BYTES_MAX,
  callValuesOf,
  decodeCall,
  encodeAnswer,
  encodeCallValues,
  type HostCall,
} from '../host/host-call.js';
import type { WasmExports } from '../instance/webassembly.js';
import type { HostOperations } from './host-operations.js';

/** Where the serving stands. */
export type ServingState =
  | { readonly at: 'beginning' }
  /** In `_initialize`. */
  | { readonly at: 'initializing' }
  | { readonly at: 'taking'; readonly operation: bigint }
  /** In an export. */
  | { readonly at: 'calling'; readonly number: number };

const NO_DATA = new Uint8Array(0);

export class ServedCalls {
  readonly #operations: HostOperations;
  readonly #memory: () => Uint8Array;
  readonly #wait: () => void;
  #state: ServingState;

  /** @param wait ends the epoch, and comes back when something was delivered */
  constructor(operations: HostOperations, memory: () => Uint8Array, wait: () => void, state?: ServingState) {
    this.#operations = operations;
    this.#memory = memory;
    this.#wait = wait;
    this.#state = state ?? { at: 'beginning' };
  }

  get state(): ServingState {
    return this.#state;
  }

  /** Until the embedder says that it was the last call. @param resumed goes on in the export in which a snapshot was taken */
  serve(exports: Readonly<WasmExports>, resumed: (() => unknown) | undefined): void {
    let state = this.#state;
    if (state.at === 'beginning') {
      this.#state = { at: 'initializing' };
      exports._initialize?.();
    } else if (resumed !== undefined) {
      const result = resumed();
      if (state.at === 'calling') this.#answer(state.number, encodeCallValues(callValuesOf(result)));
    }
    for (;;) {
      state = this.#state;
      const operation = state.at === 'taking' ? state.operation : this.#take();
      const { number, call } = decodeCall(this.#taken(operation));
      if (call.kind === 'end') return;
      this.#state = { at: 'calling', number };
      this.#answer(number, this.#made(call, exports));
    }
  }

  #take(): bigint {
    const operation = this.#operations.start({
      device: CALLS_DEVICE,
      command: CALL_TAKE,
      length: CALL_BYTES_MAX,
      data: NO_DATA,
    });
    this.#state = { at: 'taking', operation };
    return operation;
  }

  #taken(operation: bigint): Uint8Array {
    for (;;) {
      const end = this.#operations.fetch(operation);
      if (end === undefined) this.#wait();
      else if (end.kind === 'completed' && end.status === 0) return end.data;
      else assert(false, 'the bus has the device of a guest that is called');
    }
  }

  #made(
    call: HostCall & { readonly kind: 'call' | 'read' | 'write' },
    exports: Readonly<WasmExports>,
  ): Uint8Array | undefined {
    switch (call.kind) {
      case 'call':
        return encodeCallValues(callValuesOf(exports[call.name](...call.values)));
      case 'read':
        return this.#range(call.address, call.length)?.slice();
      case 'write': {
        const range = this.#range(call.address, call.bytes.length);
        range?.set(call.bytes);
        return range && NO_DATA;
      }
    }
  }

  /** Undefined: it is not in the guest's memory. That is a mistake of who asks, and not the end of the guest. */
  #range(address: number, length: number): Uint8Array | undefined {
    const memory = this.#memory();
    return address + length <= memory.length ? memory.subarray(address, address + length) : undefined;
  }

  #answer(number: number, content: Uint8Array | undefined): void {
    const data = encodeAnswer(number, content);
    const answer = { device: CALLS_DEVICE, command: CALL_ANSWER, length: 0, data };
    this.#operations.start(answer, { isForgotten: true });
  }
}
