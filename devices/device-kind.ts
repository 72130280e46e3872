// What a kind of device tells of itself, in its folder, to those who open devices, copy them, or let a guest see them.

import type { KnownFolder } from '../engine/wasi/known-folder.js';
import type { OperationDevice } from './device.js';
import type { MovementOf } from './device-commands.js';

/** A device as a user names it: plain data, by which it is opened, on this host or, out of a snapshot, on another. */
export interface DeviceSource {
  /** The name of its kind. */
  readonly kind: string;
  /** The file or the folder behind it. */
  readonly path: string;
  /** The name that a WASI program knows it by. */
  readonly guestPath?: string;
  /** Changes are refused. */
  readonly readOnly?: boolean;
}

/** What a bare guest can see of a device; equal on every replica. */
export interface DeviceOptions {
  readonly number: number;
  /** The name of its kind. */
  readonly kind: string;
  /** 0 where there is nothing to measure. */
  readonly sizeBytes: number;
}

/** A device as it was when a snapshot was taken of the machine that now goes on. */
export interface DeviceThen {
  readonly sizeBytes: number;
  /** What the kernel has of a folder; without it the folder is read. */
  readonly known?: KnownFolder;
}

/** The flag of the command line that names devices of a kind. */
export interface DeviceFlag {
  /** As commander has it: `--disk <FILE>`. */
  readonly usage: string;
  readonly help: string;
  /** Else the last one counts. */
  readonly repeatable: boolean;
  /** What is said of a text that `parse` can't read. */
  readonly expected: string;
  parse(text: string): DeviceSource | undefined;
}

/** What lies behind devices of a kind. */
export interface DeviceBacking {
  /** What its errors begin with: `DISK` of DISK_MISSING. */
  readonly code: string;
  /** As a user knows it: `the disk`. */
  readonly name: string;
  readonly isFolder: boolean;
  /** Whether opening makes it where there is none. */
  readonly isBegun: boolean;
}

export interface DeviceKind {
  readonly name: string;
  /** Device k of the kind has this number + k; k is below DEVICES_MAX. */
  readonly firstNumber: number;
  /** What a bare guest can ask it for; undefined: bare guests do not see it. */
  readonly movement: MovementOf | undefined;
  readonly flag: DeviceFlag;
  readonly backing: DeviceBacking;
  /** What a user calls device `index` of the kind. */
  title(source: DeviceSource, index: number): string;
  /**
   * @param then where a machine goes on from a snapshot
   * @param memory a folder for what the device must remember where the bus may be started again; it is the same one then
   * @throws EpochvisorError that names `source` and says what is wrong with it
   */
  open(source: DeviceSource, index: number, then?: DeviceThen, memory?: string): Promise<OperationDevice>;
}

/** Devices of one kind in a machine: their numbers are not to run into those of another kind. */
export const DEVICES_MAX = 0x100;
