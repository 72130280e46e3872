// The numbers that guests speak: those of the guest library are the devices' own.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FIRST_LISTENING } from '../../devices/connection/connection-streams.js';
import { CONNECT, FIRST_CONNECTOR } from '../../devices/connector/connector-commands.js';
import { STDERR, STDIN, STDOUT } from '../../devices/console/console-streams.js';
import { STATUS_IO_ERROR, STATUS_NO_SPACE, STATUS_REFUSED } from '../../devices/device-commands.js';
import {
  DISK_FLUSH,
  DISK_READ,
  DISK_WRITE,
  FIRST_DISK,
  SECTOR_BYTES,
  TRANSFER_BYTES_MAX,
} from '../../devices/disk/disk-commands.js';
import { TELLER, TELLER_DISPENSE } from '../../devices/teller/teller-commands.js';

const source = (name: string) => readFileSync(new URL(`../../guest/lib/${name}.ts`, import.meta.url), 'utf8');

/** The members of a `const enum` of guest/lib/hardware.ts. */
function membersOf(name: string): Record<string, number> {
  const body = new RegExp(`export const enum ${name} \\{([^}]*)\\}`).exec(source('hardware'))?.[1] ?? '';
  return Object.fromEntries([...body.matchAll(/^ +(\w+) = (-?\w+),$/gm)].map(([, key, value]) => [key, Number(value)]));
}

describe('the guest library and the devices agree on', () => {
  test.each([
    ['Stream', { INPUT: STDIN, OUTPUT: STDOUT, ERROR: STDERR, LISTENER: FIRST_LISTENING }],
    ['Device', { DISK: FIRST_DISK, TELLER, CONNECTOR: FIRST_CONNECTOR }],
    ['ConnectorCommand', { CONNECT }],
    ['DiskCommand', { READ: DISK_READ, WRITE: DISK_WRITE, FLUSH: DISK_FLUSH }],
    ['TellerCommand', { DISPENSE: TELLER_DISPENSE }],
  ])('%s', (name, numbers) => {
    expect(membersOf(name)).toEqual(numbers);
  });

  test('what a completion says', () => {
    expect(membersOf('Status')).toMatchObject({
      REFUSED: STATUS_REFUSED,
      IO: STATUS_IO_ERROR,
      SPACE: STATUS_NO_SPACE,
    });
  });

  test('a sector, and the most that one operation moves', () => {
    const constant = (name: string) => new RegExp(`const ${name}: i32 = (.*);`).exec(source('disk'))?.[1];
    expect(constant('SECTOR_BYTES')).toBe(String(SECTOR_BYTES));
    expect(constant('TRANSFER_BYTES_MAX')).toBe(`1 << ${Math.log2(TRANSFER_BYTES_MAX)}`);
  });
});
