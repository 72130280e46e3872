// All of a guest's stdin so far, held for a bus that is started again: it asks by offsets (devices/console/asked-input.ts).

/** Given at once: what a read of a pipe gives. */
const PIECE_BYTES = 64 * 1024;

export class HeldInput {
  readonly #pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #length = 0;
  #isEnded = false;
  /** Told of whatever comes. */
  changed: () => void = () => undefined;

  /** @param bytes must not change afterwards */
  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pieces.push({ at: this.#length, bytes });
    this.#length += bytes.length;
    this.changed();
  }

  /** Nothing follows. */
  end(): void {
    this.#isEnded = true;
    this.changed();
  }

  /** What begins at an offset; undefined: there is nothing yet. */
  read(offset: number): { readonly bytes: Uint8Array; readonly end: boolean } | undefined {
    const found: Uint8Array[] = [];
    let at = offset;
    for (let index = this.#indexOf(offset); index < this.#pieces.length; index++) {
      const piece = this.#pieces[index]!;
      const bytes = piece.bytes.subarray(at - piece.at, at - piece.at + PIECE_BYTES - (at - offset));
      found.push(bytes);
      at += bytes.length;
      if (at - offset === PIECE_BYTES) break;
    }
    const end = this.#isEnded && at === this.#length;
    return at > offset || end ? { bytes: new Uint8Array(Buffer.concat(found)), end } : undefined;
  }

  /** Of the piece in which an offset lies. */
  #indexOf(offset: number): number {
    let [low, high] = [0, this.#pieces.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const { at, bytes } = this.#pieces[middle]!;
      if (at + bytes.length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
