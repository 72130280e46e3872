// The guests, suspended at every boundary on the fake machine: they print and do what they do when nobody suspends them.

import { describe, expect, test } from 'vitest';
import { instantiate } from '../../engine/index.js';
import { PlainMachine } from '../../engine/plain/plain-machine.js';
import { FakeDevices, type FakeWorld, guestBytes, runGuest } from '../guest-library/fake-machine.js';

const RUNS: readonly (readonly [name: string, programArguments: readonly (string | number)[], world: FakeWorld])[] = [
  ['hello', [], {}],
  ['compute', [2, 1], {}],
  ['recursive', [], {}],
  ['clock-random', [5], {}],
  ['ticks', [3], {}],
  ['disk', [], { diskBytes: 1 << 16 }],
  ['echo', [], { input: [{ bytes: 'one\ntwo\n' }, { atNs: 5_000, bytes: 'three' }] }],
  ['teller', [3], {}],
];

function runSuspended(name: string, programArguments: readonly (string | number)[], world: FakeWorld, length: number) {
  const devices = new FakeDevices({ ...world, arguments: [`${name}.wasm`, ...programArguments.map(String)] });
  const machine = new PlainMachine(devices);
  const bytes = guestBytes(name);
  const guest = instantiate(bytes, machine.imports, { epochLength: length, suspendAt: 'every-boundary' });
  machine.attach(guest.exports);
  try {
    guest.exports._start();
  } catch (ended) {
    // What the machine throws to leave the guest; its outcome shows in what was written.
    if (ended instanceof Error) throw ended;
  }
  return {
    stdout: devices.text(1),
    stderr: devices.text(2),
    epochs: guest.epoch(),
    performed: devices.performed.length,
  };
}

describe.each(RUNS)('the guest %s, suspended', (name, programArguments, world) => {
  test.each([701, 10_007])('at every boundary, does what it does otherwise: epochs of %i', epochLength => {
    const expected = runGuest(name, programArguments, world);
    const { epochs, ...seen } = runSuspended(name, programArguments, world, epochLength);
    const { stdout, stderr, devices } = expected;
    expect(seen).toEqual({ stdout, stderr, performed: devices.performed.length });
    if (epochLength === 701) expect(epochs).toBeGreaterThan(0);
  });
});
