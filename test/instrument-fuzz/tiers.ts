// Runs something with one of V8's two WebAssembly compilers alone, in this process: flags that apply to modules
// compiled from now on. V8 keeps compiled code by content, so a module must be new to be compiled again: see `renewed`.

import { setFlagsFromString } from 'node:v8';
import { leb, section, text } from '../building/bytes.js';

export type Tier = 'baseline' | 'optimising';

export const TIERS: Readonly<Record<Tier, readonly string[]>> = {
  baseline: ['--liftoff', '--no-wasm-tier-up', '--no-wasm-dynamic-tiering'],
  // `--no-liftoff` works only for code that is not compiled lazily.
  optimising: ['--no-liftoff', '--no-wasm-lazy-compilation'],
};

/** The flags stay: call this only in test files that run in a process of their own, as vitest's do. */
export function setTier(tier: Tier): void {
  for (const flag of TIERS[tier]) setFlagsFromString(flag);
}

let serial = 0;

/** The same module with a custom section that no module had before. */
export function renewed(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  serial += 1;
  return new Uint8Array([...bytes, ...section(0, [...text('serial'), ...leb(process.pid), ...leb(serial)])]);
}

/** What `run` gives for `bytes` under each tier. */
export function inBothTiers<T>(bytes: Uint8Array, run: (bytes: Uint8Array<ArrayBuffer>) => T): Record<Tier, T> {
  setTier('baseline');
  const baseline = run(renewed(bytes));
  setTier('optimising');
  const optimising = run(renewed(bytes));
  return { baseline, optimising };
}
