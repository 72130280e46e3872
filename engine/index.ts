// What `import ... from 'epochvisor'` gives.

export { EpochvisorError } from './errors/errors.js';
export type { Imports, WasmExports } from './instance/webassembly.js';
export {
  type InstantiateOptions,
  instantiate,
  type Machine,
  type MeteredInstance,
} from './instantiate.js';
export { instrument } from './instrument/instrument.js';
export type { InstrumentOptions, InstrumentReport } from './instrument/options.js';
