// What rewritten code and its host have agreed on: names under one prefix, refused in the modules that come in, and values.

import { EpochvisorError } from '../errors/errors.js';
import type { Module } from '../wasm/module.js';

export const RESERVED_PREFIX = 'epochvisor:';
/** The module name of injected imports. */
export const MACHINE = `${RESERVED_PREFIX}machine`;
/** Mutable i32 global, shared by all instances of one machine: what is left of the budget while host code runs. */
export const IMPORT_COUNTER = 'counter';
/** () -> i32, called at a due safe point: 0 = go on, INTERRUPTS = there are interrupts to dispatch. */
export const IMPORT_BOUNDARY = 'boundary';
export const INTERRUPTS = 1;
/** () -> (i32 more, i32 kind, i64 id, i32 status). */
export const IMPORT_INTERRUPT = 'interrupt';
/** () -> (): growth within the configured limit that the host could not allocate; does not return. */
export const IMPORT_CANNOT_ALLOCATE = 'cannot_allocate';
/** () -> (): the allowance of stack depth is used up; does not return. */
export const IMPORT_STACK_OVERFLOW = 'stack_overflow';
/** Immutable i32 global: the allowance of stack depth, in slots of 8 bytes. */
export const IMPORT_STACK_ROOM = 'stack_room';
/** Mutable i32 global, only with `blockingImports`: 1 = the import that has just returned is to be called again. */
export const IMPORT_AGAIN = 'again';
// Only in modules with exceptions (exceptions/lower.ts).
/** The counter's value that means 'an exception'; the counter itself is in the global. */
export const THROWN = -(2 ** 31) + 1;
/** () -> (): nobody caught an exception; does not return. */
export const IMPORT_UNCAUGHT = 'uncaught_exception';
// Only in suspendable modules (unwind.ts): a frame leaves value by value, and ends with its activation.
/** The counter's value that means 'unwind'. No charge brings a counter, which starts at 2 ** 30 at most, near it. */
export const MARK = -(2 ** 31);
export const IMPORT_SAVE_I32 = 'save_i32';
export const IMPORT_SAVE_I64 = 'save_i64';
export const IMPORT_SAVE_FUNCTION = 'save_function';
export const IMPORT_SAVE_EXTERNAL = 'save_external';
/** (i32 function, i32 safe point) -> (): the frame is complete. */
export const IMPORT_ACTIVATION = 'activation';
/** (i32 kind, i32 index) -> (): a segment was dropped, of the kind DROPPED_*. */
export const IMPORT_DROPPED = 'dropped';
export const DROPPED_DATA = 0;
export const DROPPED_ELEMENTS = 1;
// Only in continuation modules: a frame is rebuilt value by value; `next` is the place of the next clone among the clones,
// of which this module's begin at `base`.
export const IMPORT_LOAD_I32 = 'load_i32';
export const IMPORT_LOAD_I64 = 'load_i64';
export const IMPORT_LOAD_FUNCTION = 'load_function';
export const IMPORT_LOAD_EXTERNAL = 'load_external';
export const IMPORT_NEXT = 'next';
export const IMPORT_CLONES = 'clones';
export const IMPORT_BASE = 'base';
/** The generated function that takes a boundary: continuation modules find it by this name. */
export const BOUNDARY_FUNCTION = `${RESERVED_PREFIX}boundary`;
/** The module name of what continuation modules import from the main instance; functions go by their index there. */
export const MAIN = 'main';
/** What continuation modules import from a suspendable module: every function, and by index what else there is. */
export const EXPORT_FUNCTIONS = `${RESERVED_PREFIX}functions`;
export const EXPORT_MEMORY = `${RESERVED_PREFIX}memory`;
export const EXPORT_TABLE = `${RESERVED_PREFIX}table:`;
export const EXPORT_GLOBAL = `${RESERVED_PREFIX}global:`;
/** () -> (i64, i64) and (i64, i64) -> (): the bits of a mutable global that JavaScript cannot carry; by index. */
export const EXPORT_BITS = `${RESERVED_PREFIX}bits:`;
export const EXPORT_SET_BITS = `${RESERVED_PREFIX}set_bits:`;
/** The start function, called by the machine first of all. */
export const EXPORT_START = `${RESERVED_PREFIX}start`;

/** @throws EpochvisorError NAME_RESERVED where a module uses a name that belongs to the instrumenter */
export function refuseReservedNames(module: Module): void {
  for (const item of module.imports) refuse('imports from', item.module);
  for (const item of module.exports) refuse('exports', item.name);
}

function refuse(how: string, name: string): void {
  if (!name.startsWith(RESERVED_PREFIX)) return;
  throw new EpochvisorError(
    'NAME_RESERVED',
    `the module ${how} "${name}", a name that the instrumenter reserves`,
    'give the original module, not one that was instrumented already',
  );
}
