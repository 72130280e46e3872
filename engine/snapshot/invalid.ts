// The refusal of bytes that are no snapshot.

import { EpochvisorError } from '../errors/errors.js';

/** @param offset of what is wrong, from the beginning of the snapshot */
export function invalid(what: string, offset: number): EpochvisorError {
  return new EpochvisorError(
    'SNAPSHOT_INVALID',
    `this is no whole snapshot: ${what}, at byte ${offset}`,
    'take another one: it was cut short, damaged, or written by another version',
  );
}
