// How large the strings may be that a guest is given.

import { describe, expect, test } from 'vitest';
import { guestArguments } from '../../engine/cli/guest-strings.js';
import { wasiOptions } from '../../engine/cli/wasi-flags.js';

/** With the NUL at its end. */
const ofBytes = (bytes: number) => 'x'.repeat(bytes - 1);
const KIB = 1024;
const LONGEST = ofBytes(128 * KIB);

const wasi = (env: string[], guestPath = '/') =>
  wasiOptions('wasi', { env, devices: [{ kind: 'directory', path: '.', guestPath }] });

describe("the guest's arguments", () => {
  test('begin with its name', () => {
    expect(guestArguments('/a/b.wasm', ['c'], {})).toEqual(['b.wasm', 'c']);
    expect(guestArguments('/a/b.wasm', ['c'], { argv0: 'd' })).toEqual(['d', 'c']);
  });

  test.each([
    ['an argument', () => guestArguments('g', [`${LONGEST}x`], {}), /^argument 1 of the guest has 131073 bytes/],
    ['its name', () => guestArguments('g', [], { argv0: `${LONGEST}x` }), /^argument 0 of the guest has 131073 bytes/],
    ['characters of two bytes', () => guestArguments('g', ['é'.repeat(65_536)], {}), /^argument 1 .* 131073 bytes/],
    ['a variable', () => guestArguments('g', [], { wasi: wasi([`NAME=${LONGEST}`]) }), /^the variable NAME has 131077/],
    [
      "a folder's name",
      () => guestArguments('g', [], { wasi: wasi([], `${LONGEST}x`) }),
      /^a folder's name has 131073/,
    ],
    ['ten times as much', () => guestArguments('g', [LONGEST.repeat(10)], {}), /^argument 1 .* 1310711 bytes/],
  ])('are refused where one string is too long: %s', (_, check, message) => {
    expect(check).toThrow(expect.objectContaining({ code: 'GUEST_STRINGS', message: expect.stringMatching(message) }));
  });

  test('are taken up to 2 MiB with the environment and the names of folders, and not a byte beyond', () => {
    const args = Array.from({ length: 14 }, () => LONGEST);
    const all = (rest: number) => guestArguments('g', args, { wasi: wasi([`A=${ofBytes(rest)}`, ofBytes(128 * KIB)]) });
    const rest = 128 * KIB - 'g\0'.length - '/\0'.length - 'A='.length;
    expect(all(rest)).toHaveLength(15);
    expect(() => all(rest + 1)).toThrow('2097153 bytes in all, and 2097152 are the most');
  });
});
