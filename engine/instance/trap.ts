// A trap of the guest in words that are the same on every replica: what V8 calls it, and the function it happened in.

import './webassembly.js';

export interface Trap {
  readonly message: string;
  /** Whether the meter's count is that of the trap: generated code stores the count before what is certain to trap. */
  readonly exact: boolean;
}

/** V8's name for the trap of an `unreachable` instruction, before which the count is stored. */
const UNREACHABLE = 'unreachable';

/** Our name for the trap of an exception that nobody catches; the count is stored when it is thrown. */
export const UNCAUGHT_EXCEPTION = 'uncaught exception';

/** An embedder's function failed: a trap, at the call, whose words are the same on every replica. */
export class HostFailure {
  readonly message: string;
  constructor(name: string, reason: string) {
    this.message = `host function ${name} failed: ${reason}`;
  }
}

/** Messages of V8's RangeError, and of the one that stands for the guest's allowance. */
const STACK_OVERFLOWS: readonly string[] = ['call stack exhausted', 'Maximum call stack size exceeded'];

/** Undefined where the error is no trap of the guest. */
export function describeTrap(error: unknown, counting: 'block' | 'exact'): Trap | undefined {
  if (error instanceof HostFailure) return { message: error.message, exact: true };
  if (error instanceof WebAssembly.RuntimeError) {
    const exact = counting === 'exact' || error.message === UNREACHABLE || error.message === UNCAUGHT_EXCEPTION;
    // By then the stack is gone, and with it the function that threw.
    if (error.message === UNCAUGHT_EXCEPTION) return { message: error.message, exact };
    return { message: `${error.message} in ${functionOf(error)}`, exact };
  }
  // The allowance of generated code (instance.ts), and the host's own limit, which must lie far behind it.
  if (error instanceof RangeError && STACK_OVERFLOWS.includes(error.message)) {
    return { message: `stack overflow in ${functionOf(error)}`, exact: counting === 'exact' };
  }
  return undefined;
}

/** The innermost wasm frame: `at NAME (wasm://wasm/HASH:wasm-function[INDEX]:0xOFFSET)`, the name where it has one. */
function functionOf(error: Error): string {
  const [, name, index] = /^\s*at (?:(.+) \()?wasm:\/\/.*?wasm-function\[(\d+)\]/m.exec(error.stack ?? '') ?? [];
  return name ?? `function ${index ?? '?'}`;
}
