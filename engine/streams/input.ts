// An input stream: bytes that were delivered and not yet read by the program.

export interface InputState {
  readonly chunks: readonly Uint8Array[];
  readonly consumed: number;
  readonly ended: boolean;
}

/** Its bytes are bounded by the bus's window: what is not consumed is not released. */
export class Input {
  #chunks: Uint8Array[];
  #readableBytes: number;
  #consumed: number;
  #ended: boolean;

  constructor(state: InputState = { chunks: [], consumed: 0, ended: false }) {
    this.#chunks = [...state.chunks];
    this.#readableBytes = state.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#consumed = state.consumed;
    this.#ended = state.ended;
  }

  get readableBytes(): number {
    return this.#readableBytes;
  }

  /** Offset of the next byte to read. */
  get consumed(): number {
    return this.#consumed;
  }

  /** Whether nothing comes after what is readable. */
  get ended(): boolean {
    return this.#ended;
  }

  deliver(bytes: Uint8Array, end: boolean): void {
    if (bytes.length > 0) this.#chunks.push(bytes);
    this.#readableBytes += bytes.length;
    this.#ended ||= end;
  }

  /** Copies what is there and fits; `keep`: it stays there. */
  read(target: Uint8Array, keep: boolean): number {
    let done = 0;
    let used = 0;
    for (const chunk of this.#chunks) {
      if (done === target.length) break;
      const part = chunk.subarray(0, target.length - done);
      target.set(part, done);
      done += part.length;
      if (keep) continue;
      if (part.length === chunk.length) used += 1;
      else this.#chunks[used] = chunk.subarray(part.length);
    }
    if (!keep) {
      if (used > 0) this.#chunks.splice(0, used);
      this.#readableBytes -= done;
      this.#consumed += done;
    }
    return done;
  }

  save(): InputState {
    return { chunks: this.#chunks.map(chunk => chunk.slice()), consumed: this.#consumed, ended: this.#ended };
  }
}
