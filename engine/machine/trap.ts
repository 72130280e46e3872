// A trap of the guest in words that are the same on every replica: what V8 calls it, and the function it happened in.

import './webassembly.js';

export interface Trap {
  readonly message: string;
  /** Whether the meter's count is that of the trap: generated code stores the count before what is certain to trap. */
  readonly exact: boolean;
}

/** V8's name for the trap of an `unreachable` instruction, before which the count is stored. */
const UNREACHABLE = 'unreachable';

/** Undefined where the error is no trap of the guest. */
export function describeTrap(error: unknown, counting: 'block' | 'exact'): Trap | undefined {
  if (error instanceof WebAssembly.RuntimeError) {
    const exact = counting === 'exact' || error.message === UNREACHABLE;
    return { message: `${error.message} in ${functionOf(error)}`, exact };
  }
  if (error instanceof RangeError && error.message === 'Maximum call stack size exceeded') {
    return { message: 'stack overflow', exact: false };
  }
  return undefined;
}

/** The innermost wasm frame: `at NAME (wasm://wasm/HASH:wasm-function[INDEX]:0xOFFSET)`, the name where it has one. */
function functionOf(error: Error): string {
  const [, name, index] = /^\s*at (?:(.+) \()?wasm:\/\/.*?wasm-function\[(\d+)\]/m.exec(error.stack ?? '') ?? [];
  return name ?? `function ${index ?? '?'}`;
}
