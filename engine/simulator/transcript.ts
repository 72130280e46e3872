// The bytes of a stream, as they were written: a list of pieces, for runs write thousands of them.

export class Transcript {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** Where two of them first differ, up to the end of the shorter; undefined: nowhere. */
  difference(other: Transcript): number | undefined {
    let [mine, at] = [0, 0];
    let start = 0;
    for (const piece of other.#pieces) {
      for (let index = 0; index < piece.length; index++, at++) {
        while (mine < this.#pieces.length && at - start === this.#pieces[mine]!.length) {
          start += this.#pieces[mine]!.length;
          mine += 1;
        }
        if (mine === this.#pieces.length) return undefined;
        if (this.#pieces[mine]![at - start] !== piece[index]) return at;
      }
    }
    return undefined;
  }
}

/** All bytes of several pieces, one after another. */
export function joinedBytes(pieces: readonly { readonly bytes: Uint8Array }[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  for (const { bytes } of pieces) {
    joined.set(bytes, at);
    at += bytes.length;
  }
  return joined;
}
