// Addresses of sockets, as users write them.

import { expect, test } from 'vitest';
import { describeSocketAddress, parseSocketAddress } from '../../../devices/connection/socket-address.js';

test.each([
  ['127.0.0.1:6379', { kind: 'tcp', host: '127.0.0.1', port: 6379 }],
  ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
  ['[::1]:80', { kind: 'tcp', host: '::1', port: 80 }],
  ['unix:/run/a:b.sock', { kind: 'unix', path: '/run/a:b.sock' }],
])('%s is an address, and is said so again', (text, address) => {
  expect(parseSocketAddress(text)).toEqual(address);
  expect(describeSocketAddress(parseSocketAddress(text)!)).toBe(text);
});

test.each(['', '80', ':80', '::1:80', '127.0.0.1', '127.0.0.1:', '127.0.0.1:65536', 'a b:1', 'unix:', '[::1]'])(
  '%j is no address',
  text => {
    expect(parseSocketAddress(text)).toBeUndefined();
  },
);
