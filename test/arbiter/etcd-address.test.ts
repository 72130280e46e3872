// The address of an etcd, taken apart, and what is refused.

import { describe, expect, test } from 'vitest';
import { parseEtcdAddress, withoutUser } from '../../engine/arbiter/etcd-address.js';

const endpoint = (host: string, port: number, name = `${host}:${port}`) => ({ host, port, name });

const expectRefused = (address: string, why: string) =>
  expect(() => parseEtcdAddress(address)).toThrow(
    expect.objectContaining({ code: 'ARBITER_MALFORMED', message: expect.stringContaining(why) }),
  );

describe('an address of an etcd', () => {
  test('names hosts, with a port each or that of etcd, and a prefix of its own or ours', () => {
    expect(parseEtcdAddress('etcd://h1:1,h2')).toEqual({
      endpoints: [endpoint('h1', 1), endpoint('h2', 2379)],
      prefix: '/epochvisor/',
      secure: false,
    });
    expect(parseEtcdAddress('etcds://[::1]:7,[fe80::1]/a/b').endpoints).toEqual([
      endpoint('::1', 7, '[::1]:7'),
      endpoint('fe80::1', 2379, '[fe80::1]:2379'),
    ]);
    expect(parseEtcdAddress('etcds://h').secure).toBe(true);
    const prefixes = ['etcd://h', 'etcd://h/', 'etcd://h/a', 'etcd://h/a/b/'].map(
      text => parseEtcdAddress(text).prefix,
    );
    expect(prefixes).toEqual(['/epochvisor/', '/epochvisor/', '/a/', '/a/b/']);
  });

  test('has a host once, however often it is named', () => {
    expect(parseEtcdAddress('etcd://h,h:2379,g,h').endpoints.map(({ name }) => name)).toEqual(['h:2379', 'g:2379']);
  });

  test('may say who comes, percent-encoded, and is shown without it', () => {
    expect(parseEtcdAddress('etcd://me:a%40b%2Fc:d@h').user).toBe('me:a@b/c:d');
    expect(withoutUser('etcd://me:a%40b@h1,h2/p')).toBe('etcd://h1,h2/p');
    expect(withoutUser('etcd://h1,h2/p')).toBe('etcd://h1,h2/p');
  });

  test.each([
    ['etcd:', 'a host is missing'],
    ['etcd://', '"" is no host'],
    ['etcd:///p', '"" is no host'],
    ['etcd://h,,g', '"" is no host'],
    ['etcd://h:0', '"h:0" is no host'],
    ['etcd://h:65536', '"h:65536" is no host'],
    ['etcd://h:x', '"h:x" is no host'],
    ['etcd://::1:2379', '"::1:2379" is no host'],
    ['etcd://h/a b', 'a prefix is made of'],
    ['etcd://h//', 'a prefix is made of'],
    ['etcd://h/?a', 'a prefix is made of'],
    ['etcd://u:%zz@h', 'not percent-encoded'],
  ])('%s is refused in one line', (address, why) => {
    expectRefused(address, why);
  });

  test('with hosts, a name or a prefix without end is refused', () => {
    expectRefused(`etcd://h/${'p'.repeat(650)}`, 'a prefix is made of');
    expectRefused(`etcd://h${'/p'.repeat(80)}`, 'a prefix is made of');
    expectRefused(`etcd://${'h'.repeat(2_600)}`, 'is no host');
    expectRefused(`etcd://${Array.from({ length: 90 }, (_, n) => `h${n}`).join(',')}`, 'more than 9 hosts');
  });
});
