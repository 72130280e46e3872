// Output commit: outputs in program order, from the guest's I/O instruction until the bus has confirmed them.
//
//   held      not yet sent: precedes something unacknowledged, or the bus is not ours, or the window is full
//   sent      sent, not yet confirmed; sent again on re-attachment (RS)
//
// Each stream is a lane with a window of its own, and all that belongs to no stream is one: where the outside takes nothing of a
// stream, the others go on. They leave in program order; what a full window holds back leaves when it opens.
//
// A backup holds everything; what its primary reports as left is dropped, so that the queues stay short.
//
// A release has no answer of its own. That it arrived is known by the number of messages that the bus says it has taken;
// until then it counts as not left, and a backup keeps it. Were it lost with its primary, the bus would keep what nobody
// releases any more: once its input window is full of that, no input would ever come again.
//
// What the bus had before it was ours counts against the window, too, until the outside has taken it; what is produced only
// later, and is there already (a new primary's guest executes what the dead one has put out), never leaves.

import { BOUNDS, type Bounds } from './bounds.js';
import { endOf, type StreamOutput } from './bus/output-side.js';
import { CLOSED, type Held, type Item, isOfStream, Lane, OUTPUT_OVERHEAD_BYTES, Queue, sizeOf } from './lane.js';
import { type MeasuredTimes, TimeCounts } from './measured-times.js';
import type { StreamOffset, StreamPlaces } from './messages.js';
import { OtherOutputs } from './other-outputs.js';
import { FIRST_OPENED_STREAM, type OperationId, type Output } from './vocabulary.js';

export type { Held } from './lane.js';

type Bytes = Output & { readonly type: 'stream' };

/** Whose turn it is, in program order; what has been dropped meanwhile is passed by. */
interface Turn {
  readonly way: Lane | OtherOutputs;
  readonly sequence: number;
}

/** Turns of outputs that are no longer held, beyond as many as are: they are looked through then. */
const STALE_TURNS_MAX = 1024;

export class Outbox {
  readonly #bounds: Bounds;
  readonly #lanes = new Map<number, Lane>();
  readonly #others: OtherOutputs;
  #turns = new Queue<Turn>();
  /** Outputs that are held. */
  #held = 0;
  /** Ways with outputs that were passed over, and those of them whose window has opened since. */
  readonly #passed = new Set<Lane | OtherOutputs>();
  readonly #opened = new Set<Lane | OtherOutputs>();
  #heldBytes = 0;
  /** What all of them carry. */
  #heldData = 0;
  readonly #heldFor = new TimeCounts();
  #sequence = 0;
  /** What the bus had when it was fenced. */
  #fence: { readonly places: ReadonlyMap<number, StreamPlaces>; readonly next: number } | undefined;
  /** What is confirmed of streams and was not told; and bytes of it. */
  readonly #untold = new Map<number, number>();
  #untoldBytes = 0;
  /** Messages sent on the present connection. */
  #messages = 0;
  #released = 0;

  constructor(bounds: Bounds = BOUNDS) {
    this.#bounds = bounds;
    this.#others = new OtherOutputs(bounds.sentBytes);
  }

  /** Bytes that wait to be sent, but those of opened streams: for each of these the guest itself waits. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Bytes that outputs carry which wait to be sent, those of opened streams, too. */
  get heldData(): number {
    return this.#heldData;
  }

  /** When the oldest of them came to be held, ms; undefined: none is. */
  get heldSinceMs(): number | undefined {
    let oldest = this.#others.held.head?.sinceMs;
    for (const { held } of this.#lanes.values()) {
      const { sinceMs } = held.head ?? {};
      if (sinceMs !== undefined && sinceMs < (oldest ?? Infinity)) oldest = sinceMs;
    }
    return oldest;
  }

  /** How long what has left had been held. */
  get heldFor(): MeasuredTimes {
    return this.#heldFor.measured;
  }

  get sentCount(): number {
    let count = this.#others.sentCount;
    for (const { sent } of this.#lanes.values()) count += sent.length;
    return count;
  }

  /** Turns that are remembered, those of outputs that have gone meanwhile among them: in proportion to what is held. */
  get turnCount(): number {
    return this.#turns.length;
  }

  /** What is confirmed of each stream that is not over. */
  get confirmed(): StreamOffset[] {
    return [...this.#lanes.values()].flatMap(({ stream, confirmed: offset }) =>
      offset > 0 ? [{ stream, offset }] : [],
    );
  }

  /** Bytes confirmed since `takeUntold`. */
  get untoldBytes(): number {
    return this.#untoldBytes;
  }

  /** What is confirmed, where it has changed since this was called. */
  takeUntold(): StreamOffset[] {
    const untold = [...this.#untold].map(([stream, offset]) => ({ stream, offset }));
    this.#untold.clear();
    this.#untoldBytes = 0;
    return untold;
  }

  /** The position before which every output that belongs to no stream has left, and every release is known to have arrived. */
  get left(): number {
    const passed = this.#others.passed > 0 ? this.#others.held.head : undefined;
    const next = this.#nextTurn();
    return Math.min(
      passed?.position ?? Infinity,
      next?.position ?? Infinity,
      this.#others.oldestRelease?.position ?? Infinity,
    );
  }

  /** The greatest position of the log that precedes an output that has left. */
  get released(): number {
    return this.#released;
  }

  /**
   * The position before which every output has left, every byte is known to be there, and every release to have arrived. Opened
   * streams apart, and what became of operations: who goes on from a snapshot finds the first reset, and repeats the second.
   */
  get performed(): number {
    let performed = this.left;
    for (const { stream, held, passed, oldestSent } of this.#lanes.values()) {
      if (stream >= FIRST_OPENED_STREAM) continue;
      const head = passed > 0 ? held.head : undefined;
      performed = Math.min(performed, head?.position ?? Infinity, oldestSent?.position ?? Infinity);
    }
    return performed;
  }

  /** JN: what a replica that has the guest's state still lacks of its outputs, but operations: those it repeats. */
  get pending(): Held[] {
    const items = [...this.#others.releases, ...this.#others.held.rest];
    for (const { sent, held } of this.#lanes.values()) items.push(...sent, ...held.rest);
    return items
      .filter(({ output }) => output.type !== 'operation' && output.type !== 'outcome')
      .sort((a, b) => a.sequence - b.sequence);
  }

  /** @param nowMs when the guest put it out */
  hold(position: number, output: Output, nowMs = 0): void {
    const lane = isOfStream(output) ? this.#lane(output.stream) : undefined;
    const fresh = isOfStream(output) ? lane!.fresh(output) : output;
    if (fresh !== undefined) {
      const sequence = this.#sequence++;
      this.#push(lane ?? this.#others, { position, output: fresh, sequence, bytes: sizeOf(fresh), sinceMs: nowMs });
    } else if (lane?.isOver === true) {
      this.#lanes.delete(lane.stream);
    }
  }

  /** Whether the outside has taken all of a stream that the guest has put out so far. */
  isDrained(stream: number): boolean {
    return this.#lanes.get(stream)?.isDrained ?? true;
  }

  /** Whether there is, or was, output of a stream that is not closed. */
  knows(stream: number): boolean {
    return this.#lanes.has(stream);
  }

  #lane(stream: number): Lane {
    let lane = this.#lanes.get(stream);
    if (lane === undefined) {
      lane = new Lane(stream, this.#bounds.sentBytes);
      this.#lanes.set(stream, lane);
      if (this.#fence !== undefined) this.#fenced(lane);
    }
    return lane;
  }

  /** @returns what was sent and is to be sent again */
  #fenced(lane: Lane): readonly Item[] {
    const accepted = this.#acceptedOf(lane.stream);
    if (accepted === CLOSED) this.#untold.set(lane.stream, CLOSED);
    return lane.fenced(accepted);
  }

  #push(way: Lane | OtherOutputs, item: Item): void {
    way.held.push(item);
    this.#held += 1;
    if (counts(way)) this.#heldBytes += item.bytes;
    this.#heldData += item.bytes - OUTPUT_OVERHEAD_BYTES;
    this.#turns.push({ way, sequence: item.sequence });
    if (this.#turns.length > 2 * this.#held + STALE_TURNS_MAX) this.#forgetStaleTurns();
  }

  #shift(way: Lane | OtherOutputs): Item {
    const item = way.held.shift()!;
    this.#held -= 1;
    if (counts(way)) this.#heldBytes -= item.bytes;
    this.#heldData -= item.bytes - OUTPUT_OVERHEAD_BYTES;
    if (way.passed > 0) {
      way.passed -= 1;
      if (way.passed === 0) this.#passed.delete(way);
    }
    return item;
  }

  #forgetStaleTurns(): void {
    const turns = new Queue<Turn>();
    for (const turn of this.#turns.rest) if (isLive(turn)) turns.push(turn);
    this.#turns = turns;
  }

  /** The first output in program order that was neither sent nor passed over. */
  #nextTurn(): Item | undefined {
    for (let turn = this.#turns.head; turn !== undefined; turn = this.#turns.head) {
      if (isLive(turn)) return turn.way.held.at(turn.way.passed);
      this.#turns.shift();
    }
    return undefined;
  }

  /** Takes, in order, what may leave when everything below `acknowledged` is acknowledged. */
  release(acknowledged: number, nowMs = 0): Output[] {
    const leaving = new Leaving(this.#bounds.joinedBytes);
    for (const way of this.#opened) {
      while (way.passed > 0 && !way.isFull && way.held.head!.position <= acknowledged) this.#send(way, leaving, nowMs);
      if (way.passed === 0 || way.isFull) this.#opened.delete(way);
    }
    for (let item = this.#nextTurn(); item !== undefined && item.position <= acknowledged; item = this.#nextTurn()) {
      // Nothing may follow it.
      if (item.output.type === 'outcome' && this.#passed.size > 0) break;
      const { way } = this.#turns.shift()!;
      if (way.passed === 0 && !way.isFull) {
        this.#send(way, leaving, nowMs);
        continue;
      }
      way.passed += 1;
      this.#passed.add(way);
    }
    return leaving.all();
  }

  #send(way: Lane | OtherOutputs, leaving: Leaving, nowMs: number): void {
    const item = this.#shift(way);
    this.#heldFor.add(nowMs - item.sinceMs);
    this.#released = Math.max(this.#released, item.position);
    if (leaving.add(item.output)) this.#messages += 1;
    way.send(item, this.#messages);
  }

  #mayHaveOpened(way: Lane | OtherOutputs): void {
    if (way.passed > 0 && !way.isFull) this.#opened.add(way);
  }

  /** The outside has taken everything of `stream` below `offset`. */
  confirm(stream: number, offset: number): void {
    const lane = this.#lanes.get(stream);
    // All of it was known to be there.
    if (lane === undefined && stream >= FIRST_OPENED_STREAM) return;
    this.#confirm(lane ?? this.#lane(stream), offset);
  }

  #confirm(lane: Lane, offset: number): void {
    const { stream } = lane;
    const more = lane.confirm(offset);
    if (more > 0) {
      this.#untold.set(stream, offset);
      if (offset < CLOSED) this.#untoldBytes += more;
    }
    this.#mayHaveOpened(lane);
    if (lane.isOver) this.#lanes.delete(stream);
  }

  /** The bus has taken the first `messages` that were sent on this connection. */
  arrived(messages: number): void {
    this.#others.arrived(messages);
    this.#mayHaveOpened(this.#others);
  }

  /** The bus has ended `operation`; false if it was not sent, or had ended before. */
  complete(operation: OperationId): boolean {
    const ended = this.#others.complete(operation);
    this.#mayHaveOpened(this.#others);
    return ended;
  }

  /** Backup: what the primary says has left needs not be held. */
  dropLeft(left: number, confirmed: readonly StreamOffset[]): void {
    for (const { stream, offset } of confirmed) {
      const lane = this.#lane(stream);
      for (let head = lane.held.head; head !== undefined; head = lane.held.head) {
        if (endOf(head.output as StreamOutput) > offset) break;
        this.#shift(lane);
      }
      this.#confirm(lane, offset);
    }
    const { held } = this.#others;
    for (let head = held.head; head !== undefined; head = held.head) {
      if (head.position >= left || head.output.type === 'outcome') return;
      this.#shift(this.#others);
    }
  }

  /**
   * RS: the bus is ours, on a new connection, and has `streams` (see the message `fenced`).
   * Returns what is to be sent again; `uncertain` are the operations that must not be repeated because the bus does not know
   * their ids (`operationIds` off).
   */
  reattach(
    streams: readonly StreamPlaces[],
    next: number,
    operationIds: boolean,
  ): { again: Output[]; uncertain: OperationId[] } {
    this.#fence = { places: new Map(streams.map(places => [places.stream, places])), next };
    this.#messages = 0;
    for (const { stream, received } of streams) if (received > 0) this.#lane(stream);
    const sent = this.#others.takeSent();
    const held = [...this.#others.held.rest];
    for (const lane of this.#lanes.values()) {
      sent.push(...this.#fenced(lane));
      held.push(...lane.held.rest);
      lane.held.clear();
      lane.passed = 0;
    }
    for (const { stream, written } of streams) if (written > 0) this.confirm(stream, written);
    this.#holdAnew(held.sort((a, b) => a.sequence - b.sequence));
    return this.#sendAgain(
      sent.sort((a, b) => a.sequence - b.sequence),
      operationIds,
    );
  }

  #sendAgain(sent: readonly Item[], operationIds: boolean): { again: Output[]; uncertain: OperationId[] } {
    const uncertain: OperationId[] = [];
    const again: Output[] = [];
    for (const item of sent) {
      const { output } = item;
      if (output.type === 'operation' && !operationIds) {
        uncertain.push(output.operation.id);
        continue;
      }
      const lane = isOfStream(output) ? this.#lane(output.stream) : undefined;
      const rest = isOfStream(output) ? lane!.fresh(output) : output;
      if (rest === undefined) continue;
      again.push(rest);
      this.#messages += 1;
      (lane ?? this.#others).send({ ...item, output: rest, bytes: sizeOf(rest) }, this.#messages);
    }
    for (const lane of this.#lanes.values()) if (lane.isOver) this.#lanes.delete(lane.stream);
    return { again, uncertain };
  }

  #holdAnew(held: readonly Item[]): void {
    this.#others.held.clear();
    this.#others.passed = 0;
    this.#turns = new Queue();
    this.#passed.clear();
    this.#opened.clear();
    this.#held = 0;
    this.#heldBytes = 0;
    this.#heldData = 0;
    for (const item of held) {
      const { output } = item;
      const lane = isOfStream(output) ? this.#lane(output.stream) : undefined;
      const fresh = isOfStream(output) ? lane!.fresh(output) : output;
      if (fresh !== undefined) this.#push(lane ?? this.#others, { ...item, output: fresh, bytes: sizeOf(fresh) });
    }
  }

  /** What the bus had of a stream when it was fenced. */
  #acceptedOf(stream: number): number {
    const places = this.#fence?.places.get(stream);
    if (places !== undefined) return places.received;
    return stream >= FIRST_OPENED_STREAM && stream < (this.#fence?.next ?? 0) ? CLOSED : 0;
  }
}

/** Whether what is held on this way makes the guest wait. */
function counts(way: Lane | OtherOutputs): boolean {
  return !(way instanceof Lane) || way.stream < FIRST_OPENED_STREAM;
}

/** Neither dropped nor passed over; the first of all live turns is that of the first output of its way. */
function isLive({ way, sequence }: Turn): boolean {
  return (way.held.at(way.passed)?.sequence ?? Infinity) <= sequence;
}

/** What leaves together: pieces of a stream that follow each other are joined, up to a bound. */
class Leaving {
  readonly #joinedBytes: number;
  readonly #outputs: Output[] = [];
  #joining: Bytes[] = [];
  #bytes = 0;

  constructor(joinedBytes: number) {
    this.#joinedBytes = joinedBytes;
  }

  /** @returns whether it begins a message of its own */
  add(output: Output): boolean {
    const joins =
      output.type === 'stream' &&
      this.#joining[0]?.stream === output.stream &&
      this.#bytes + output.bytes.length <= this.#joinedBytes;
    if (!joins) this.#close();
    if (output.type === 'stream') {
      this.#joining.push(output);
      this.#bytes += output.bytes.length;
    } else {
      this.#outputs.push(output);
    }
    return !joins;
  }

  all(): Output[] {
    this.#close();
    return this.#outputs;
  }

  #close(): void {
    if (this.#joining.length > 0) this.#outputs.push(joined(this.#joining, this.#bytes));
    this.#joining = [];
    this.#bytes = 0;
  }
}

/** One output of all the pieces, which follow each other. */
function joined(pieces: readonly Bytes[], length: number): Output {
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
