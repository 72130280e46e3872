// The network: paths between processes, cut one way or both for a while, and connections over them, in order, reset or
// ended by a death. What a cut holds back arrives later (TCP repeats it); what a reset or a death loses is a suffix.

import type { Random } from './random.js';
import type { Schedule } from './schedule.js';

/** What a process hears from its end of a connection. */
export interface Listener<T> {
  received(message: T): void;
  closed(reason: string): void;
}

/** What the sockets of a connection hold, each way. */
const SOCKET_BYTES = 1024;

/** 0: from the first end to the second; 1: back. */
export type Direction = 0 | 1;

/** Two processes and what lies between them. */
export class Path {
  readonly name: string;
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #delayNs: readonly [number, number];
  readonly #cuts: [number, number] = [0, 0];
  readonly #delays: number[] = [];
  readonly #connections = new Set<Connection<unknown, unknown>>();

  constructor(name: string, schedule: Schedule, random: Random, delayNs: readonly [number, number]) {
    this.name = name;
    this.#schedule = schedule;
    this.#random = random;
    this.#delayNs = delayNs;
  }

  get open(): boolean {
    return this.#cuts[0] === 0 && this.#cuts[1] === 0;
  }

  isCut(direction: Direction): boolean {
    return this.#cuts[direction] > 0;
  }

  /** What is sent from now on takes up to so much longer. @returns what ends it */
  slowDown(byNs: number): () => void {
    this.#delays.push(byNs);
    return () => void this.#delays.splice(this.#delays.indexOf(byNs), 1);
  }

  /** More than the network's own. */
  get delayedByNs(): number {
    return Math.max(0, ...this.#delays);
  }

  cut(directions: readonly Direction[], durationNs: number): void {
    for (const direction of directions) this.#cuts[direction] += 1;
    if (durationNs === Infinity) return;
    this.#schedule.after(durationNs, () => {
      for (const direction of directions) this.#cuts[direction] -= 1;
      for (const connection of this.#connections) connection.pump();
    });
  }

  /** Every connection over this path is reset: both ends hear of it, and a suffix of what was under way is lost. */
  reset(): void {
    for (const connection of [...this.#connections]) connection.end(undefined, true, 'connection reset');
  }

  connect<A, B>(first: Listener<B>, second: Listener<A>): Connection<A, B> {
    const connection = new Connection<A, B>(this, this.#schedule, this.#random, this.#delayNs, first, second);
    this.#connections.add(connection as Connection<unknown, unknown>);
    return connection;
  }

  forget(connection: unknown): void {
    this.#connections.delete(connection as Connection<unknown, unknown>);
  }
}

type Travelling<T> =
  | { readonly atNs: number; readonly message: T; readonly bytes: number }
  /** The end of the stream. */
  | { readonly atNs: number; readonly closed: string };

interface Lane {
  queue: Travelling<unknown>[];
  planned: boolean;
  lastNs: number;
  /** Sent, and not taken by the reader. */
  bytes: number;
  arrivedBytes: number;
  /** To be done when the reader has taken something. */
  waiting: (() => void)[];
}

/** A connection whose first end sends A and whose second end sends B. */
export class Connection<A, B> {
  readonly #path: Path;
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #delayNs: readonly [number, number];
  readonly #lanes: readonly [Lane, Lane] = [newLane(), newLane()];
  readonly #readers: readonly [Listener<unknown>, Listener<unknown>];
  #ended = false;

  constructor(
    path: Path,
    schedule: Schedule,
    random: Random,
    delayNs: readonly [number, number],
    first: Listener<B>,
    second: Listener<A>,
  ) {
    this.#path = path;
    this.#schedule = schedule;
    this.#random = random;
    this.#delayNs = delayNs;
    this.#readers = [second as Listener<unknown>, first as Listener<unknown>];
  }

  sendFromFirst(message: A, bytes = 0): void {
    this.#send(0, message, bytes);
  }

  sendFromSecond(message: B, bytes = 0): void {
    this.#send(1, message, bytes);
  }

  /** What end `end` has sent, and the sockets have not taken: what is more than they hold waits at the sender. */
  bufferedBytes(end: Direction): number {
    return Math.max(0, this.#lanes[end].bytes - SOCKET_BYTES);
  }

  /** What has come at end `end`. */
  arrivedBytes(end: Direction): number {
    return this.#lanes[end === 0 ? 1 : 0].arrivedBytes;
  }

  /** Once, when something that end `end` has sent is taken; where the connection ends before, never. */
  whenTaken(end: Direction, act: () => void): void {
    this.#lanes[end].waiting.push(act);
  }

  /**
   * Ends the connection. `by`: the end that closes or dies (undefined: the network); what travels to it is gone.
   * `lossy`: a suffix of what travels from it is lost. The other end hears of it after what still arrives.
   */
  end(by: Direction | undefined, lossy: boolean, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const direction of [0, 1] as const) {
      const lane = this.#lanes[direction];
      if (by !== undefined && by !== direction) {
        lane.queue = [];
        continue;
      }
      if (lossy) lane.queue.length = this.#random.between(0, lane.queue.length);
      lane.queue.push({ atNs: this.#arrival(direction), closed: reason });
    }
    this.pump();
  }

  pump(): void {
    for (const direction of [0, 1] as const) {
      const lane = this.#lanes[direction];
      const head = lane.queue[0];
      if (head === undefined || lane.planned || this.#path.isCut(direction)) continue;
      lane.planned = true;
      this.#schedule.at(head.atNs, () => this.#arrive(direction));
    }
  }

  #send(direction: Direction, message: unknown, bytes: number): void {
    if (this.#ended) return;
    this.#lanes[direction].bytes += bytes;
    this.#lanes[direction].queue.push({ atNs: this.#arrival(direction), message, bytes });
    this.pump();
  }

  #arrival(direction: Direction): number {
    const lane = this.#lanes[direction];
    const { delayedByNs } = this.#path;
    const moreNs = delayedByNs === 0 ? 0 : this.#random.below(delayedByNs);
    const delayNs = moreNs + this.#random.between(this.#delayNs[0], this.#delayNs[1]);
    lane.lastNs = Math.max(lane.lastNs, this.#schedule.nowNs + delayNs);
    return lane.lastNs;
  }

  #arrive(direction: Direction): void {
    const lane = this.#lanes[direction];
    lane.planned = false;
    const head = lane.queue[0];
    if (head !== undefined && head.atNs <= this.#schedule.nowNs && !this.#path.isCut(direction)) {
      lane.queue.shift();
      if ('closed' in head) {
        if (this.#lanes.every(other => other.queue.length === 0)) this.#path.forget(this);
        this.#readers[direction].closed(head.closed);
      } else {
        lane.bytes -= head.bytes;
        lane.arrivedBytes += head.bytes;
        this.#readers[direction].received(head.message);
        for (const act of lane.waiting.splice(0)) act();
      }
    }
    this.pump();
  }
}

function newLane(): Lane {
  return { queue: [], planned: false, lastNs: 0, bytes: 0, arrivedBytes: 0, waiting: [] };
}
