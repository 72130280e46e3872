// What `import ... from 'epochvisor'` gives.

export { EpochvisorError } from './errors/errors.js';
export { instrument } from './instrument/instrument.js';
export type { InstrumentOptions, InstrumentReport } from './instrument/options.js';
export {
  type InstantiateOptions,
  instantiate,
  type Machine,
  type MeteredInstance,
} from './machine/instantiate.js';
export type { Imports, WasmExports } from './machine/webassembly.js';
