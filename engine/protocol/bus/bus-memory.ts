// What the bus remembers beyond the death of its process (RB): facts, each kept before anything that follows from it is seen,
// and the memory that they add up to.
//
//   fact        kept before                                 lost with the process instead
//   fenced      the fence is answered
//   written     output is confirmed                         what was accepted and not written: owners have it, and send it again
//   input       a guest is told of it                       input of opened streams: they are reset
//   released                                                nothing: what was released is told again, and known to the guest
//   opened      a guest is told of it; so no number comes twice
//   closed      the close is confirmed, or told as received
//   ended       replicas are told that the machine is over
//
// Of operations nothing is kept. An owner asks again, by their ids, for those that are not ended for it; a device that must not
// do twice what it was asked for once remembers itself what it has done, since it alone can do both at once (devices/device.ts).

import type { StreamOffset } from '../messages.js';
import { FIRST_OPENED_STREAM, type Outcome } from '../vocabulary.js';

export type BusRecord =
  | { readonly type: 'fenced'; readonly view: number; readonly owner: string }
  /** Of a stream that is there from the start. `mark`: where its device finds again what came after. */
  | { readonly type: 'written'; readonly stream: number; readonly offset: number; readonly mark: number }
  | { readonly type: 'input'; readonly stream: number; readonly bytes: Uint8Array; readonly end: boolean }
  /** Of an input: bytes below `offset`; of a source: streams that it opened. */
  | { readonly type: 'released'; readonly stream: number; readonly offset: number }
  | { readonly type: 'opened'; readonly source: number; readonly stream: number; readonly data: Uint8Array }
  | { readonly type: 'closed'; readonly stream: number }
  | { readonly type: 'ended'; readonly outcome: Outcome };

export interface WrittenOutput extends StreamOffset {
  readonly mark: number;
}

/** Of an output whose device said none: whatever it finds, nothing of that came after. */
export const NO_MARK = Number.MAX_SAFE_INTEGER;

/** The input of a stream that is there from the start. */
export interface KeptInput {
  readonly stream: number;
  readonly released: number;
  /** What was told and not released, in order. */
  readonly chunks: readonly Uint8Array[];
  readonly ended: boolean;
}

export interface KeptSource {
  readonly stream: number;
  /** How many streams it has opened, and those of them that are not released: the last ones. */
  readonly opened: number;
  readonly unreleased: readonly { readonly stream: number; readonly data: Uint8Array }[];
}

export interface BusMemory {
  readonly view: { readonly number: number; readonly primary: string } | undefined;
  readonly outputs: readonly WrittenOutput[];
  readonly inputs: readonly KeptInput[];
  readonly sources: readonly KeptSource[];
  /** Opened streams that the guest has not closed: the outside of them has gone. `offset`: how much of their output is there. */
  readonly open: readonly StreamOffset[];
  /** The number of the stream that is opened next. */
  readonly next: number;
  readonly outcome: Outcome | undefined;
}

export const NOTHING_REMEMBERED: BusMemory = {
  view: undefined,
  outputs: [],
  inputs: [],
  sources: [],
  open: [],
  next: FIRST_OPENED_STREAM,
  outcome: undefined,
};

/** Of streams that are there from the start: below this a bus has let go of input, and of streams that were opened, and tells none again. */
export function releasedOf({ inputs, sources }: Pick<BusMemory, 'inputs' | 'sources'>): StreamOffset[] {
  return [
    ...inputs.map(({ stream, released }) => ({ stream, offset: released })),
    ...sources.map(({ stream, opened, unreleased }) => ({ stream, offset: opened - unreleased.length })),
  ].filter(({ stream }) => stream < FIRST_OPENED_STREAM);
}

/** An opened stream that the guest is not known to have closed. */
export interface OpenStream extends StreamOffset {
  /** Its guest is not known to have been told of it: the source that opened it, and how many that had opened before. */
  readonly untold?: StreamOffset;
}

/** Those of a bus that was started again: the outside of them has gone. */
export function openOf({ open, sources }: Pick<BusMemory, 'open' | 'sources'>): OpenStream[] {
  const untold = new Map(
    sources.flatMap(({ stream: source, opened, unreleased }) =>
      unreleased.map(
        ({ stream }, at) => [stream, { stream: source, offset: opened - unreleased.length + at }] as const,
      ),
    ),
  );
  return open.map(one => ({ ...one, ...(untold.has(one.stream) ? { untold: untold.get(one.stream)! } : {}) }));
}

/** How far the streams of a machine that is resumed had come, by stream. */
export interface StreamOffsets {
  readonly outputs: readonly StreamOffset[];
  readonly inputs: readonly StreamOffset[];
  /** Streams that were open: the outside has gone, they are reset. */
  readonly lost?: readonly StreamOffset[];
}

/** What a bus knows of a machine that goes on from a snapshot. @param sources which of the inputs are sources */
export function memoryOf({ outputs, inputs, lost = [] }: StreamOffsets, sources: readonly number[]): BusMemory {
  const isSource = ({ stream }: StreamOffset) => sources.includes(stream);
  return {
    ...NOTHING_REMEMBERED,
    outputs: outputs.map(({ stream, offset }) => ({ stream, offset, mark: NO_MARK })),
    inputs: inputs
      .filter(one => !isSource(one))
      .map(({ stream, offset }) => ({ stream, released: offset, chunks: [], ended: false })),
    sources: inputs.filter(isSource).map(({ stream, offset }) => ({ stream, opened: offset, unreleased: [] })),
    open: lost,
    next: lost.reduce((next, { stream }) => Math.max(next, stream + 1), FIRST_OPENED_STREAM),
  };
}

interface Input extends KeptInput {
  released: number;
  readonly chunks: Uint8Array[];
  ended: boolean;
}

interface Source extends KeptSource {
  opened: number;
  readonly unreleased: { readonly stream: number; readonly data: Uint8Array }[];
}

/** Adds facts up: what they say, and no more, is there when the bus is started again. */
export class Remembrance {
  #view: BusMemory['view'];
  #outcome: Outcome | undefined;
  #next: number;
  readonly #outputs: Map<number, WrittenOutput>;
  readonly #inputs = new Map<number, Input>();
  readonly #sources = new Map<number, Source>();
  readonly #open: Map<number, StreamOffset>;

  constructor({ view, outputs, inputs, sources, open, next, outcome }: BusMemory) {
    this.#view = view;
    this.#outcome = outcome;
    this.#next = next;
    this.#outputs = byStream(outputs);
    this.#open = byStream(open);
    for (const input of inputs) this.#inputs.set(input.stream, { ...input, chunks: [...input.chunks] });
    for (const source of sources) {
      this.#sources.set(source.stream, { ...source, unreleased: [...source.unreleased] });
    }
  }

  get memory(): BusMemory {
    return {
      view: this.#view,
      outputs: [...this.#outputs.values()],
      inputs: [...this.#inputs.values()].map(input => ({ ...input, chunks: [...input.chunks] })),
      sources: [...this.#sources.values()].map(source => ({ ...source, unreleased: [...source.unreleased] })),
      open: [...this.#open.values()],
      next: this.#next,
      outcome: this.#outcome,
    };
  }

  add(record: BusRecord): void {
    switch (record.type) {
      case 'fenced':
        this.#view = { number: record.view, primary: record.owner };
        break;
      case 'written': {
        const { stream, offset, mark } = record;
        this.#outputs.set(stream, { stream, offset, mark });
        break;
      }
      case 'input': {
        const input = this.#inputs.get(record.stream) ?? noInput(record.stream);
        this.#inputs.set(record.stream, input);
        if (record.bytes.length > 0) input.chunks.push(record.bytes);
        input.ended = record.end;
        break;
      }
      case 'released':
        this.#release(record.stream, record.offset);
        break;
      case 'opened': {
        const { source, stream, data } = record;
        const opener = this.#sources.get(source) ?? { stream: source, opened: 0, unreleased: [] };
        this.#sources.set(source, opener);
        opener.opened += 1;
        opener.unreleased.push({ stream, data });
        this.#open.set(stream, { stream, offset: 0 });
        this.#next = stream + 1;
        break;
      }
      case 'closed':
        this.#open.delete(record.stream);
        break;
      case 'ended':
        this.#outcome = record.outcome;
    }
  }

  #release(stream: number, offset: number): void {
    const source = this.#sources.get(stream);
    if (source !== undefined) {
      const keep = Math.max(0, Math.min(source.unreleased.length, source.opened - offset));
      source.unreleased.splice(0, source.unreleased.length - keep);
      return;
    }
    const input = this.#inputs.get(stream);
    if (input === undefined) return;
    const { chunks } = input;
    for (let first = chunks[0]; first !== undefined && input.released < offset; first = chunks[0]) {
      const bytes = Math.min(first.length, offset - input.released);
      if (bytes === first.length) chunks.shift();
      else chunks[0] = first.subarray(bytes);
      input.released += bytes;
    }
  }
}

function noInput(stream: number): Input {
  return { stream, released: 0, chunks: [], ended: false };
}

function byStream<T extends { readonly stream: number }>(all: readonly T[]): Map<number, T> {
  return new Map(all.map(one => [one.stream, one]));
}
