// Every kind of the table: the contract, with the fixture beside the tests of the kind, and what kinds must not share.

import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DEVICES_MAX } from '../../devices/device-kind.js';
import { DEVICE_KINDS, kindNumbered, kindOf } from '../../devices/device-kinds.js';
import { type DeviceFixture, operationDeviceConforms } from './conformance.js';

const fixtureFile = (name: string) => new URL(`./${name}/fixture.ts`, import.meta.url);

for (const kind of DEVICE_KINDS) {
  const file = fixtureFile(kind.name);
  if (!existsSync(file)) continue;
  const { fixture } = (await import(file.pathname)) as { readonly fixture: DeviceFixture };
  operationDeviceConforms(kind, fixture);
}

describe('kinds of devices', () => {
  test.each(DEVICE_KINDS.map(({ name }) => name))('%s has a fixture', name => {
    expect(existsSync(fixtureFile(name)), 'test/devices/KIND/fixture.ts').toBe(true);
  });

  test('have names, numbers and flags of their own', () => {
    for (const of of ['name', 'firstNumber'] as const) {
      expect(new Set(DEVICE_KINDS.map(kind => kind[of])).size).toBe(DEVICE_KINDS.length);
    }
    expect(new Set(DEVICE_KINDS.map(({ flag }) => flag.usage.split(' ')[0])).size).toBe(DEVICE_KINDS.length);
  });

  test('are found by the number of any of their devices', () => {
    for (const kind of DEVICE_KINDS) {
      expect(kind.firstNumber % DEVICES_MAX).toBe(0);
      expect(kindNumbered(kind.firstNumber)).toBe(kind);
      expect(kindNumbered(kind.firstNumber + DEVICES_MAX - 1)).toBe(kind);
    }
    expect(kindNumbered(0)).toBeUndefined();
    expect(kindNumbered(-1)).toBeUndefined();
  });

  test('that another version knew are refused', () => {
    expect(() => kindOf({ kind: 'printer' })).toThrow(expect.objectContaining({ code: 'DEVICE_UNKNOWN' }));
  });
});
