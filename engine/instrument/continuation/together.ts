// How many clones one continuation module has, so that V8 takes it: more are for several modules.

import { ENGINE_LIMITS } from '../../wasm/engine-limits.js';

/** What a continuation module imports in any case, and its memory, rounded up: see continuation-layout.ts. */
export const CONTINUATION_IMPORTS = 32;
/** Of the largest size, in a module of 1 GiB; no stack has so many different safe points but in tests. */
const CLONES_TOGETHER_MAX = 128;

/**
 * Clones may name any function and global of the main module, and import what they name. Where those are more than a module
 * can import, each clone has a module of its own; what one body can name, fitting.ts has bounded.
 *
 * @param functions of the rewritten module; @param globals and @param tables of the plain one
 */
export function clonesTogether(functions: number, globals: number, tables: number): number {
  const imports = functions + globals + tables + CONTINUATION_IMPORTS;
  return imports > ENGINE_LIMITS.imports.most ? 1 : CLONES_TOGETHER_MAX;
}
