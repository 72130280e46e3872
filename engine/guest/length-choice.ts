// The epoch length that suits a guest (EL), from what its instructions and its boundaries take: the shortest at which
// boundaries take less than 1 % of the time.
//
// Interrupts wait for the end of their epoch: none is to take longer than the bound, and where both can't be had (`original`,
// where a boundary is a round trip) the bound wins. A guest goes through phases, V8 optimises it while it runs, and a host
// has other things to do; the length follows the first two and not the third:
//
//   - it is one of a series, each about twice the one before; what is aimed at has room on either side before another is
//     chosen: a share of 0.8 %, kept while it is 0.2 to 1 %; half the bound, kept up to all of it;
//   - as to the share, the least of the last measurements counts, of instructions and of boundaries: who shares a processor
//     is not slower, only longer away, and a boundary that ships the log does so once in a millisecond, whatever the length.
//     As to the bound the fastest quarter counts, which are of a guest that is at it most of the time;
//   - no measurement of instructions is from before the last change, and only a bound that is not met is minded at once:
//     what else is wanted must be so for a while.

/** 1, 2, 5 and so on: short enough for a slow guest, long enough for any bound. */
export const EPOCH_LENGTHS: readonly number[] = [3, 4, 5, 6, 7].flatMap(power =>
  [1, 2, 5].map(factor => factor * 10 ** power),
);
/** Where a machine starts. */
export const FIRST_EPOCH_LENGTH = 100_000;

const SHARE_AIM = 0.008;
/** Kept while what is wanted is within these parts of what there is: shares of 0.2 to 1 %. */
const KEPT_FROM = 0.25;
const KEPT_TO = 1.25;
const BOUND_AIM = 0.5;
/** Measurements that count, of either kind. */
const MEASUREMENTS = 15;
/** Boundaries are measured less often than paces where the guest waits much: so many are enough. */
const BOUNDARIES_MIN = 5;
/** How often in a row a longer one is to be wanted, or a shorter one. */
const WANTED_TIMES = 10;

export class LengthChoice {
  readonly #boundNs: number;
  /** Of an instruction, ns. */
  #pacesNs: number[] = [];
  /** Of a boundary, ns. */
  #boundariesNs: number[] = [];
  /** Whether a longer one (1), a shorter one (-1) or the present one (0) was wanted last, and how often in a row. */
  #wanted = { direction: 0, times: 0 };

  /** @param boundNs the longest that an epoch is to take */
  constructor(boundNs: number) {
    this.#boundNs = boundNs;
  }

  /** @param ns what an instruction took, as an average of some milliseconds without boundaries */
  addPace(ns: number): void {
    this.#pacesNs = [...this.#pacesNs, ns].slice(-MEASUREMENTS);
  }

  addBoundary(ns: number): void {
    this.#boundariesNs = [...this.#boundariesNs, ns].slice(-MEASUREMENTS);
  }

  /** The length to go on with, `present` included. Another one is answered once: what it is like is to be measured first. */
  choose(present: number): number {
    if (this.#pacesNs.length < MEASUREMENTS || this.#boundariesNs.length < BOUNDARIES_MIN) return present;
    const boundaryNs = Math.min(...this.#boundariesNs);
    const shareLength = (boundaryNs * (1 - SHARE_AIM)) / SHARE_AIM / Math.min(...this.#pacesNs);
    const boundLength = this.#boundNs / lowerQuartile(this.#pacesNs);
    const wanted = lengthFor(present, shareLength, boundLength);
    const direction = Math.sign(wanted - present);
    this.#wanted = { direction, times: direction === this.#wanted.direction ? this.#wanted.times + 1 : 1 };
    if (direction === 0 || (present <= boundLength && this.#wanted.times < WANTED_TIMES)) return present;
    this.#pacesNs = [];
    this.#wanted = { direction: 0, times: 0 };
    return wanted;
  }
}

function lengthFor(present: number, shareLength: number, boundLength: number): number {
  const wanted = Math.min(shortestFrom(shareLength), longestTo(boundLength * BOUND_AIM));
  if (present > boundLength) return Math.min(wanted, present);
  if (shareLength > present * KEPT_TO) return Math.max(wanted, present);
  return shareLength < present * KEPT_FROM ? Math.min(wanted, present) : present;
}

function shortestFrom(length: number): number {
  return EPOCH_LENGTHS.find(one => one >= length) ?? EPOCH_LENGTHS.at(-1)!;
}

function longestTo(length: number): number {
  return EPOCH_LENGTHS.findLast(one => one <= length) ?? EPOCH_LENGTHS[0]!;
}

function lowerQuartile(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 2]!;
}
