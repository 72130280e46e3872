// The streams of a machine at the bus: those that are there from the start, and those that sources open while it runs.
//
//   opened by a source --> told to the guest --> bytes both ways, an end of either side, a reset --> closed by the guest
//
// Each has windows of its own, so that one that stands still stops nobody else. A stream that the guest has closed is forgotten
// once the outside has taken all of it; its number is never used again, so what is still sent for it is known to be there.
//
// A source is an input whose items are the streams that it opens: they are kept until they are released, and told again.

import { assert } from '../../errors/errors.js';
import type { Bounds } from '../bounds.js';
import type { StreamOffset, StreamPlaces } from '../messages.js';
import { FIRST_OPENED_STREAM, type Interrupt } from '../vocabulary.js';
import type { BusEffect, BusOptions } from './bus-events.js';
import { type BusMemory, type BusRecord, memoryOf, NOTHING_REMEMBERED } from './bus-memory.js';
import { InputSide } from './input-side.js';
import { endOf, OutputSide, type StreamOutput } from './output-side.js';

type Opened = Interrupt & { readonly kind: 'opened' };

/** What a source has opened, and the guest was not known to be told of. */
interface Source {
  unreleased: Opened[];
  opened: number;
  paused: boolean;
}

interface Stream {
  readonly output: OutputSide | undefined;
  readonly input: InputSide | undefined;
  readonly source: Source | undefined;
  /** The outside has broken it off. */
  reset: boolean;
  /** It was open on a bus before this one: no device knows it, and whatever is sent for it goes nowhere. */
  readonly lost: boolean;
}

/** How the bus speaks while it answers an event. */
export interface Voice {
  /** To be kept before what follows is seen, where this bus may be started again (RB). */
  keep(record: BusRecord): void;
  /** Carried out in order. */
  effect(effect: BusEffect): void;
  /** To the owner, if it is there (RL). */
  interrupt(interrupt: Interrupt): void;
  /** To the owner: everything of `stream` below `offset` is there (OF). */
  confirmed(stream: number, offset: number): void;
}

const NO_INPUT = { released: 0, chunks: [], ended: false };
const NOTHING_OPENED = { opened: 0, unreleased: [] };

export class Streams {
  readonly #bounds: Bounds;
  readonly #voice: Voice;
  readonly #streams = new Map<number, Stream>();
  #next = FIRST_OPENED_STREAM;
  /** Streams with output that the outside has not taken. */
  #unwritten = 0;
  /** Bytes of input kept for opened streams, and those of them that wait for room in all. */
  #keptBytes = 0;
  readonly #paused = new Set<number>();
  /** What is not written is lost with the process: nobody is told that it is here. */
  readonly #mayRestart: boolean;

  constructor(options: BusOptions, bounds: Bounds, voice: Voice) {
    this.#bounds = bounds;
    this.#voice = voice;
    const { outputStreams, inputStreams, sourceStreams = [], offsets } = options;
    this.#mayRestart = options.memory !== undefined;
    const memory = options.memory ?? (offsets === undefined ? NOTHING_REMEMBERED : memoryOf(offsets, sourceStreams));
    for (const stream of new Set([...sourceStreams, ...inputStreams, ...outputStreams])) {
      this.#streams.set(stream, {
        output: outputStreams.includes(stream) ? outputOf(memory, stream) : undefined,
        input: inputStreams.includes(stream) ? inputOf(memory, stream) : undefined,
        source: sourceStreams.includes(stream) ? sourceOf(memory, stream) : undefined,
        reset: false,
        lost: false,
      });
    }
    for (const { stream, offset } of memory.open) {
      const [output, input] = [new OutputSide(stream, offset), new InputSide(stream, 0)];
      this.#streams.set(stream, { output, input, source: undefined, reset: true, lost: true });
    }
    this.#next = memory.next;
  }

  /** The number of the stream that is opened next. */
  get next(): number {
    return this.#next;
  }

  /** Those of which output was accepted, or may be (FN). */
  get places(): StreamPlaces[] {
    return [...this.#streams].flatMap(([stream, { output }]) => {
      if (output === undefined) return [];
      // An owner that was told so would not have it any more when it is needed again (RB).
      const isCertain = !this.#mayRestart || stream >= FIRST_OPENED_STREAM;
      return [{ stream, received: isCertain ? output.received : output.written, written: output.written }];
    });
  }

  /** How much of each input is released (RL). */
  get released(): StreamOffset[] {
    return [...this.#streams].flatMap(([stream, { input, source }]) => {
      if (source !== undefined) return [{ stream, offset: source.opened - source.unreleased.length }];
      return input === undefined ? [] : [{ stream, offset: input.released }];
    });
  }

  /** Opened streams that are not closed. */
  get open(): number[] {
    return [...this.#streams.keys()].filter(stream => stream >= FIRST_OPENED_STREAM);
  }

  /** Whether the outside has not taken all output. */
  get isUnwritten(): boolean {
    return this.#unwritten > 0;
  }

  // ---- output

  /** @returns why its sender is to be cut off; undefined: all is well */
  output(output: StreamOutput): string | undefined {
    const { stream } = output;
    const state = this.#streams.get(stream);
    if (state?.output === undefined) {
      if (state !== undefined || stream < FIRST_OPENED_STREAM || stream >= this.#next) {
        return `output of stream ${stream}, which takes none`;
      }
      // Closed: it counts against its sender's window, and is answered.
      this.#voice.confirmed(stream, endOf(output));
      return undefined;
    }
    if (output.type !== 'stream' && stream < FIRST_OPENED_STREAM)
      return `${output.type} of stream ${stream}, which was not opened`;
    if (state.lost) {
      if (output.type === 'close' && this.#streams.delete(stream)) this.#voice.keep({ type: 'closed', stream });
      this.#voice.confirmed(stream, endOf(output));
      return undefined;
    }
    const side = state.output;
    const refusal = side.refusal(output);
    if (refusal !== undefined) return refusal;
    // What is new past the bound is of somebody who sends whatever the outside takes.
    if (side.unwritten > this.#bounds.unwrittenBytes && endOf(output) > side.received) {
      return `${side.unwritten} bytes of output wait for the outside`;
    }
    const idle = side.unwritten === 0;
    const accepted = side.accept(output);
    if (accepted === undefined) {
      // It is answered, now or when the outside has it.
      if (side.written >= endOf(output)) this.#voice.confirmed(stream, side.written);
      return undefined;
    }
    if (side.closed) {
      this.#discardInput(stream, state);
      this.#voice.keep({ type: 'closed', stream });
    }
    if (state.reset && accepted.type !== 'closeStream') {
      side.discard();
      this.#voice.confirmed(stream, side.written);
      return undefined;
    }
    if (idle) this.#unwritten += 1;
    this.#voice.effect(accepted);
    return undefined;
  }

  written(stream: number, offset: number, mark: number): void {
    const state = this.#streams.get(stream);
    const side = state?.output;
    // It was reset while it was being closed.
    if (state === undefined && stream >= FIRST_OPENED_STREAM && stream < this.#next) return;
    // A reset has overtaken what the device was writing.
    if (state?.reset === true && side !== undefined && offset <= side.written) return;
    assert(side !== undefined, 'a device writes to its streams');
    side.wrote(offset);
    if (side.unwritten === 0) this.#unwritten -= 1;
    if (side.closed && side.unwritten === 0) this.#streams.delete(stream);
    if (stream < FIRST_OPENED_STREAM) this.#voice.keep({ type: 'written', stream, offset, mark });
    this.#voice.confirmed(stream, offset);
  }

  // ---- opened streams

  opened(source: number, stream: number, data: Uint8Array): void {
    const state = this.#streams.get(source)?.source;
    assert(state !== undefined && stream === this.#next, 'a source opens the next stream');
    this.#next += 1;
    this.#voice.keep({ type: 'opened', source, stream, data });
    const interrupt = { kind: 'opened', stream: source, offset: state.opened, opened: stream, data } as const;
    state.opened += 1;
    state.unreleased.push(interrupt);
    this.#streams.set(stream, {
      output: new OutputSide(stream, 0),
      input: new InputSide(stream, 0),
      source: undefined,
      reset: false,
      lost: false,
    });
    this.#voice.interrupt(interrupt);
    if (state.paused || state.unreleased.length < this.#bounds.unreleasedStreams) return;
    state.paused = true;
    this.#voice.effect({ rule: 'RL', type: 'pauseInput', stream: source });
  }

  reset(stream: number): void {
    const state = this.#streams.get(stream);
    assert(stream >= FIRST_OPENED_STREAM, 'what was opened can be reset');
    if (state?.output === undefined || state.reset) return;
    state.reset = true;
    const { closed, unwritten } = state.output;
    state.output.discard();
    if (unwritten > 0) {
      this.#unwritten -= 1;
      this.#voice.confirmed(stream, state.output.written);
    }
    if (closed) this.#streams.delete(stream);
    else this.#voice.interrupt({ kind: 'reset', stream });
  }

  // ---- input (RL)

  input(stream: number, bytes: Uint8Array, end: boolean): void {
    const state = this.#streams.get(stream);
    // What was on its way when the guest closed it.
    if (stream >= FIRST_OPENED_STREAM && (state === undefined || state.output?.closed === true)) return;
    assert(state?.input !== undefined, 'a device gives input of its streams');
    // The device of a bus that was started again reads what it finds; this stream was over before.
    if (this.#mayRestart && state.input.ended) return;
    const interrupt = state.input.take(bytes, end);
    if (stream >= FIRST_OPENED_STREAM) this.#keptBytes += bytes.length;
    else this.#voice.keep({ type: 'input', stream, bytes, end });
    if (interrupt !== undefined) this.#voice.interrupt(interrupt);
    if (state.input.paused || end || !this.#isFull(stream, state.input)) return;
    state.input.paused = true;
    this.#paused.add(stream);
    this.#voice.effect({ rule: 'RL', type: 'pauseInput', stream });
  }

  #isFull(stream: number, { kept }: InputSide): boolean {
    const { inputWindowBytes, openedInputBytes, openedInputShareBytes, openedInputTotalBytes } = this.#bounds;
    if (stream < FIRST_OPENED_STREAM) return kept >= inputWindowBytes;
    return kept >= openedInputBytes || (this.#keptBytes >= openedInputTotalBytes && kept >= openedInputShareBytes);
  }

  /** @returns why its sender is to be cut off; undefined: all is well */
  release(stream: number, offset: number): string | undefined {
    const state = this.#streams.get(stream);
    // It is closed, and was released with that.
    if (state === undefined && stream >= FIRST_OPENED_STREAM && stream < this.#next) return undefined;
    const wrong = `release of input of stream ${stream} at ${offset}, which was not sent`;
    if (state?.source !== undefined) return this.#releaseOpened(stream, state.source, offset) ? undefined : wrong;
    if (state?.input === undefined) return wrong;
    const before = state.input.kept;
    // The input of a closed stream is released as a whole, whatever was told of it; and what a lost one has told is gone.
    if (state.lost || state.output?.closed === true) return undefined;
    if (!state.input.release(offset)) return wrong;
    if (stream < FIRST_OPENED_STREAM) this.#voice.keep({ type: 'released', stream, offset });
    this.#released(stream, state.input, before);
    return undefined;
  }

  #released(stream: number, input: InputSide, before: number): void {
    if (stream >= FIRST_OPENED_STREAM) {
      const { openedInputTotalBytes } = this.#bounds;
      const full = this.#keptBytes >= openedInputTotalBytes;
      this.#keptBytes -= before - input.kept;
      if (full && this.#keptBytes < openedInputTotalBytes) this.#resumeAll();
    }
    this.#resumeIfRoom(stream, input);
  }

  /** What waited for room in all. */
  #resumeAll(): void {
    for (const stream of this.#paused) {
      const input = this.#streams.get(stream)?.input;
      if (input !== undefined) this.#resumeIfRoom(stream, input);
    }
  }

  #resumeIfRoom(stream: number, input: InputSide): void {
    const opened = stream >= FIRST_OPENED_STREAM;
    const window = opened ? this.#bounds.openedInputBytes : this.#bounds.inputWindowBytes;
    if (!input.paused || input.kept > window / 2 || this.#isFull(stream, input)) return;
    input.paused = false;
    this.#paused.delete(stream);
    this.#voice.effect({ rule: 'RL', type: 'resumeInput', stream });
  }

  #releaseOpened(stream: number, source: Source, offset: number): boolean {
    if (offset > source.opened) return false;
    this.#voice.keep({ type: 'released', stream, offset });
    const keep = Math.min(source.unreleased.length, source.opened - offset);
    source.unreleased = keep === 0 ? [] : source.unreleased.slice(-keep);
    if (!source.paused || keep > this.#bounds.unreleasedStreams / 2) return true;
    source.paused = false;
    this.#voice.effect({ rule: 'RL', type: 'resumeInput', stream });
    return true;
  }

  #discardInput(stream: number, { input }: Stream): void {
    assert(input !== undefined, 'what was opened has both sides');
    const before = input.kept;
    input.discard();
    input.paused = false;
    this.#paused.delete(stream);
    this.#released(stream, input, before);
  }

  // ---- a new owner (FN)

  /** Tells whoever owns the bus now what its guest may not have been told: first what was opened, then what came of it. */
  tellAgain(): void {
    for (const { source } of this.#streams.values()) {
      for (const interrupt of source?.unreleased ?? []) this.#voice.interrupt(interrupt);
    }
    for (const [stream, { input, output, reset }] of this.#streams) {
      if (output?.closed === true) continue;
      for (const interrupt of input?.unreleased() ?? []) this.#voice.interrupt(interrupt);
      if (reset) this.#voice.interrupt({ kind: 'reset', stream });
    }
  }

  /** The machine is over, and waits no longer for those who take nothing: what opened streams still hold is lost. */
  giveUp(): void {
    for (const [stream, state] of this.#streams) {
      if (stream < FIRST_OPENED_STREAM || state.output === undefined || state.output.unwritten === 0) continue;
      state.output.discard();
      state.reset = true;
      this.#unwritten -= 1;
    }
  }
}

// ---- what is remembered of a stream

function outputOf({ outputs }: BusMemory, stream: number): OutputSide {
  return new OutputSide(stream, outputs.find(one => one.stream === stream)?.offset ?? 0);
}

function inputOf({ inputs }: BusMemory, stream: number): InputSide {
  const { released, chunks, ended } = inputs.find(one => one.stream === stream) ?? NO_INPUT;
  return new InputSide(stream, released, chunks, ended);
}

function sourceOf({ sources }: BusMemory, stream: number): Source {
  const { opened, unreleased } = sources.find(one => one.stream === stream) ?? NOTHING_OPENED;
  const first = opened - unreleased.length;
  return {
    opened,
    unreleased: unreleased.map(({ stream: number, data }, at) => {
      return { kind: 'opened', stream, offset: first + at, opened: number, data };
    }),
    paused: false,
  };
}
