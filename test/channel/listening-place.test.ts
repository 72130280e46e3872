// Where a part listens and by what others reach it, for what a user says and for what he does not.

import { isIP } from 'node:net';
import { expect, test } from 'vitest';
import { announcedAddress, defaultPlace, placeOf } from '../../engine/channel/listening-place.js';

test.each([
  ['a.example', 'a.example:0', 'a.example', 'wss://a.example:4711'],
  ['10.0.0.1:99', '10.0.0.1:99', '10.0.0.1', 'wss://10.0.0.1:4711'],
  ['[fd00::1]', '[fd00::1]:0', 'fd00::1', 'wss://[fd00::1]:4711'],
  ['[fd00::1]:99', '[fd00::1]:99', 'fd00::1', 'wss://[fd00::1]:4711'],
])('%s', (address, listen, announced, reached) => {
  expect(placeOf(address)).toEqual({ listen, announced });
  expect(announcedAddress('wss://0.0.0.0:4711', placeOf(address))).toBe(reached);
  expect(announcedAddress('wss://[::]:4711', placeOf(address))).toBe(reached);
});

test.each(['', ':99', 'a:b', 'a:99999', 'a b', 'a/b', '::1', '0.0.0.0', '[::]:1', 'ws://a:1'])(
  '%j is refused',
  address => {
    expect(() => placeOf(address)).toThrow(expect.objectContaining({ code: 'ADDRESS_MALFORMED' }));
  },
);

test('who says nothing listens everywhere by an address of this host, in the clear on loopback only', () => {
  expect(defaultPlace(false)).toEqual({ listen: '127.0.0.1:0', announced: '127.0.0.1' });
  const { listen, announced } = defaultPlace(true);
  expect(listen).toBe(announced === '127.0.0.1' ? '127.0.0.1:0' : '0.0.0.0:0');
  expect(isIP(announced)).toBe(4);
});
