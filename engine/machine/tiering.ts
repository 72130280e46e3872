// Lets V8 follow the hints of rewritten modules (engine/instrument/hints.ts): what is optimised before it runs.

import { setFlagsFromString } from 'node:v8';

/** V8 as in Node 20 to 22 knows these flags; over a flag that it does not know it ends the process. */
const KNOWN_TO_V8 = [11, 12];
const FLAGS = [
  '--experimental-wasm-compilation-hints',
  // The instrumenter has validated every body before it wrote it: half of what compiling 30 MB takes.
  '--wasm-lazy-validation',
];

/** For the whole process: modules compiled from here on are compiled as their hints say, where this V8 can. */
export function followHints(): void {
  if (!KNOWN_TO_V8.includes(Number.parseInt(process.versions.v8, 10))) return;
  for (const flag of FLAGS) setFlagsFromString(flag);
}
