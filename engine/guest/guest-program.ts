// The guest's module as a replica runs it: rewritten with the options that shape execution.

import { type ModuleCache, type Rewritten, rewriteCached } from '../cache/rewritten-modules.js';
import type { MachineOptions } from './machine-options.js';

/** The export that generated code calls with interrupts, where a guest has it. */
export const INTERRUPT_HANDLER = 'interrupt';

/**
 * Suspendable, for any replica may be asked for a snapshot.
 *
 * @param cache whether a rewriting that is kept on disk is taken, and this one kept
 * @throws EpochvisorError where the module is malformed or uses what is not supported
 */
export function rewriteGuest(
  module: Uint8Array,
  options: Pick<MachineOptions, 'counting' | 'maxMemory' | 'wasi' | 'host'>,
  cache: ModuleCache,
): Promise<Rewritten> {
  const { counting, maxMemory, wasi, host } = options;
  // A WASI program has no handler; an export of that name is none of ours.
  const handler = wasi === undefined ? { interruptHandler: INTERRUPT_HANDLER } : {};
  // A kernel's calls block, and so do the embedder's io functions.
  const blocking = wasi === undefined && host === undefined ? {} : { blockingImports: true };
  return rewriteCached(
    module,
    { counting, maxMemory, ...handler, ...blocking, suspendable: true, standsAlone: true },
    { cache },
  );
}
