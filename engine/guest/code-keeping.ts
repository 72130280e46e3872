// When the machine code of a guest is kept (optimised-code.ts): where nobody waits for it.
//
// A primary keeps it at its guest's end, before the outcome is told, if the guest has run for long enough to have made
// some: what is kept takes milliseconds. A guest that serves for days has no end; its backup keeps the code once, at a
// boundary some seconds after its beginning, and falls behind by as much for a moment.

import type { OptimisedCode } from '../cache/optimised-code.js';
import type { BoundaryHooks } from '../instance/meter.js';
import type { SuspendedStack } from '../suspend/suspended-stack.js';

/** A guest that has run for less has not made much. */
const PRIMARY_AFTER_MS = 500;
/** By then V8 is mostly done with what is hot from the beginning. */
const BACKUP_AFTER_MS = 10_000;
/** The clock is read at every so many boundaries: about a thousandth of what they cost. */
const BOUNDARIES = 1024;

export class CodeKeeping {
  readonly #code: OptimisedCode;
  readonly #module: WebAssembly.Module;
  readonly #stack: SuspendedStack;
  readonly #begunMs = performance.now();

  /** @param module what `code` compiled; its instance is the first of the stack */
  constructor(code: OptimisedCode, module: WebAssembly.Module, stack: SuspendedStack) {
    this.#code = code;
    this.#module = module;
    this.#stack = stack;
  }

  #keep(): void {
    const { functions, firstFunction, modules } = this.#stack.instances[0]!;
    this.#code.keep(this.#module, functions.get(modules.facts.boundary - firstFunction));
  }

  /** A primary's guest has ended. */
  atEnd(): void {
    if (performance.now() - this.#begunMs >= PRIMARY_AFTER_MS) this.#keep();
  }

  /** For a backup: its hook, until the code has been kept. */
  watch(hooks: { boundary: BoundaryHooks['boundary'] }): void {
    const { boundary } = hooks;
    let left = BOUNDARIES;
    hooks.boundary = count => {
      left--;
      if (left === 0) {
        left = BOUNDARIES;
        if (performance.now() - this.#begunMs >= BACKUP_AFTER_MS) {
          hooks.boundary = boundary;
          this.#keep();
        }
      }
      return boundary(count);
    };
  }
}
