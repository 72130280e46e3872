// The description of a machine: written in one form, read in any, and each fault of an editing hand named by its field.

import { describe, expect, test } from 'vitest';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { type MachineDescription, readDescription, writeDescription } from '../../engine/parts/description.js';

const DESCRIPTION: MachineDescription = {
  machine: '4c8f1c1e-0b9a-4b62-9a43-1a2b3c4d5e6f',
  bornMs: Date.parse('2026-11-27T05:43:42.123Z'),
  module: 'ab'.repeat(32),
  guest: 'wasi',
  arbiter: 'etcd://a:2379,b:2379',
  replicas: 2,
  suspicionMs: 1000,
  encrypted: true,
  epochLength: 1_000_000,
  latencyMaxMs: 0.5,
  verifyShare: 0.05,
  variant: 'deferred',
  counting: 'block',
  operationIds: true,
  maxMemory: 2 ** 30,
  arguments: ['server.wasm', 'ü', '\ud8fe'],
  environment: ['A=1', 'B='],
  listen: [
    { kind: 'tcp', host: '0.0.0.0', port: 8080 },
    { kind: 'unix', path: '/run/s' },
  ],
  connect: [{ name: 'db', address: { kind: 'tcp', host: '::1', port: 5432 } }],
  devices: [{ kind: 'directory', path: '/srv/data', guestPath: '/data', readOnly: true, sizeBytes: 0 }],
};

const text = writeDescription(DESCRIPTION);
const read = (edited: string) => readDescription(edited, 'm/machine.json');

/** The description with some fields changed; undefined: without them. */
const edited = (fields: Record<string, unknown>) => JSON.stringify({ ...JSON.parse(text), ...fields });

test('what is written is read again, and has one form whatever order it was in', () => {
  expect(read(text)).toEqual(DESCRIPTION);
  const reversed = Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse());
  expect(writeDescription(read(JSON.stringify(reversed)))).toBe(text);
  for (const more of [
    { durability: 'both-disks', checkpoints: { everyMs: 30_000 } },
    { durability: 'memory', checkpoints: { everyBytes: 65_536 } },
  ] as const) {
    expect(read(writeDescription({ ...DESCRIPTION, ...more }))).toEqual({ ...DESCRIPTION, ...more });
  }
  const { latencyMaxMs: _, verifyShare: __, ...steady } = DESCRIPTION;
  expect(read(writeDescription(steady))).toEqual(steady);
});

function fault(edit: string): EpochvisorError {
  try {
    read(edit);
  } catch (error) {
    if (error instanceof EpochvisorError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('a fault is one line that names the file and the field', () => {
  test.each<[string, unknown, RegExp]>([
    ['durability', 'tape', /"durability" is "tape"/],
    ['checkpointEveryMs', 1, /"checkpointEveryMs" is 1/],
    ['format', 'other', /"format" is "other", not "epochvisor machine"/],
    ['machine', '../etc', /"machine" is "\.\.\/etc", not an id/],
    ['machine', undefined, /the field "machine" is missing/],
    ['born', 'yesterday', /"born" is "yesterday", not a time/],
    ['module', 'abc', /"module" is "abc", not a SHA-256/],
    ['guest', 'native', /"guest" is "native", not one of "wasi", "bare"/],
    ['arbiter', '', /"arbiter" is "", not the address/],
    ['replicas', 0, /"replicas" is 0, not a whole number from 1 to 5/],
    ['replicas', '2', /"replicas" is "2", not a whole number/],
    ['suspicionMs', 1e9, /"suspicionMs"/],
    ['encrypted', 1, /"encrypted" is 1, not true or false/],
    ['epochLength', 1.5, /"epochLength" is 1\.5/],
    ['latencyMaxMs', 0, /"latencyMaxMs" is 0/],
    ['verifyShare', 0, /"verifyShare" is 0, not a number from 0.0001 to 0.5/],
    ['verifyShare', '5%', /"verifyShare" is "5%", not a number/],
    ['variant', 'newest', /"variant" is "newest", not one of/],
    ['counting', null, /"counting" is null/],
    ['operationIds', 'on', /"operationIds" is "on", not true or false/],
    ['maxMemory', 2 ** 33, /"maxMemory"/],
    ['arguments', 'a', /"arguments" is "a", not a list/],
    ['arguments', ['a\0b'], /"arguments"\[0\]/],
    ['environment', ['A=1', 'B'], /"environment"\[1\] is "B", not NAME=VALUE/],
    ['listen', ['8080'], /"listen"\[0\] is "8080", not ADDR:PORT/],
    ['connect', ['10.0.0.1:80'], /"connect"\[0\] is "10\.0\.0\.1:80", not NAME=/],
    ['devices', [{ kind: 'disk', path: '/d' }], /"devices"\[0\]/],
    ['devices', [null], /"devices"\[0\] is null/],
    ['devices', [{ kind: 'disk', path: '/d', sizeBytes: 1, colour: 'red' }], /"devices"\[0\]/],
    ['replica', 2, /a field "replica" that nobody knows/],
    ['x'.repeat(1_000), 2, /a field "x+\.\.\. that nobody knows/],
  ])('%s: %j', (field, value, says) => {
    const error = fault(edited({ [field]: value }));
    expect(error.code).toBe('DESCRIPTION_INVALID');
    expect(error.message).toMatch(/^m\/machine\.json: /);
    expect(error.message).toMatch(says);
    expect(error.line).not.toContain('\n');
    expect(error.message.length).toBeLessThan(200);
  });

  test.each(['', '{', '[]', 'null', '"text"', '{"a":1,}'])('%j is no description', broken => {
    expect(fault(broken)).toMatchObject({ code: 'DESCRIPTION_INVALID', message: expect.stringMatching(/not .*JSON/) });
  });

  test.each([0, 2, '1', null])('a version %j', version => {
    expect(fault(edited({ version }))).toMatchObject({ code: 'DESCRIPTION_VERSION' });
  });
});
