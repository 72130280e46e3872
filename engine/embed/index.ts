// What `import ... from 'epochvisor/machine'` gives: a machine in the hands of a program, with host functions of its own.
//
//   await using machine = await Machine.start('guest.wasm', { host: './host.js' });
//   await machine.call('add', 1, 2);

export { EpochvisorError } from '../errors/errors.js';
export type { CallValue } from '../host/host-call.js';
export type { Status } from '../observe/status.js';
export type { Outcome, Variant } from '../protocol/vocabulary.js';
export { Machine } from './machine.js';
export type { MachineStart } from './machine-start.js';
