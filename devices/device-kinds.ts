// The kinds of devices, in one table: what is here can be named by a flag, seen by a guest, opened, copied and tested.
//
// Guest threads look here, too, for what a guest may ask for: kinds load their devices when one is opened.

import { EpochvisorError } from '../engine/errors/errors.js';
import { DEVICES_MAX, type DeviceKind } from './device-kind.js';
import { DIRECTORY_KIND } from './directory/directory-kind.js';
import { DISK_KIND } from './disk/disk-kind.js';
import { TELLER_KIND } from './teller/teller-kind.js';

/** In the order in which the command line is described and devices are opened. */
export const DEVICE_KINDS: readonly DeviceKind[] = [DISK_KIND, TELLER_KIND, DIRECTORY_KIND];

/** The kind of a source, or of options. @throws EpochvisorError DEVICE_UNKNOWN where another version made them */
export function kindOf({ kind }: { readonly kind: string }): DeviceKind {
  const found = DEVICE_KINDS.find(({ name }) => name === kind);
  if (found !== undefined) return found;
  throw new EpochvisorError('DEVICE_UNKNOWN', `this version knows no device '${kind}'`, 'use the one that knew it');
}

/** The kind whose devices have numbers like this one; undefined: none has. */
export function kindNumbered(device: number): DeviceKind | undefined {
  return DEVICE_KINDS.find(({ firstNumber }) => device >= firstNumber && device < firstNumber + DEVICES_MAX);
}
