// The outputs that belong to no stream (operations, releases, the outcome) on their way to the bus, with a window of their own.
//
// Operations are answered by id in any order; releases by how many messages the bus has taken on the connection. So each kind is
// kept for itself once it is sent, and its sequence number keeps the program order for when all is sent again.

import { type Item, Queue } from './lane.js';
import type { OperationId } from './vocabulary.js';

interface Sent {
  readonly item: Item;
  /** Number of the message that it left in, on the present connection. */
  readonly message: number;
  /** What counts against the window; nothing any more once the bus is known to bound it. */
  bytes: number;
}

export class OtherOutputs {
  readonly held = new Queue<Item>();
  /** Of those that are held, how many at the head were passed over while the window was full. */
  passed = 0;
  readonly #windowBytes: number;
  #bytes = 0;
  readonly #operations = new Map<OperationId, Sent>();
  /** Operations that are not known to have arrived, in order. */
  #starting = new Queue<Sent>();
  /** Releases of operations; of those of an input stream only the last, which says all. */
  #releases = new Queue<Sent>();
  readonly #inputReleases = new Map<number, Sent>();
  #outcome: Sent | undefined;

  /** @param windowBytes of its window */
  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#windowBytes;
  }

  /** The first release that is not known to have arrived. */
  get oldestRelease(): Item | undefined {
    let oldest = this.#releases.head;
    for (const release of this.#inputReleases.values()) {
      if (release.item.sequence < (oldest?.item.sequence ?? Infinity)) oldest = release;
    }
    return oldest?.item;
  }

  /** Releases that are not known to have arrived. */
  get releases(): readonly Item[] {
    return [...this.#releases.rest, ...this.#inputReleases.values()].map(({ item }) => item);
  }

  /** Sent and not answered. */
  get sentCount(): number {
    const outcome = this.#outcome === undefined ? 0 : 1;
    return this.#operations.size + this.#releases.length + this.#inputReleases.size + outcome;
  }

  /** @param message its number on the present connection */
  send(item: Item, message: number): void {
    const sent: Sent = { item, message, bytes: item.bytes };
    this.#bytes += sent.bytes;
    const { output } = item;
    if (output.type === 'operation') {
      this.#operations.set(output.operation.id, sent);
      this.#starting.push(sent);
    } else if (output.type === 'releaseInput') {
      const before = this.#inputReleases.get(output.stream);
      if (before !== undefined) this.#drop(before);
      this.#inputReleases.set(output.stream, sent);
    } else if (output.type === 'releaseOperation') {
      this.#releases.push(sent);
    } else {
      this.#outcome = sent;
    }
  }

  /** The bus has ended `operation`; false if it was not sent, or had ended before. */
  complete(operation: OperationId): boolean {
    const sent = this.#operations.get(operation);
    if (sent === undefined) return false;
    this.#operations.delete(operation);
    this.#drop(sent);
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
      this.#drop(head);
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

  /** Everything that was sent; nothing is left of it. */
  takeSent(): Item[] {
    const sent = [...this.#operations.values(), ...this.#releases.rest, ...this.#inputReleases.values()];
    if (this.#outcome !== undefined) sent.push(this.#outcome);
    this.#operations.clear();
    this.#starting = new Queue();
    this.#releases = new Queue();
    this.#inputReleases.clear();
    this.#outcome = undefined;
    this.#bytes = 0;
    return sent.map(({ item }) => item);
  }

  #drop(sent: Sent): void {
    this.#bytes -= sent.bytes;
    sent.bytes = 0;
  }
}
