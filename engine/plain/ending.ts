// How a guest ends on the plain machine: by coming back, by its own word, by a trap.

import '../instance/webassembly.js';

export type PlainOutcome = { kind: 'exit'; status: number } | { kind: 'trap'; error: WebAssembly.RuntimeError };

/** Carries an exit through the guest's frames. */
export class ExitSignal {
  readonly status: number;
  constructor(status: number) {
    this.status = status;
  }
}

/** Runs a guest to its end. */
export function endingOf(run: () => void): PlainOutcome {
  try {
    run();
    return { kind: 'exit', status: 0 };
  } catch (thrown) {
    if (thrown instanceof ExitSignal) return { kind: 'exit', status: thrown.status };
    if (thrown instanceof WebAssembly.RuntimeError) return { kind: 'trap', error: thrown };
    // Node reports a guest's endless recursion as its own stack's overflow.
    if (thrown instanceof RangeError) return { kind: 'trap', error: new WebAssembly.RuntimeError(thrown.message) };
    throw thrown;
  }
}
