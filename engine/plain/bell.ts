// What wakes a thread that blocks: whoever has something for it rings, and it sleeps only if nobody has since it last looked.

export class Bell {
  /** [0] how often it was rung: a 32-bit counter that wraps. */
  readonly #rung: Int32Array;
  #heard = 0;

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(4);
  }

  /** @param memory from `allocate`, shared by all who ring and the one who sleeps */
  constructor(memory: SharedArrayBuffer) {
    this.#rung = new Int32Array(memory);
  }

  /** To be called once the thing is where the sleeper looks for it. */
  ring(): void {
    Atomics.add(this.#rung, 0, 1);
    Atomics.notify(this.#rung, 0);
  }

  /** The sleeper is about to look. @returns whether it was rung since it did so before */
  hear(): boolean {
    const rung = Atomics.load(this.#rung, 0);
    const anew = rung !== this.#heard;
    this.#heard = rung;
    return anew;
  }

  /** Returns when it is rung, or was since the last `hear`, or after `leftMs`. */
  sleep(leftMs: number): void {
    Atomics.wait(this.#rung, 0, this.#heard, leftMs);
  }
}
