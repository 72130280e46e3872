// Compilation hints: which functions V8 is to optimise before they run for the first time.
//
// V8 compiles a function quickly first, and optimises it when it has run for long; but it never replaces code while it
// runs. A function that is entered once and stays in its loop (the main loop of a compressor, an interpreter's, a solver's)
// is left in quick code for as long as the program runs, at half its speed. Such functions can be told from the module:
//
//   entered seldom     exported and called by nobody, or called from one place in a function that is entered seldom
//   runs long          has a loop
//
// They are few, and optimising takes 2 to 5 ms a KiB, when they are first called, so it costs short programs
// little. All others are left to V8. Rejected: to optimise everything (100 ms for what printf needs, many
// seconds for an interpreter); to unwind the stack and enter optimised code later (it costs what a snapshot costs; the
// two go together).
//
// A function whose address is taken and that nobody calls by name is entered seldom, perhaps: Rust's main is one, and so
// are an interpreter's thousands of methods. They count where they are few.
//
// The section that V8 reads (behind a flag, see engine/instance/tiering.ts; who does not know it ignores it):
//
//   custom section "compilationHints", between functions and code: u32 count of defined functions, a byte each
//     bits 0-1 when: 0 as V8 likes    bits 2-3 first compiler, bits 4-5 last: 0 as V8 likes, 2 optimising

import { SECTION_FUNCTION } from '../wasm/decode.js';
import type { CustomSection } from '../wasm/encode.js';
import type { IndexSpaces, Module } from '../wasm/module.js';
import { KIND_FUNCTION } from '../wasm/types.js';
import { Writer } from '../wasm/writer.js';
import { takenFunctions } from './callgraph.js';
import type { Scan } from './scan.js';

export const HINTS_SECTION = 'compilationHints';

const AS_V8_LIKES = 0;
const OPTIMISED = (2 << 2) | (2 << 4);

/** Bodies of all functions that may be optimised, bytes: a tenth of a second at the worst, were all of them called. */
const TOTAL_BYTES_MAX = 32 << 10;

/** What the hints are decided from: the scan of the bodies. */
type Scanned = Pick<Scan, 'callees' | 'firstCallee' | 'firstLoop' | 'references'>;

/**
 * Indexes of the defined functions to be optimised before they run, in ascending order; none where there are too many to
 * mean anything.
 */
export function optimisedFirst(module: Module, spaces: IndexSpaces, scan: Scanned): readonly number[] {
  const taken = takenFunctions(module, scan.references);
  for (const withTaken of [true, false]) {
    const chosen = enteredSeldom(module, spaces, scan, taken, withTaken).filter(index => runsLong(scan, index));
    const bytes = chosen.reduce((sum, index) => sum + bodyBytes(module, index), 0);
    if (bytes <= TOTAL_BYTES_MAX) return chosen.toSorted((one, other) => one - other);
  }
  return [];
}

function runsLong(scan: Scanned, index: number): boolean {
  return scan.firstLoop[index + 1]! > scan.firstLoop[index]!;
}

function bodyBytes(module: Module, index: number): number {
  return module.bodyEnd[index]! - module.bodyStart[index]!;
}

function enteredSeldom(
  module: Module,
  spaces: IndexSpaces,
  scan: Scanned,
  taken: ReadonlySet<number>,
  withTaken: boolean,
): number[] {
  const imported = spaces.importedFunctions;
  const calls = new Uint32Array(spaces.functions.length);
  for (const callee of scan.callees) if (callee >= 0) calls[callee]! += 1;
  const exported = new Set(module.exports.flatMap(({ kind, index }) => (kind === KIND_FUNCTION ? [index] : [])));
  if (module.start !== undefined) exported.add(module.start);
  const isDefined = (index: number) => index >= imported;
  const open = [...exported, ...(withTaken ? taken : [])].filter(index => isDefined(index) && calls[index] === 0);
  const seldom = new Set<number>();
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    seldom.add(index - imported);
    for (let at = scan.firstCallee[index - imported]!; at < scan.firstCallee[index - imported + 1]!; at++) {
      const callee = scan.callees[at]!;
      // Called from here and from nowhere else: so it is met once, and there are no cycles.
      if (isDefined(callee) && calls[callee] === 1 && !taken.has(callee) && !exported.has(callee)) open.push(callee);
    }
  }
  return [...seldom];
}

/**
 * The section for these functions; none where there are none.
 * @param functions number of defined functions of the rewritten module, of which the module's own come first
 */
export function compilationHints(optimised: readonly number[], functions: number): readonly CustomSection[] {
  if (optimised.length === 0) return [];
  const hints = new Uint8Array(functions).fill(AS_V8_LIKES);
  for (const index of optimised) hints[index] = OPTIMISED;
  const content = new Writer(functions + 5);
  content.u32(functions);
  content.append(hints);
  return [{ name: HINTS_SECTION, content: content.bytes, after: SECTION_FUNCTION }];
}
