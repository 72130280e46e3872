// The frame of every random program: what the bodies of its functions may name.

import type { ValueType } from './operators.js';

export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export interface ProgramOptions {
  /** Whether NaN bits that the specification leaves open may show in numbers or memory. */
  readonly nanBits: boolean;
  /** Whether the program counts its own instructions in an exported i64 global `counted`: an oracle for ours. */
  readonly counted: boolean;
  /** Whether there are tags, throws and tries, in the legacy form; the same decisions make another program then. */
  readonly exceptions?: boolean;
}

/** What function writers know of the module around them. */
export interface Frame {
  readonly signatures: readonly Signature[];
  /** Type index of every function, imports first. */
  readonly functionTypes: readonly number[];
  /** Function index in every table slot at the start, null for none. */
  readonly table: readonly (number | null)[];
  readonly options: ProgramOptions;
}

/** What exceptions of each tag carry, where the program has tags. */
export const TAGS: readonly (readonly ValueType[])[] = [[], ['i32'], ['i64'], ['f64', 'i32', 'v128', 'i32']];

export const SEE_32 = 0;
export const SEE_64 = 1;
export const ASK = 2;
export const IMPORTED_FUNCTIONS = 3;
export const GLOBALS: readonly ValueType[] = ['i32', 'i32', 'i64', 'f32', 'f64', 'v128'];
export const FUEL_GLOBAL = 0;
export const COUNTED_GLOBAL = GLOBALS.length;
export const TABLE_SLOTS = 8;
export const PASSIVE_DATA = 1;
export const PASSIVE_ELEMENTS = 1;
export const SEGMENT_ITEMS = 24;
