// The options of a machine: everything that shapes execution.

import type { DeviceOptions } from '../../devices/device-kind.js';
import type { HostOptions } from '../host/loaded-host.js';
import type { Variant } from '../protocol/vocabulary.js';
import type { KernelConfiguration } from '../wasi/kernel-port.js';

export type SocketOptions = Pick<KernelConfiguration, 'listeners' | 'connectors'>;

/** Parts of a replica's time: less would find nothing in a life, and with more the guest would hardly run. */
export const VERIFY_SHARE = { least: 0.0001, usual: 0.01, most: 0.5 } as const;

/** Options that shape execution: equal on every replica of a machine (compared at the first packet). */
export interface MachineOptions {
  /** Instructions an epoch; of the first ones, where the length may change. */
  readonly epochLength: number;
  /** The epoch length follows the guest, whose epochs are to take no longer than this; left out: it stays as it is (EL). */
  readonly latencyMaxMs?: number;
  /** Part of a replica's time that comparing its state may take (SD); left out: `VERIFY_SHARE.usual`. */
  readonly verifyShare?: number;
  readonly variant: Variant;
  readonly counting: 'block' | 'exact';
  readonly operationIds: boolean;
  /** Linear memory of the guest, bytes: memory.grow past it is refused. */
  readonly maxMemory: number;
  /** Argument 0 is the program's name. */
  readonly arguments: readonly string[];
  /** What a bare guest can see of the devices. */
  readonly devices: readonly DeviceOptions[];
  /** Where the machine listens, and what it may connect to; left out where there is neither. */
  readonly sockets?: SocketOptions;
  /** The world of a WASI program; without it the guest is a bare one. */
  readonly wasi?: Omit<KernelConfiguration, 'arguments' | keyof SocketOptions>;
  /** Functions of the embedder that the guest may import; left out: none. */
  readonly host?: HostOptions;
  /** The guest's exports are called by the embedder, in the place of `_start`. */
  readonly calls?: true;
  /** The machine's birth, ms since 1970: the origin of its monotonic clock. */
  readonly bornMs: number;
}
