// Calls of a guest's exports by its embedder, as the device that they are to the bus: the guest takes one, makes it, and answers it.
//
// An operation is performed once by its id, so a call is made once: a new primary joins the take that is under way, or gets the
// call that the last one had taken. An answer leaves the machine under output commit, as every operation does.

import { EpochvisorError } from '../../engine/errors/errors.js';
import { decodeAnswer, encodeCall, type HostCall } from '../../engine/host/host-call.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import { type Completion, NO_DATA, type OperationDevice, STATUS_REFUSED } from '../device.js';
import { CALL_ANSWER, CALL_TAKE } from './host-commands.js';

interface Asked {
  readonly resolve: (content: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

const DONE: Completion = { status: 0, data: NO_DATA };
const REFUSED: Completion = { status: STATUS_REFUSED, data: NO_DATA };

export class CallsDevice implements OperationDevice {
  readonly class = 'opaque';
  readonly sizeBytes = 0;
  /** Asked for, and not taken. */
  readonly #waiting: Uint8Array[] = [];
  /** Asked for, and not answered, by number. */
  readonly #asked = new Map<number, Asked>();
  #nextNumber = 0;
  /** A take that there is no call for yet. */
  #taker: ((completion: Completion) => void) | undefined;
  #closed = false;

  /** Resolves with what the guest answers; rejects where `fail` says why it never will. */
  ask(call: HostCall): Promise<Uint8Array> {
    const number = this.#nextNumber;
    this.#nextNumber = (this.#nextNumber + 1) >>> 0;
    const answered = new Promise<Uint8Array>((resolve, reject) => this.#asked.set(number, { resolve, reject }));
    this.#waiting.push(encodeCall(number, call));
    this.#hand();
    return answered;
  }

  /** Nothing is answered any more. */
  fail(error: Error): void {
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
  }

  perform({ command, data }: Operation): Promise<Completion> {
    if (this.#closed) return Promise.resolve(REFUSED);
    if (command === CALL_ANSWER) {
      const { number, content } = decodeAnswer(data);
      const asked = this.#asked.get(number);
      if (content === undefined) asked?.reject(outOfRange());
      else asked?.resolve(content);
      this.#asked.delete(number);
      return Promise.resolve(DONE);
    }
    if (command !== CALL_TAKE || this.#taker !== undefined) return Promise.resolve(REFUSED);
    return new Promise(resolve => {
      this.#taker = resolve;
      this.#hand();
    });
  }

  #hand(): void {
    const call = this.#taker === undefined ? undefined : this.#waiting.shift();
    if (call === undefined) return;
    this.#taker?.({ status: 0, data: call });
    this.#taker = undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#taker?.(REFUSED);
    this.#taker = undefined;
  }
}

function outOfRange(): EpochvisorError {
  return new EpochvisorError(
    'CALL_RANGE',
    "the range is not in the guest's memory, which goes on",
    'have the guest make room (malloc), and use the address that it gives',
  );
}
