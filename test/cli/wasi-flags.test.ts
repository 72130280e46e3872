// The flags of WASI programs: folders, their names, what is read-only.

import { describe, expect, test } from 'vitest';
import { directoryFlag, wasiOptions } from '../../engine/cli/wasi-flags.js';

describe('--dir', () => {
  test.each([
    ['data', { hostPath: 'data', guestPath: 'data', readOnly: false }],
    ['/a/b::/data', { hostPath: '/a/b', guestPath: '/data', readOnly: false }],
    ['/a/b::/data:ro', { hostPath: '/a/b', guestPath: '/data', readOnly: true }],
    ['/a:b:ro', { hostPath: '/a:b', guestPath: '/a:b', readOnly: true }],
    ['a::b::c', { hostPath: 'a', guestPath: 'b::c', readOnly: false }],
    ['.::/', { hostPath: '.', guestPath: '/', readOnly: false }],
  ])('%s', (text, flag) => {
    expect(directoryFlag(text)).toEqual(flag);
  });

  test.each(['', '::', '::x', 'x::', ':ro'])('refuses %j', text => {
    expect(() => directoryFlag(text)).toThrow('HOST or HOST::GUEST');
  });

  test('numbers the folders in the order of the flags', () => {
    const options = wasiOptions('wasi', { dir: [directoryFlag('a'), directoryFlag('b:ro')], env: ['X=1'] });
    expect(options).toMatchObject({
      environment: ['X=1'],
      directories: [
        { guestPath: 'a', device: 0x300, readOnly: false },
        { guestPath: 'b', device: 0x301, readOnly: true },
      ],
    });
  });

  test('is for WASI programs', () => {
    expect(wasiOptions('bare', { dir: [], env: [] })).toBeUndefined();
    expect(() => wasiOptions('bare', { dir: [directoryFlag('a')], env: [] })).toThrow('not a WASI program');
    expect(() => wasiOptions('bare', { dir: [], env: ['A=1'] })).toThrow('not a WASI program');
  });
});
