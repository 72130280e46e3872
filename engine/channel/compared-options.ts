// The options as a hello carries them, to be compared: each that is short as it is, each that is long as its digest.
//
// A guest's arguments and environment may be megabytes, and a hello is what a stranger can make a listener hold. Whether they
// are the same is all that a hello has to tell; the options themselves go from the launcher to its replicas.
//
//   {"epochLength":100000, ..., "arguments":"131090 characters, SHA-256 1f0c...", "wasi":{"environment":["A=1"], ...}}

import { createHash } from 'node:crypto';

/** Values that are longer than this as JSON are digested; a hello of all options is then some KiB. */
const VALUE_CHARACTERS_MAX = 1024;

/** The same text for the same options, in a few KiB however large they are. */
export function comparedOptions(options: object): string {
  return JSON.stringify(options, (_, value: unknown) => (isBranch(value) ? value : shortened(value)));
}

/** Objects are taken apart, so that a refusal can say which of their fields differs. */
function isBranch(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shortened(value: unknown): unknown {
  // JSON.stringify comes to the items of a list that was let through; it has been found to be short then.
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined || text.length <= VALUE_CHARACTERS_MAX) return value;
  return `${text.length} characters, SHA-256 ${createHash('sha256').update(text).digest('hex')}`;
}
