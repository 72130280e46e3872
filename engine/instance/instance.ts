// An instance of a rewritten module: the injected imports are supplied, the hidden exports taken away.

import { EpochvisorError } from '../errors/errors.js';
import type { InstrumentReport } from '../instrument/options.js';
import {
  EXPORT_START,
  IMPORT_AGAIN,
  IMPORT_BOUNDARY,
  IMPORT_CANNOT_ALLOCATE,
  IMPORT_COUNTER,
  IMPORT_INTERRUPT,
  IMPORT_STACK_OVERFLOW,
  IMPORT_STACK_ROOM,
  IMPORT_UNCAUGHT,
  MACHINE,
  RESERVED_PREFIX,
} from '../instrument/reserved.js';
import type { BoundaryHooks, Meter } from './meter.js';
import { UNCAUGHT_EXCEPTION } from './trap.js';
import type { Imports, WasmExports } from './webassembly.js';
import { type GuestFunction, withoutWrappers } from './wrappers.js';

/** A guest that is ready to be called. */
export interface GuestInstance {
  /** What the module exports, functions with their original signatures. */
  readonly exports: Readonly<WasmExports>;
  /** The exported memory named "memory" as it is now (it moves when it grows); empty where there is none. */
  memory(): Uint8Array;
  /** Runs the start function, which a replica does when its first epoch has begun; a no-op where there is none. */
  start(): void;
}

/** An instance that can be made anew while the host holds what it exports (engine/suspend). */
export interface RenewableInstance {
  /** As they are now, hidden names included. */
  readonly exports: WasmExports;
  /** An export that is no function. */
  show(name: string): unknown;
}

/** What makes instances whose stack can be taken down. */
export interface SuspendingStack<Modules, Instance extends RenewableInstance> {
  instantiate(modules: Modules, module: WebAssembly.Module, given: Record<string, unknown>, imports: Imports): Instance;
  /** What the host calls in place of an exported function. */
  wrap(instance: Instance, name: string): GuestFunction;
}

/**
 * Instantiates a module that `instrument` made. The start function is not run: call `start()`.
 *
 * @param suspension for suspendable modules: the stack of the machine, and what makes continuation modules
 * @throws WebAssembly.LinkError, TypeError where an import is missing or of another type, as the plain module would
 */
export function instantiateRewritten<Modules, Instance extends RenewableInstance>(
  module: WebAssembly.Module,
  report: InstrumentReport,
  imports: Imports,
  meter: Meter,
  hooks: BoundaryHooks,
  suspension?: { readonly stack: SuspendingStack<Modules, Instance>; readonly modules: Modules },
): GuestInstance {
  const given = {
    [IMPORT_COUNTER]: meter.counter,
    [IMPORT_AGAIN]: meter.again,
    [IMPORT_BOUNDARY]: () => meter.takeBoundary(hooks),
    [IMPORT_CANNOT_ALLOCATE]: cannotAllocate,
    [IMPORT_STACK_OVERFLOW]: stackOverflow,
    [IMPORT_UNCAUGHT]: uncaughtException,
    [IMPORT_STACK_ROOM]: meter.stackRoom,
    [IMPORT_INTERRUPT]: () => hooks.interrupt?.() ?? NO_INTERRUPT,
  };
  const suspendable = suspension?.stack.instantiate(suspension.modules, module, given, imports);
  const plain = () => new WebAssembly.Instance(module, { ...withoutWrappers(imports), [MACHINE]: given }).exports;
  const own = suspendable?.exports ?? plain();
  const exports: WasmExports = Object.create(null);
  for (const [name, value] of Object.entries(own)) {
    if (name.startsWith(RESERVED_PREFIX)) continue;
    if (suspension === undefined || suspendable === undefined) exports[name] = value;
    else if (typeof value === 'function') exports[name] = suspension.stack.wrap(suspendable, name);
    // Made anew, the instance has other memories, tables and globals.
    else Object.defineProperty(exports, name, { get: () => suspendable.show(name), enumerable: true });
  }
  let view = new Uint8Array(0);
  return {
    exports: Object.freeze(exports),
    memory: () => {
      const { memory } = exports;
      if (memory instanceof WebAssembly.Memory && view.buffer !== memory.buffer) view = new Uint8Array(memory.buffer);
      return view;
    },
    start: () => {
      if (!report.start) return;
      if (suspension === undefined || suspendable === undefined) own[EXPORT_START]();
      else suspension.stack.wrap(suspendable, EXPORT_START)();
    },
  };
}

const NO_INTERRUPT = [0, 0, 0n, 0];

/** The guest recursed deeper than the allowance: a trap, at the same instruction on every replica. */
function stackOverflow(): never {
  throw new RangeError('call stack exhausted');
}

/** Nobody caught an exception of the guest's: a trap. */
function uncaughtException(): never {
  throw new WebAssembly.RuntimeError(UNCAUGHT_EXCEPTION);
}

/** Growth that the options allow and the host refuses must not be visible to the guest: another replica may have room. */
function cannotAllocate(): never {
  throw new EpochvisorError(
    'CANNOT_ALLOCATE',
    'the host cannot allocate the memory that the guest asked for, though the limit allows it',
    'free memory on this host, or lower --max-memory',
  );
}
