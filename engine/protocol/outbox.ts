// Output commit: outputs in program order, from the guest's I/O instruction until the bus has confirmed them.
//
//   held      not yet sent: precedes something unacknowledged, or the bus is not ours, or the window is full
//   sent      sent, not yet confirmed; sent again on re-attachment (RS)
//
// A backup holds everything; what its primary reports as left is dropped, so that the queue stays short.
//
// A release has no answer. That it arrived is known when the bus has answered something that was sent after it; until
// then it counts as not left, and a backup keeps it. Were it lost with its primary, the bus would keep what nobody
// releases any more: once its input window is full of that, no input would ever come again.

import type { OperationId, Output } from './machine.js';
import type { StreamOffset } from './messages.js';

/** Bytes sent and unconfirmed at which no more leaves: a slow terminal must not fill the bus's memory. */
export const SENT_BYTES_MAX = 1 << 20;

/** What an output that carries no data counts for in the bounds, bytes. */
const OUTPUT_OVERHEAD_BYTES = 64;

interface Held {
  /** All of the log below this position precedes the output. */
  readonly position: number;
  readonly output: Output;
}

export class Outbox {
  #held: Held[] = [];
  #next = 0;
  #heldBytes = 0;
  #sent: Held[] = [];
  #sentBytes = 0;
  readonly #confirmed = new Map<number, number>();

  /** Bytes that wait to be sent. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get sentCount(): number {
    return this.#sent.length;
  }

  /** What is confirmed of each output stream. */
  get confirmed(): StreamOffset[] {
    return [...this.#confirmed].map(([stream, offset]) => ({ stream, offset }));
  }

  /** The position before which every output has left, and every release is known to have arrived. */
  get left(): number {
    const held = this.#held[this.#next]?.position ?? Infinity;
    const release = this.#sent.find(({ output }) => isRelease(output))?.position ?? Infinity;
    return Math.min(held, release);
  }

  hold(position: number, output: Output): void {
    this.#held.push({ position, output });
    this.#heldBytes += sizeOf(output);
  }

  /** Takes, in order, what may leave when everything below `acknowledged` is acknowledged. */
  release(acknowledged: number): Output[] {
    const leaving: Output[] = [];
    for (;;) {
      const head = this.#held[this.#next];
      if (head === undefined || head.position > acknowledged || this.#sentBytes >= SENT_BYTES_MAX) break;
      this.#advance();
      leaving.push(head.output);
      this.#keep(head);
    }
    return leaving;
  }

  /** The bus has `offset` bytes of `stream`. */
  confirm(stream: number, offset: number): void {
    if (offset <= (this.#confirmed.get(stream) ?? 0)) return;
    this.#confirmed.set(stream, offset);
    this.#settle(output => output.type === 'stream' && output.stream === stream && endOf(output) <= offset);
  }

  /** The bus has ended `operation`; false if it was not sent, or had ended before. */
  complete(operation: OperationId): boolean {
    return this.#settle(output => output.type === 'operation' && output.operation.id === operation);
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
   * RS: the bus is ours again and has `received` of each stream. Returns what is to be sent again; `uncertain` are the
   * operations that must not be repeated because the bus does not know their ids (`operationIds` off).
   */
  reattach(received: readonly StreamOffset[], operationIds: boolean): { again: Output[]; uncertain: OperationId[] } {
    const offsets = new Map(received.map(({ stream, offset }) => [stream, offset]));
    const uncertain: OperationId[] = [];
    const again: Held[] = [];
    for (const { position, output } of this.#sent) {
      if (output.type === 'operation' && !operationIds) {
        uncertain.push(output.operation.id);
        continue;
      }
      const rest = after(output, offsets);
      if (rest !== undefined) again.push({ position, output: rest });
    }
    this.#sent = [];
    this.#sentBytes = 0;
    for (const sent of again) this.#keep(sent);
    const held = this.#held.slice(this.#next);
    this.#held = [];
    this.#next = 0;
    this.#heldBytes = 0;
    for (const { position, output } of held) {
      const rest = after(output, offsets);
      if (rest !== undefined) this.hold(position, rest);
    }
    return { again: again.map(({ output }) => output), uncertain };
  }

  #advance(): void {
    const head = this.#held[this.#next];
    if (head === undefined) return;
    this.#heldBytes -= sizeOf(head.output);
    this.#next += 1;
    if (this.#next === this.#held.length) {
      this.#held = [];
      this.#next = 0;
    } else if (this.#next >= 1024) {
      this.#held.splice(0, this.#next);
      this.#next = 0;
    }
  }

  /** A sent output is kept until its end is known; of the releases of one input stream the last says all. */
  #keep(sent: Held): void {
    const { output } = sent;
    if (output.type === 'releaseInput') {
      this.#keepSent(other => other.type !== 'releaseInput' || other.stream !== output.stream);
    }
    this.#sent.push(sent);
    this.#sentBytes += sizeOf(output);
  }

  /** The bus has answered what is `answered`; the releases before it have arrived. Returns whether there was any. */
  #settle(answered: (output: Output) => boolean): boolean {
    const last = this.#sent.findLastIndex(({ output }) => answered(output));
    if (last < 0) return false;
    this.#keepSent((output, at) => !answered(output) && (at > last || !isRelease(output)));
    return true;
  }

  #keepSent(keep: (output: Output, at: number) => boolean): void {
    this.#sent = this.#sent.filter(({ output }, at) => keep(output, at));
    this.#sentBytes = this.#sent.reduce((sum, { output }) => sum + sizeOf(output), 0);
  }
}

function isRelease(output: Output): boolean {
  return output.type === 'releaseInput' || output.type === 'releaseOperation';
}

function endOf(output: Output & { type: 'stream' }): number {
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
