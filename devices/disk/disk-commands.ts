// What a disk can be asked for: sectors, by byte offset.
//
//   command    argument       length, data     status
//   1 read     byte offset    length           bytes read, with the data
//   2 write    byte offset    data             bytes written
//   3 flush    -              -                0, when everything written before is on the medium
//
// Offsets and lengths are multiples of a sector.

import type { Movement } from '../device-commands.js';

/** Disk k is FIRST_DISK + k. */
export const FIRST_DISK = 0x100;

export const DISK_READ = 1;
export const DISK_WRITE = 2;
export const DISK_FLUSH = 3;

export const SECTOR_BYTES = 512;
/** Most bytes of one operation: what it makes the bus hold. */
export const TRANSFER_BYTES_MAX = 1024 * 1024;

/** A `MovementOf`. */
export function diskMovement(
  sizeBytes: number,
  command: number,
  argument: bigint,
  length: number,
): Movement | undefined {
  if (command === DISK_FLUSH) return 'nothing';
  if (command !== DISK_READ && command !== DISK_WRITE) return undefined;
  if (length > TRANSFER_BYTES_MAX || length % SECTOR_BYTES !== 0 || argument % BigInt(SECTOR_BYTES) !== 0n) {
    return undefined;
  }
  if (argument < 0n || argument > BigInt(sizeBytes - length)) return undefined;
  return command === DISK_READ ? 'in' : 'out';
}
