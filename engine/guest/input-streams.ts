// Input streams as the guest sees them: bytes that were delivered and not yet read. Guest state.

/** An input stream as plain data. */
export interface InputState {
  readonly stream: number;
  readonly chunks: readonly Uint8Array[];
  readonly consumed: number;
  readonly ended: boolean;
}

/** One input stream. Its bytes are bounded by the bus's window: what is not consumed is not released. */
class Input {
  #chunks: Uint8Array[] = [];
  #readable = 0;
  #consumed = 0;
  #ended = false;

  constructor(state?: InputState) {
    if (state === undefined) return;
    this.#chunks = [...state.chunks];
    for (const chunk of this.#chunks) this.#readable += chunk.length;
    this.#consumed = state.consumed;
    this.#ended = state.ended;
  }

  save(stream: number): InputState {
    return {
      stream,
      chunks: this.#chunks.map(chunk => chunk.slice()),
      consumed: this.#consumed,
      ended: this.#ended,
    };
  }

  get readable(): number {
    return this.#readable;
  }

  get consumed(): number {
    return this.#consumed;
  }

  get atEnd(): boolean {
    return this.#ended && this.#readable === 0;
  }

  deliver(bytes: Uint8Array, end: boolean): void {
    if (bytes.length > 0) this.#chunks.push(bytes);
    this.#readable += bytes.length;
    this.#ended ||= end;
  }

  read(target: Uint8Array): number {
    let done = 0;
    for (let chunk = this.#chunks[0]; chunk !== undefined && done < target.length; chunk = this.#chunks[0]) {
      const part = chunk.subarray(0, target.length - done);
      target.set(part, done);
      done += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#readable -= done;
    this.#consumed += done;
    return done;
  }
}

/** The input streams of a machine, by number. */
export class InputStreams {
  readonly #streams: ReadonlyMap<number, Input>;

  /** @param state what `save` gave: the streams go on from there */
  constructor(numbers: readonly number[], state: readonly InputState[] = []) {
    this.#streams = new Map(numbers.map(number => [number, new Input(state.find(({ stream }) => stream === number))]));
  }

  save(): readonly InputState[] {
    return [...this.#streams].map(([number, input]) => input.save(number));
  }

  has(stream: number): boolean {
    return this.#streams.has(stream);
  }

  /** Answers the bytes now readable. */
  deliver(stream: number, bytes: Uint8Array, end: boolean): number {
    const input = this.#streams.get(stream);
    if (input === undefined) return 0;
    input.deliver(bytes, end);
    return input.readable;
  }

  /** Copies what is there; `undefined`: no such stream; `end`: nothing is left and nothing comes. */
  read(
    stream: number,
    target: Uint8Array,
  ): { read: number; consumed: number; readable: number; end: boolean } | undefined {
    const input = this.#streams.get(stream);
    if (input === undefined) return undefined;
    const end = input.atEnd;
    const read = input.read(target);
    return { read, consumed: input.consumed, readable: input.readable, end };
  }
}
