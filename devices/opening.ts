// The one place that opens devices: from what flags, a snapshot or a test name, to devices by their numbers.

import { EpochvisorError } from '../engine/errors/errors.js';
import type { OperationDevice } from './device.js';
import { DEVICES_MAX, type DeviceKind, type DeviceOptions, type DeviceSource, type DeviceThen } from './device-kind.js';
import { kindOf } from './device-kinds.js';

export interface NumberedSource {
  readonly source: DeviceSource;
  readonly kind: DeviceKind;
  /** Which of its kind, from 0. */
  readonly index: number;
  /** As guests know it. */
  readonly number: number;
}

export interface OpenedDevices {
  /** By the numbers that guests use. */
  readonly devices: ReadonlyMap<number, OperationDevice>;
  /** What a bare guest can see of them. */
  readonly options: readonly DeviceOptions[];
}

/** Devices are numbered by kind, in the order in which they were named. @throws EpochvisorError DEVICES_TOO_MANY */
export function numbered(sources: readonly DeviceSource[]): NumberedSource[] {
  const counts = new Map<DeviceKind, number>();
  return sources.map(source => {
    const kind = kindOf(source);
    const index = counts.get(kind) ?? 0;
    if (index === DEVICES_MAX) {
      const what = `there are more than ${DEVICES_MAX} devices of the kind ${kind.name}`;
      throw new EpochvisorError('DEVICES_TOO_MANY', what, 'give the guest fewer');
    }
    counts.set(kind, index + 1);
    return { source, kind, index, number: kind.firstNumber + index };
  });
}

/**
 * Opens all or, where one can't be opened, none.
 *
 * @param then where a machine goes on from a snapshot: its devices as they were, in the order of `sources`
 * @param memory where the bus may be started again: a folder for what devices must remember
 * @throws EpochvisorError DEVICES_TOO_MANY; DISK_MISSING, DIR_CHANGED and others, as the kinds say
 */
export async function openDevices(
  sources: readonly DeviceSource[],
  then?: readonly DeviceThen[],
  memory?: string,
): Promise<OpenedDevices> {
  const devices = new Map<number, OperationDevice>();
  const options: DeviceOptions[] = [];
  try {
    for (const [at, { source, kind, index, number }] of numbered(sources).entries()) {
      const device = await kind.open(source, index, then?.[at], memory);
      devices.set(number, device);
      if (kind.movement !== undefined) options.push({ number, kind: kind.name, sizeBytes: device.sizeBytes });
    }
    return { devices, options };
  } catch (error) {
    await closeDevices(devices);
    throw error;
  }
}

export async function closeDevices(devices: ReadonlyMap<number, OperationDevice>): Promise<void> {
  for (const device of devices.values()) await device.close();
}
