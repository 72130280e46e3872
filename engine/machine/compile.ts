// Compiles a rewritten module, with a refusal as a typed error.

import { EpochvisorError } from '../errors/errors.js';
import './webassembly.js';

/** Compiles the bytes of a rewritten module. @throws EpochvisorError MODULE_UNSUPPORTED */
export function compileRewritten(bytes: Uint8Array): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EpochvisorError(
      'MODULE_UNSUPPORTED',
      `this version of Node cannot compile the module: ${reason}`,
      'use a newer Node, or build the program for WebAssembly 2.0',
    );
  }
}
