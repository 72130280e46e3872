// What every segment of a log says of its machine, so that who has only that knows what it is of: the options that shape
// execution, and the guest by its name.

import { EpochvisorError } from '../errors/errors.js';
import type { MachineOptions } from '../guest/machine-options.js';
import { decodePlain, encodePlain } from '../snapshot/plain-data.js';
import { wrongOptions } from '../snapshot/snapshot-shape.js';
import { corrupt } from '../wire/segments.js';

export interface LoggedMachine {
  readonly options: MachineOptions;
}

export function encodeLoggedMachine({ options }: LoggedMachine): Uint8Array {
  return encodePlain({ options }).bytes;
}

/** @param path in messages; @throws EpochvisorError LOG_CORRUPT */
export function decodeLoggedMachine(bytes: Uint8Array, path: string): LoggedMachine {
  let value: { readonly options?: unknown } | null;
  try {
    value = decodePlain(bytes, () => new Uint8Array()) as typeof value;
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    throw corrupt(path, 'what it says of its machine is damaged', 0);
  }
  const wrong = wrongOptions(value?.options);
  if (wrong !== undefined) throw corrupt(path, wrong, 0);
  return value as LoggedMachine;
}
