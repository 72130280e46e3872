// Runs a module plain, counted, and suspended at every boundary, and says what each gave.

import { instantiate } from '../../engine/index.js';
import type { Imports } from '../../engine/instance/webassembly.js';
import { wat } from '../building/wat.js';

export type Where = 'same-instance' | 'fresh-instance';

export interface Seen {
  readonly result: unknown;
  readonly calls: readonly unknown[];
  readonly count: number;
  readonly epochs: number;
}

/** Imports `host.see`, of any signature, which notes its arguments and answers with the number of the call. */
function host(calls: unknown[]): Imports {
  const see = (...args: unknown[]) => {
    calls.push(args);
    return calls.length;
  };
  return { host: { see } };
}

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return String(error);
  }
}

export function runPlain(bytes: Uint8Array<ArrayBuffer>, ...args: unknown[]): Omit<Seen, 'count' | 'epochs'> {
  const calls: unknown[] = [];
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), host(calls));
  return { result: outcome(() => exports.run(...args)), calls };
}

export function runCounted(
  bytes: Uint8Array<ArrayBuffer>,
  counting: 'block' | 'exact',
  epochLength: number,
  where: Where | 'unsuspended',
  ...args: unknown[]
): Seen {
  const calls: unknown[] = [];
  const suspension = where === 'unsuspended' ? {} : ({ suspendAt: 'every-boundary', continueIn: where } as const);
  const instance = instantiate(bytes, host(calls), { counting, epochLength, ...suspension });
  const result = outcome(() => instance.exports.run(...args));
  return { result, calls, count: instance.instructionCount(), epochs: instance.epoch() };
}

export function module(text: string): Uint8Array<ArrayBuffer> {
  return wat(`(module (import "host" "see" (func $see (param i32) (result i32))) ${text})`);
}
