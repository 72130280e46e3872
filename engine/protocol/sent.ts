// What was sent to the bus and not yet confirmed, in a form in which a confirmation costs no search.
//
// Each stream's outputs are confirmed in order, operations by id in any order; releases by how many messages the bus has
// taken on the connection. So each kind has a queue of its own, and a sequence number keeps the program order for when all
// is sent again.

import type { Held } from './outbox.js';
import type { OperationId } from './vocabulary.js';

interface Item {
  readonly sequence: number;
  /** Number of the message that it left in, on the present connection. */
  readonly message: number;
  readonly held: Held;
  /** What counts against the window; nothing any more once the bus is known to bound it. */
  bytes: number;
}

/** First in, first out; taking from the front costs nothing. */
class Queue {
  #items: Item[] = [];
  #next = 0;

  get head(): Item | undefined {
    return this.#items[this.#next];
  }

  get rest(): readonly Item[] {
    return this.#items.slice(this.#next);
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): void {
    this.#next += 1;
    if (this.#next === this.#items.length) {
      this.#items = [];
      this.#next = 0;
    } else if (this.#next >= 1024 && this.#next * 2 > this.#items.length) {
      this.#items.splice(0, this.#next);
      this.#next = 0;
    }
  }
}

export class Sent {
  #sequence = 0;
  #bytes = 0;
  #count = 0;
  readonly #streams = new Map<number, Queue>();
  readonly #operations = new Map<OperationId, Item>();
  /** Those that are not known to have arrived, in order. */
  #starting = new Queue();
  /** Releases of operations; of those of an input stream only the last, which says all. */
  #releases = new Queue();
  readonly #inputReleases = new Map<number, Item>();
  #outcome: Item | undefined;

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** The first release that is not known to have arrived. */
  get oldestRelease(): Held | undefined {
    const oldest = [...this.#inputReleases.values(), this.#releases.head].filter(item => item !== undefined);
    return oldest.sort((a, b) => a.sequence - b.sequence)[0]?.held;
  }

  /** The first output of a stream that is not confirmed. */
  get oldestStream(): Held | undefined {
    let oldest: Item | undefined;
    for (const { head } of this.#streams.values()) {
      if (head !== undefined && head.sequence < (oldest?.sequence ?? Infinity)) oldest = head;
    }
    return oldest?.held;
  }

  add(held: Held, bytes: number, message: number): void {
    const item: Item = { sequence: this.#sequence++, message, held, bytes };
    this.#bytes += bytes;
    this.#count += 1;
    const { output } = held;
    switch (output.type) {
      case 'stream': {
        let queue = this.#streams.get(output.stream);
        if (queue === undefined) {
          queue = new Queue();
          this.#streams.set(output.stream, queue);
        }
        queue.push(item);
        return;
      }
      case 'operation':
        this.#operations.set(output.operation.id, item);
        this.#starting.push(item);
        return;
      case 'releaseInput': {
        const before = this.#inputReleases.get(output.stream);
        if (before !== undefined) this.#drop(before);
        this.#inputReleases.set(output.stream, item);
        return;
      }
      case 'releaseOperation':
        this.#releases.push(item);
        return;
      case 'outcome':
        this.#outcome = item;
        return;
    }
  }

  /** Everything of `stream` below `offset` is there. */
  confirm(stream: number, offset: number): void {
    const queue = this.#streams.get(stream);
    for (let head = queue?.head; head !== undefined; head = queue?.head) {
      const { output } = head.held;
      if (output.type !== 'stream' || output.offset + output.bytes.length > offset) break;
      queue?.shift();
      this.#drop(head);
    }
  }

  complete(operation: OperationId): boolean {
    const item = this.#operations.get(operation);
    if (item === undefined) return false;
    this.#operations.delete(operation);
    this.#drop(item);
    return true;
  }

  /**
   * The bus has taken the first `messages` of this connection. The releases among them have arrived. Operations are bounded by
   * the bus from then on, and count no more: what ends one (a result, told as far as others are released) must not wait for
   * room that it would make itself.
   */
  arrived(messages: number): void {
    for (let head = this.#starting.head; head !== undefined; head = this.#starting.head) {
      if (head.message > messages) break;
      this.#starting.shift();
      this.#bytes -= head.bytes;
      head.bytes = 0;
    }
    for (let head = this.#releases.head; head !== undefined; head = this.#releases.head) {
      if (head.message > messages) break;
      this.#releases.shift();
      this.#drop(head);
    }
    for (const [stream, release] of this.#inputReleases) {
      if (release.message > messages) continue;
      this.#inputReleases.delete(stream);
      this.#drop(release);
    }
  }

  /** Everything, in program order; nothing is left. */
  takeAll(): Held[] {
    const items = [...this.#operations.values(), ...this.#releases.rest, ...this.#inputReleases.values()];
    for (const queue of this.#streams.values()) items.push(...queue.rest);
    if (this.#outcome !== undefined) items.push(this.#outcome);
    items.sort((a, b) => a.sequence - b.sequence);
    this.#streams.clear();
    this.#operations.clear();
    this.#starting = new Queue();
    this.#releases = new Queue();
    this.#inputReleases.clear();
    this.#outcome = undefined;
    this.#bytes = 0;
    this.#count = 0;
    return items.map(({ held }) => held);
  }

  #drop(item: Item): void {
    this.#bytes -= item.bytes;
    item.bytes = 0;
    this.#count -= 1;
  }
}
