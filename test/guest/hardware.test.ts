// The virtual hardware: what a guest may start at which device, and what it is told of each.

import { describe, expect, test } from 'vitest';
import { DISK_FLUSH, DISK_READ, DISK_WRITE, FIRST_DISK } from '../../devices/disk/disk-commands.js';
import { TELLER, TELLER_DISPENSE } from '../../devices/teller/teller-commands.js';
import type { Guest } from '../../engine/guest/guest.js';
import { Hardware, seenDevices } from '../../engine/guest/hardware.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import { OPTIONS } from '../snapshot/guest-host.js';

const DEVICES = [
  { number: FIRST_DISK, kind: 'disk', sizeBytes: 4096 },
  { number: TELLER, kind: 'teller', sizeBytes: 0 },
];
const REFUSED = -1;

async function machine(devices = DEVICES) {
  const started: Operation[] = [];
  const guest = {
    isOutstanding: () => false,
    outstandingCount: 0,
    perform: ({ operation }: { operation: Operation }) => started.push(operation),
  } as unknown as Guest;
  const seen = await seenDevices({ devices });
  const imports = new Hardware(guest, OPTIONS, seen, () => new Uint8Array(65_536)).imports();
  return {
    started,
    size: imports.device_size as unknown as (device: number) => bigint,
    start: (device: number, command: number, argument: bigint, length: number) =>
      (imports.operation_start as (...values: unknown[]) => number)(1n, device, command, argument, 0, length),
  };
}

describe('devices of a bare guest', () => {
  test('tell their size where they have one', async () => {
    const { size } = await machine();
    expect([FIRST_DISK, FIRST_DISK + 1, TELLER, 0].map(size)).toEqual([4096n, -1n, -1n, -1n]);
  });

  test.each([
    ['a read', FIRST_DISK, DISK_READ, 512n, 1024, { length: 1024, data: new Uint8Array(0) }],
    ['a write', FIRST_DISK, DISK_WRITE, 3584n, 512, { length: 0, data: new Uint8Array(512) }],
    ['a flush', FIRST_DISK, DISK_FLUSH, 7n, 7, { length: 0, data: new Uint8Array(0) }],
    ['a dispense', TELLER, TELLER_DISPENSE, 0n, 0, { length: 0, data: new Uint8Array(0) }],
  ])('%s is started', async (_, device, command, argument, length, moved) => {
    const { start, started } = await machine();
    expect(start(device, command, argument, length)).toBe(0);
    expect(started).toEqual([{ id: 1n, device, command, argument, ...moved }]);
  });

  test.each([
    ['beyond the end', FIRST_DISK, DISK_READ, 4096n, 512],
    ['across the end', FIRST_DISK, DISK_WRITE, 3584n, 1024],
    ['before the start', FIRST_DISK, DISK_READ, -512n, 512],
    ['of part of a sector', FIRST_DISK, DISK_READ, 0n, 511],
    ['between sectors', FIRST_DISK, DISK_READ, 1n, 512],
    ['of nothing', FIRST_DISK, DISK_READ, 0n, 0],
    ['of an unknown command', FIRST_DISK, 4, 0n, 512],
    ['of less than nothing', TELLER, TELLER_DISPENSE, -1n, 0],
    ['of a command of another device', TELLER, DISK_WRITE, 0n, 512],
    ['at a device that is not there', FIRST_DISK + 1, DISK_READ, 0n, 512],
  ])('an operation %s is refused, and nothing is started', async (_, device, command, argument, length) => {
    const { start, started } = await machine();
    expect(start(device, command, argument, length)).toBe(REFUSED);
    expect(started).toEqual([]);
  });

  test('that a machine does not have can be asked for nothing', async () => {
    const { start } = await machine([]);
    expect(start(TELLER, TELLER_DISPENSE, 1n, 0)).toBe(REFUSED);
    expect(start(FIRST_DISK, DISK_FLUSH, 0n, 0)).toBe(REFUSED);
  });
});
