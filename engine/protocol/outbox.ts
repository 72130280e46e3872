// Output commit: outputs in program order, from the guest's I/O instruction until the bus has confirmed them.
//
//   held      not yet sent: precedes something unacknowledged, or the bus is not ours, or the window is full
//   sent      sent, not yet confirmed; sent again on re-attachment (RS)
//
// A backup holds everything; what its primary reports as left is dropped, so that the queue stays short.
//
// A release has no answer of its own. That it arrived is known by the number of messages that the bus says it has taken;
// until then it counts as not left, and a backup keeps it. Were it lost with its primary, the bus would keep what nobody
// releases any more: once its input window is full of that, no input would ever come again.
//
// What the bus had before it was ours counts against the window, too, until the outside has taken it; what is produced only
// later, and is there already (a new primary's guest executes what the dead one has put out), never leaves.

import { BOUNDS, type Bounds } from './bounds.js';
import type { StreamOffset } from './messages.js';
import { Sent } from './sent.js';
import type { OperationId, Output } from './vocabulary.js';

/** What an output that carries no data counts for in the bounds, bytes. */
const OUTPUT_OVERHEAD_BYTES = 64;

export type StreamOutput = Output & { readonly type: 'stream' };

export interface Held {
  /** All of the log below this position precedes the output. */
  readonly position: number;
  readonly output: Output;
}

export class Outbox {
  #held: Held[] = [];
  #next = 0;
  #heldBytes = 0;
  readonly #sent = new Sent();
  readonly #confirmed = new Map<number, number>();
  /** What the bus had of each stream when it was fenced. */
  #accepted: ReadonlyMap<number, number> = new Map();
  /** What it had that was sent by others, and is not confirmed. */
  #acceptedBytes = 0;
  /** Messages sent on the present connection. */
  #messages = 0;
  #released = 0;
  readonly #bounds: Bounds;

  constructor(bounds: Bounds = BOUNDS) {
    this.#bounds = bounds;
  }

  /** Bytes that wait to be sent. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get sentCount(): number {
    return this.#sent.count;
  }

  /** What is confirmed of each output stream. */
  get confirmed(): StreamOffset[] {
    return [...this.#confirmed].map(([stream, offset]) => ({ stream, offset }));
  }

  /** The position before which every output has left, and every release is known to have arrived. */
  get left(): number {
    return Math.min(this.#held[this.#next]?.position ?? Infinity, this.#sent.oldestRelease?.position ?? Infinity);
  }

  /** The greatest position of the log that precedes an output that has left. */
  get released(): number {
    return this.#released;
  }

  /**
   * The position before which every output has left, every byte of a stream is known to be there, and every release to
   * have arrived. What became of operations does not matter to who asks: one starts from a snapshot and repeats what is
   * outstanding.
   */
  get performed(): number {
    return Math.min(this.left, this.#sent.oldestStream?.position ?? Infinity);
  }

  hold(position: number, whole: Output): void {
    const output = after(whole, this.#accepted);
    if (output === undefined) return;
    this.#held.push({ position, output });
    this.#heldBytes += sizeOf(output);
  }

  /** Takes, in order, what may leave when everything below `acknowledged` is acknowledged. */
  release(acknowledged: number): Output[] {
    const leaving: Output[] = [];
    let joining: StreamOutput[] = [];
    let joinedBytes = 0;
    const close = () => {
      if (joining.length > 0) leaving.push(joined(joining, joinedBytes));
      joining = [];
      joinedBytes = 0;
    };
    for (;;) {
      const head = this.#held[this.#next];
      if (head === undefined || head.position > acknowledged || this.#windowIsFull) break;
      this.#advance();
      this.#released = Math.max(this.#released, head.position);
      const { output } = head;
      const joins =
        output.type === 'stream' &&
        joining[0]?.stream === output.stream &&
        joinedBytes + output.bytes.length <= this.#bounds.joinedBytes;
      if (!joins) {
        close();
        this.#messages += 1;
      }
      this.#sent.add(head, sizeOf(output), this.#messages);
      if (output.type !== 'stream') {
        leaving.push(output);
        continue;
      }
      joining.push(output);
      joinedBytes += output.bytes.length;
    }
    close();
    return leaving;
  }

  get #windowIsFull(): boolean {
    return this.#sent.bytes + this.#acceptedBytes >= this.#bounds.sentBytes;
  }

  /** The outside has taken `offset` bytes of `stream`. */
  confirm(stream: number, offset: number): void {
    if (offset > (this.#confirmed.get(stream) ?? 0)) this.#confirmed.set(stream, offset);
    // Also what was known: a promoted replica whose guest came late has sent what its predecessor had confirmed.
    this.#sent.confirm(stream, offset);
    this.#acceptedBytes = this.#unconfirmedBytes();
  }

  #unconfirmedBytes(): number {
    let bytes = 0;
    for (const [stream, offset] of this.#accepted) {
      bytes += Math.max(0, offset - (this.#confirmed.get(stream) ?? 0));
    }
    return bytes;
  }

  /** The bus has taken the first `messages` that were sent on this connection. */
  arrived(messages: number): void {
    this.#sent.arrived(messages);
  }

  /** The bus has ended `operation`; false if it was not sent, or had ended before. */
  complete(operation: OperationId): boolean {
    return this.#sent.complete(operation);
  }

  /** Backup: what the primary says has left needs not be held. */
  dropLeft(left: number, confirmed: readonly StreamOffset[]): void {
    for (const { stream, offset } of confirmed) this.confirm(stream, offset);
    for (;;) {
      const head = this.#held[this.#next];
      if (head === undefined) return;
      const { output } = head;
      const gone =
        output.type === 'stream'
          ? endOf(output) <= (this.#confirmed.get(output.stream) ?? 0)
          : head.position < left && output.type !== 'outcome';
      if (!gone) return;
      this.#advance();
    }
  }

  /**
   * RS: the bus is ours, on a new connection, and has `received` of each stream, of which the outside has taken `written`.
   * Returns what is to be sent again; `uncertain` are the operations that must not be repeated because the bus does not know
   * their ids (`operationIds` off).
   */
  reattach(
    received: readonly StreamOffset[],
    written: readonly StreamOffset[],
    operationIds: boolean,
  ): { again: Output[]; uncertain: OperationId[] } {
    const offsets = new Map(received.map(({ stream, offset }) => [stream, offset]));
    for (const { stream, offset } of written) this.confirm(stream, offset);
    this.#accepted = offsets;
    this.#acceptedBytes = this.#unconfirmedBytes();
    this.#messages = 0;
    const uncertain: OperationId[] = [];
    const again: Output[] = [];
    for (const { position, output } of this.#sent.takeAll()) {
      if (output.type === 'operation' && !operationIds) {
        uncertain.push(output.operation.id);
        continue;
      }
      const rest = after(output, offsets);
      if (rest === undefined) continue;
      again.push(rest);
      this.#messages += 1;
      this.#sent.add({ position, output: rest }, sizeOf(rest), this.#messages);
    }
    const held = this.#held.slice(this.#next);
    this.#held = [];
    this.#next = 0;
    this.#heldBytes = 0;
    for (const { position, output } of held) this.hold(position, output);
    return { again, uncertain };
  }

  #advance(): void {
    const head = this.#held[this.#next];
    if (head === undefined) return;
    this.#heldBytes -= sizeOf(head.output);
    this.#next += 1;
    if (this.#next === this.#held.length) {
      this.#held = [];
      this.#next = 0;
    } else if (this.#next >= 1024 && this.#next * 2 > this.#held.length) {
      this.#held.splice(0, this.#next);
      this.#next = 0;
    }
  }
}

/** One output of all the pieces, which follow each other. */
function joined(pieces: readonly StreamOutput[], length: number): Output {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece.bytes, at);
    at += piece.bytes.length;
  }
  return { ...first!, bytes };
}

export function endOf(output: StreamOutput): number {
  return output.offset + output.bytes.length;
}

/** What is left of an output when the bus has `offsets` of the streams. */
function after(output: Output, offsets: ReadonlyMap<number, number>): Output | undefined {
  if (output.type !== 'stream') return output;
  const had = (offsets.get(output.stream) ?? 0) - output.offset;
  if (had <= 0) return output;
  if (had >= output.bytes.length) return undefined;
  return { ...output, offset: output.offset + had, bytes: output.bytes.subarray(had) };
}

function sizeOf(output: Output): number {
  if (output.type === 'stream') return output.bytes.length + OUTPUT_OVERHEAD_BYTES;
  if (output.type === 'operation') return output.operation.data.length + OUTPUT_OVERHEAD_BYTES;
  return OUTPUT_OVERHEAD_BYTES;
}
