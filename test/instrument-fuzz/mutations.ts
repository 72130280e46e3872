// Random damage to a module's bytes.

import { leb } from '../building/bytes.js';
import type { Choices } from './choices.js';

type Mutation = (bytes: number[], choices: Choices) => void;

/** Bytes that mean something in many places: opcodes, types, section ids, the ends of LEB128 numbers. */
const TELLING = [
  0x00, 0x01, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f, 0x69, 0x0b, 0x40, 0x60, 0x70, 0x7b, 0x7c, 0x7d, 0x7e,
  0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff,
] as const;

const somewhere = (bytes: readonly number[], choices: Choices): number =>
  // Two draws: a module may be longer than one draw reaches.
  (choices.below(0x10000) * 0x10000 + choices.below(0x10000)) % Math.max(1, bytes.length);

const flipBit: Mutation = (bytes, choices) => {
  bytes[somewhere(bytes, choices)]! ^= 1 << choices.below(8);
};

const replace: Mutation = (bytes, choices) => {
  bytes[somewhere(bytes, choices)] = choices.pick(TELLING);
};

const insert: Mutation = (bytes, choices) => {
  bytes.splice(somewhere(bytes, choices), 0, choices.pick(TELLING));
};

const remove: Mutation = (bytes, choices) => {
  bytes.splice(somewhere(bytes, choices), 1 + choices.below(3));
};

const truncate: Mutation = (bytes, choices) => {
  bytes.length = somewhere(bytes, choices);
};

/** Copies a stretch of the module to another place. */
const splice: Mutation = (bytes, choices) => {
  const from = somewhere(bytes, choices);
  const stretch = bytes.slice(from, from + choices.below(40));
  bytes.splice(somewhere(bytes, choices), choices.below(40), ...stretch);
};

/** A number far larger than the module can hold: a count, a size or an index. */
const hugeNumber: Mutation = (bytes, choices) => {
  const value = choices.pick([0xffffffff, 0x7fffffff, 0x10000, 1_000_001, 50_001]);
  bytes.splice(somewhere(bytes, choices), 1, ...leb(value));
};

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  replace,
  insert,
  remove,
  splice,
  hugeNumber,
  flipBit,
  replace,
  truncate,
];

/** A copy of `bytes` with one to four mutations. */
export function mutate(bytes: Uint8Array, choices: Choices): Uint8Array<ArrayBuffer> {
  const copy = [...bytes];
  const count = 1 + choices.below(4);
  for (let i = 0; i < count; i++) choices.pick(MUTATIONS)(copy, choices);
  return new Uint8Array(copy);
}
