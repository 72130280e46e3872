// What an I/O thread knows of what is in flight, in memory that it shares with its guest's thread: who kills the process from the
// guest's thread can ask nobody.
//
//   words  0 turn   odd while the others are written
//          1 ...    the numbers below, in their order
//
// It is as of the last that was said or heard. The I/O thread goes on meanwhile: what it does between that and the end of its
// process is not in it.

import { assert } from '../errors/errors.js';
import type { InFlight } from '../replica/io-hook.js';

const NUMBERS = [
  ...(['view', 'epoch', 'count', 'outstanding', 'sent', 'received', 'sentPosition', 'acknowledgedPosition'] as const),
  ...(['outputsReleased', 'heldBytes'] as const),
] as const;
const TURN = 0;
const FIRST = 1;
const ROLE = FIRST + NUMBERS.length;
const END_LEFT = ROLE + 1;
const WORDS = END_LEFT + 1;
const ROLES = ['primary', 'backup'] as const;

export function writeInFlight(shared: SharedArrayBuffer, inFlight: InFlight): void {
  const words = new BigInt64Array(shared, 0, WORDS);
  const store = (at: number, value: number) => void Atomics.store(words, at, BigInt(value));
  Atomics.add(words, TURN, 1n);
  for (const [index, name] of NUMBERS.entries()) store(FIRST + index, inFlight[name]);
  store(ROLE, ROLES.indexOf(inFlight.role));
  store(END_LEFT, inFlight.endLeft ? 1 : 0);
  Atomics.add(words, TURN, 1n);
}

/** Undefined where nothing was said or heard so far. */
export function readInFlight(shared: SharedArrayBuffer): InFlight | undefined {
  const words = new BigInt64Array(shared, 0, WORDS);
  for (;;) {
    const turn = Atomics.load(words, TURN);
    if (turn === 0n) return undefined;
    const read = Array.from(words, (_, at) => Number(Atomics.load(words, at)));
    // Whoever writes is in the middle of it, for a moment.
    if (turn % 2n !== 0n || Atomics.load(words, TURN) !== turn) continue;
    const role = ROLES[read[ROLE]!];
    assert(role !== undefined, 'a role is one of two');
    const numbers = Object.fromEntries(NUMBERS.map((name, index) => [name, read[FIRST + index]!]));
    return { ...(numbers as Record<(typeof NUMBERS)[number], number>), role, endLeft: read[END_LEFT] === 1 };
  }
}
