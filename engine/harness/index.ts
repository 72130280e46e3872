// What `import ... from 'epochvisor/testing'` gives: machines for tests, and what can be done to them.

export { EpochvisorError } from '../errors/errors.js';
export type { Status } from '../observe/status.js';
export type { Outcome, Variant } from '../protocol/vocabulary.js';
export type { KillProof } from '../testing/kill-hook.js';
export type { Comparable, Reference, Result } from './comparison.js';
export type { DeviceFile } from './device-copies.js';
export type { TestGuest } from './guest-file.js';
export type { TestOptions } from './launch-options.js';
export { endForgotten } from './living-machines.js';
export type { MachineClient } from './machine-client.js';
export {
  atMessage,
  type BusRestart,
  type End,
  type Kill,
  type KillPlace,
  type LostReplica,
  type Role,
} from './machine-faults.js';
export type { Transcript } from './output-transcript.js';
export { type Survival, type SurvivalOptions, survival } from './survival.js';
export { SweepError, type SweepOptions, spread, sweep } from './swept-points.js';
export { launch, type TestedMachine } from './tested-machine.js';
