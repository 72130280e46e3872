// Results of the embedder's environment functions, as environment instructions: each is one or more values of 64 bits, logged and
// consumed one by one like a clock's (P0, P6).
//
// A value holds seven bytes and, above them, a tag: how many of the seven count, and whether it is the last. A backup that is
// promoted amid a result has the first values of the dead primary's and would go on with its own: it begins anew, and says so
// by a tag, for the backups that follow its log.

import { joined } from '../host/host-values.js';

const BYTES = 7;
const TAG_LAST = 0x10;
const TAG_AGAIN = 0x20;

export class HostResults {
  /** An environment instruction of the guest's. */
  readonly #next: () => bigint;
  #produce: () => Uint8Array = () => new Uint8Array(0);
  /** What is still to be given of this replica's own result, where it has one. */
  #own: bigint[] | undefined;
  /** Of the result under way. */
  #gathered: Uint8Array[] = [];

  constructor(next: () => bigint) {
    this.#next = next;
  }

  /** @param produce is called where this replica is to answer, at most once */
  take(produce: () => Uint8Array): Uint8Array {
    this.#produce = produce;
    this.#own = undefined;
    this.#gathered = [];
    for (;;) {
      const value = BigInt.asUintN(64, this.#next());
      const tag = Number(value >> 56n);
      if (tag === TAG_AGAIN) {
        this.#gathered = [];
        continue;
      }
      this.#gathered.push(bytesOf(value, tag & ~TAG_LAST));
      if ((tag & TAG_LAST) !== 0) return joined(this.#gathered);
    }
  }

  /** What the host answers, at the primary: a value of the result that is being taken. */
  read(): bigint {
    if (this.#own === undefined) {
      this.#own = valuesOf(this.#produce());
      if (this.#gathered.length > 0) return BigInt(TAG_AGAIN) << 56n;
    }
    return this.#own.shift()!;
  }
}

function bytesOf(value: bigint, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));
}

/** One at least: what is empty has a last value, too. */
function valuesOf(bytes: Uint8Array): bigint[] {
  const count = Math.max(1, Math.ceil(bytes.length / BYTES));
  return Array.from({ length: count }, (_, index) => {
    const piece = bytes.subarray(index * BYTES, (index + 1) * BYTES);
    const tag = piece.length | (index === count - 1 ? TAG_LAST : 0);
    return piece.reduce((value, byte, at) => value | (BigInt(byte) << BigInt(8 * at)), BigInt(tag) << 56n);
  });
}
