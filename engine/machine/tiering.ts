// Lets V8 follow the hints of rewritten modules (engine/instrument/hints.ts): what is optimised before it runs.

import { setFlagsFromString } from 'node:v8';

/** V8 as in Node 20 to 22 reads the section behind this flag; later ones know neither, and end the process over a flag. */
const HINTS_FLAG = '--experimental-wasm-compilation-hints';
const KNOWN_TO_V8 = [11, 12];

/** For the whole process: modules compiled from here on are compiled as their hints say, where this V8 can. */
export function followHints(): void {
  if (KNOWN_TO_V8.includes(Number.parseInt(process.versions.v8, 10))) setFlagsFromString(HINTS_FLAG);
}
