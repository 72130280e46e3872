// How calls are entered: whatever goes wrong inside one becomes the errno it answers.

import { BLOCKED, CallFailure, SUCCESS } from '../errno.js';

/** A function of module wasi_snapshot_preview1: i32 come as signed numbers, i64 as signed bigints; answers an errno. */
export type Call = (...values: never[]) => number;

/** A call from inside: it answers by `fail`, `block` or coming back. Arguments as WebAssembly gives them. */
export type Body<T extends (number | bigint)[]> = (...values: T) => void;

/** What a call that blocked answers does not matter: it is made again. */
function errnoOf(thrown: unknown): number {
  if (thrown instanceof CallFailure) return thrown.errno;
  if (thrown === BLOCKED) return SUCCESS;
  throw thrown;
}

export function guard<T extends (number | bigint)[]>(body: Body<T>): Call {
  return ((...values: T): number => {
    try {
      body(...values);
      return SUCCESS;
    } catch (thrown) {
      return errnoOf(thrown);
    }
  }) as unknown as Call;
}

/** Addresses, lengths, descriptors and flags are unsigned. */
export function u32(value: number): number {
  return value >>> 0;
}

/** Rights: those that exist lie in 30 bits, the others are ignored. */
export function rightsOf(value: bigint): number {
  return Number(value & 0x3fff_ffffn);
}
