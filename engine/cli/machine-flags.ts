// The flags that run, failover and tune have in common, and what they mean.

import { readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DeviceSource } from '../../devices/device-kind.js';
import { EpochvisorError } from '../errors/errors.js';
import { VARIANTS, type Variant } from '../protocol/vocabulary.js';
import { checkLimit, ENGINE_LIMITS } from '../wasm/engine-limits.js';
import { addDeviceFlags, namedDevices } from './device-flags.js';

/**
 * Some 50 us of a C program, of which a boundary is less than 1 % (bench/results/boundary.md); at 100,000 it was 5 to 8 %. What
 * is logged may be a millisecond late anyway. A guest that is much slower, or the variant `original`, is better off with auto.
 */
export const DEFAULT_EPOCH_LENGTH = 1_000_000;
/** Shorter epochs are all boundary; longer ones hold interrupts back for over a second. */
export const EPOCH_LENGTH_MIN = 1;
export const EPOCH_LENGTH_MAX = 1_000_000_000;
/** Linear memory of a guest unless `--max-memory` says otherwise, bytes. */
export const DEFAULT_MAX_MEMORY = 1 << 30;

/** What the flags say, checked. */
export interface MachineFlags {
  readonly epochLength: number;
  readonly variant: Variant;
  readonly counting: 'block' | 'exact';
  readonly operationIds: boolean;
  readonly devices: readonly DeviceSource[];
  readonly maxMemory: number;
  readonly cache: boolean;
}

/** An integer flag within bounds; `1e6` and `1_000_000` are as good as `1000000`. */
export function integer(least: number, most: number): (text: string) => number {
  return text => {
    const value = /^\d/.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN;
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** A size in bytes, from 64K to 4G: `64M`, `1GiB`, `65536`; undefined: it is none. */
export function sizeOf(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)([kmg]?)(?:i?b)?$/i.exec(text) ?? [];
  const bytes = Number(digits) * (SIZE_UNITS[(unit ?? '').toLowerCase()] ?? 1);
  return Number.isInteger(bytes) && bytes >= 65_536 && bytes <= 2 ** 32 ? bytes : undefined;
}

function size(text: string): number {
  const bytes = sizeOf(text);
  if (bytes === undefined) throw new InvalidArgumentError('It is a size from 64K to 4G, such as 512M.');
  return bytes;
}

export const EPOCH_LENGTH = integer(EPOCH_LENGTH_MIN, EPOCH_LENGTH_MAX);

/** For machines of which runs are compared: their epochs are of one length. */
export function addMachineFlags(command: Command): Command {
  return addVariantFlags(
    command.option('--epoch-length <N>', 'instructions an epoch', EPOCH_LENGTH, DEFAULT_EPOCH_LENGTH),
  );
}

/** All but the epoch length. */
export function addVariantFlags(command: Command): Command {
  return addGuestFlags(
    command.addOption(new Option('--variant <NAME>', 'when the guest waits').choices(VARIANTS).default('deferred')),
  );
}

/** The flags that say what machine the guest gets, whatever its epochs. */
export function addGuestFlags(command: Command): Command {
  command
    .addOption(new Option('--counting <HOW>', 'where epochs can end').choices(['block', 'exact']).default('block'))
    .addOption(
      new Option('--operation-ids <on|off>', "off: the paper's world, where a device that must not repeat pays twice")
        .choices(['on', 'off'])
        .default('on'),
    );
  return addDeviceFlags(command, true)
    .option('--max-memory <SIZE>', 'most linear memory the guest can have', size, DEFAULT_MAX_MEMORY)
    .option('--no-cache', 'rewrite the guest anew');
}

export function machineFlags(options: Record<string, unknown>): Omit<MachineFlags, 'epochLength'> {
  const flags = options as unknown as MachineFlags;
  return { ...flags, operationIds: options.operationIds === 'on', devices: namedDevices(options) };
}

export interface GuestFile {
  /** Absolute: replicas are other processes. */
  readonly path: string;
  readonly module: Buffer<ArrayBuffer>;
}

/** @throws EpochvisorError GUEST_MISSING, MODULE_TOO_LARGE */
export function readGuest(path: string): GuestFile {
  try {
    const file = statSync(path, { throwIfNoEntry: false });
    if (file === undefined) throw new EpochvisorError('GUEST_MISSING', `no such file: ${path}`, 'name a .wasm file');
    if (!file.isFile()) throw new EpochvisorError('GUEST_MISSING', `${path} is not a file`, 'name a .wasm file');
    checkLimit(ENGINE_LIMITS.moduleBytes, file.size, path, 'as it is');
    return { path: resolve(path), module: readFileSync(path) };
  } catch (error) {
    if (error instanceof EpochvisorError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EpochvisorError('GUEST_MISSING', `${path} can't be read: ${code ?? message}`, 'name a .wasm file');
  }
}

/** Argument 0 of the guest. */
export function programName(path: string): string {
  return basename(path);
}
