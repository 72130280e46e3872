// Lets V8 follow the hints of rewritten modules (engine/instrument/hints.ts, branch-hints.ts).

import { setFlagsFromString } from 'node:v8';

/** Flags, and the major versions of V8 that know them: Node 20 has 11, 22 has 12, 24 has 13. Over others V8 ends the process. */
const FLAGS: Readonly<Record<string, readonly number[]>> = {
  '--experimental-wasm-compilation-hints': [11, 12],
  '--experimental-wasm-branch-hinting': [11, 12, 13],
  // The instrumenter has validated every body before it wrote it: half of what compiling 30 MB takes.
  '--wasm-lazy-validation': [11, 12],
};

/** For the whole process: modules compiled from here on are compiled as their hints say, where this V8 can. */
export function followHints(): void {
  const version = Number.parseInt(process.versions.v8, 10);
  for (const [flag, versions] of Object.entries(FLAGS)) if (versions.includes(version)) setFlagsFromString(flag);
}
