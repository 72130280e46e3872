// The type of a host function as a guest imports it.
//
//   i32 i64 f32 f64   themselves
//   bytes, text       a parameter: two, address and length; a result: two more parameters, address and length of the room for it,
//                     and the result is its whole length, i32: where that is more than the room, as much as fits was written
//   nothing           no result

import type { HostFunction, HostKind } from './host-function.js';

export function isBytes(kind: string): kind is 'bytes' | 'text' {
  return kind === 'bytes' || kind === 'text';
}

/** Wasm values of a call: as many as `params` take. */
export function widthOf(kind: HostKind): 1 | 2 {
  return isBytes(kind) ? 2 : 1;
}

/** In the notation of messages: `(i32, i32) -> (f64)`. */
export function signatureOf({ params, result }: Pick<HostFunction, 'params' | 'result'>): string {
  const given = params.flatMap(kind => (isBytes(kind) ? ['i32', 'i32'] : [kind]));
  if (isBytes(result)) given.push('i32', 'i32');
  const results = result === 'nothing' ? '' : isBytes(result) ? 'i32' : result;
  return `(${given.join(', ')}) -> (${results})`;
}
