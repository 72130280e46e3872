// How V8 compiles rewritten modules: by their hints; a refusal as a typed error; a continuation module optimised from the start.
//
// V8 compiles a function first with its baseline compiler, and replaces the code while the program runs, but never under a
// call that is going on. A clone is entered once, and may hold a loop that runs for hours: so it is to be optimised before.
// V8 has flags for that, of the whole process, that are read when a module is made: they are set for as long as that takes.
// A function of another module which a second thread calls for the first time in that window is optimised too, no more.

import { setFlagsFromString } from 'node:v8';
import { EpochvisorError } from '../errors/errors.js';
import './webassembly.js';

/** What rewritten modules may have that an older V8 lacks, by what it says of them. */
const LATER = [
  { feature: 'extended constant expressions of imported globals', since: 22, says: /allowed in constant expressions/ },
] as const;

/** Compiles the bytes of a rewritten module. @throws EpochvisorError MODULE_UNSUPPORTED */
export function compileRewritten(bytes: Uint8Array): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const later = LATER.find(({ says }) => says.test(reason));
    if (later !== undefined) {
      throw new EpochvisorError(
        'MODULE_UNSUPPORTED',
        `the module uses ${later.feature}, which Node ${process.versions.node} cannot compile`,
        `it needs Node ${later.since} or newer, on every host`,
      );
    }
    throw new EpochvisorError(
      'MODULE_UNSUPPORTED',
      `this version of Node cannot compile the module: ${reason}`,
      'use a newer Node, or build the program for WebAssembly 2.0',
    );
  }
}

/** Flags, and the major versions of V8 that know them: Node 20 has 11, 22 has 12, 24 has 13. Over others V8 ends the process. */
const HINTS: Readonly<Record<string, readonly number[]>> = {
  '--experimental-wasm-compilation-hints': [11, 12],
  '--experimental-wasm-branch-hinting': [11, 12, 13],
  // The instrumenter has validated every body before it wrote it: half of what compiling 30 MB takes.
  '--wasm-lazy-validation': [11, 12],
};

/**
 * For the whole process: modules compiled from here on are compiled as their hints say (engine/instrument/hints.ts,
 * branch-hints.ts), where this V8 can.
 */
export function followHints(): void {
  const version = Number.parseInt(process.versions.v8, 10);
  for (const [flag, versions] of Object.entries(HINTS)) if (versions.includes(version)) setFlagsFromString(flag);
}

const OPTIMISED = ['--no-liftoff', '--no-wasm-lazy-compilation'];
/** The defaults. The last is one already, but Node 20 forgets it: later modules would be optimised function by function. */
const AS_BEFORE = ['--liftoff', '--wasm-lazy-compilation', '--wasm-dynamic-tiering'];
/** Who has started the process with such flags has chosen what compiles. */
const CHOSEN = /--(no-)?(liftoff|wasm-(lazy-compilation|dynamic-tiering))/;

/** A custom section, `optimised`, without content: V8 keeps code by a module's bytes, and may have them in baseline code. */
const MARKER = Uint8Array.of(0, 10, 9, ...[...'optimised'].map(letter => letter.charCodeAt(0)));

/** The same with the optimising compiler: milliseconds a function, before it returns. @throws as compileRewritten */
export function compileOptimised(bytes: Uint8Array): WebAssembly.Module {
  const chosen = CHOSEN.test(`${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`);
  if (chosen) return compileRewritten(bytes);
  const marked = new Uint8Array(bytes.length + MARKER.length);
  marked.set(bytes);
  marked.set(MARKER, bytes.length);
  for (const flag of OPTIMISED) setFlagsFromString(flag);
  try {
    return compileRewritten(marked);
  } finally {
    for (const flag of AS_BEFORE) setFlagsFromString(flag);
  }
}
