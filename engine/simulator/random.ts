// Seeded randomness: everything that a run leaves to chance comes from here, so that a seed is a run.

/** sfc32 (Chris Doty-Humphrey, PractRand): small, fast, good enough to choose faults with. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed a whole number; the lower 53 bits count */
  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let i = 0; i < 12; i++) this.#next();
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor((this.#next() / 2 ** 32) * bound);
  }

  /** A whole number in [least, most]. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(probability: number): boolean {
    return this.#next() / 2 ** 32 < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** A generator of its own: what one part of a run draws does not shift what another does. */
  fork(): Random {
    return new Random(this.#next() * 2 ** 21 + (this.#next() & 0x1fffff));
  }
}

/** Mixes `value` into `hash`; the finaliser of MurmurHash3, 32 bits. */
export function mix(hash: number, value: number): number {
  let h = Math.imul(hash ^ value, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) + 0x27d4eb2f;
  return (h ^ (h >>> 16)) | 0;
}

export function mixBytes(hash: number, bytes: Uint8Array): number {
  let h = mix(hash, bytes.length);
  for (const byte of bytes) h = (Math.imul(h, 31) + byte) | 0;
  return mix(h, 1);
}

/** Mixes all 64 bits. */
export function mixWide(hash: number, value: bigint): number {
  return mix(mix(hash, Number(BigInt.asIntN(32, value))), Number(BigInt.asIntN(32, value >> 32n)));
}
