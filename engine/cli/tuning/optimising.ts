// Before a sweep: the code of its guest, plain and rewritten, at the speed that V8 comes to in the end.
//
// V8 never replaces a function that runs, so a long loop that was entered in baseline code stays there: in a plain program for
// ever, in a replica until a snapshot or until its next run, which begins with code that was kept. Which of them was how far is
// chance, and makes ratios of 0.6 and of 1.5 out of the same machine. What is compared is therefore optimised code with
// optimised code, which is what a program that is worth protecting runs in.

import type { OptimisedCode } from '../../cache/optimised-code.js';
import { compileOptimised, followHints } from '../../instance/compile.js';

/** An optimising compiler takes a second for 2 MB of a module. What is larger is an interpreter as a rule, and hot in small functions. */
const MODULE_MOST_BYTES = 4 << 20;

/**
 * Has both optimised, the rewritten module in the cache, where its replicas find it.
 * @returns the plain one; undefined: too large, or this V8 or `--no-cache` leaves no way to it, and neither is optimised
 */
export function optimise(module: Uint8Array, rewritten: OptimisedCode): WebAssembly.Module | undefined {
  if (module.length > MODULE_MOST_BYTES) return undefined;
  // As replicas do: code that was made under other flags is not taken.
  followHints();
  return rewritten.optimise() ? compileOptimised(module) : undefined;
}
