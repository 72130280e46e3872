// The flags of WASI programs: folders, their names, what is read-only.

import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { DIRECTORY_KIND } from '../../devices/directory/directory-kind.js';
import { addWasiFlags, wasiOptions } from '../../engine/cli/wasi-flags.js';

const folder = (text: string) => DIRECTORY_KIND.flag.parse(text);

describe('--dir', () => {
  test.each([
    ['data', { path: 'data', guestPath: 'data', readOnly: false }],
    ['/a/b::/data', { path: '/a/b', guestPath: '/data', readOnly: false }],
    ['/a/b::/data:ro', { path: '/a/b', guestPath: '/data', readOnly: true }],
    ['/a:b:ro', { path: '/a:b', guestPath: '/a:b', readOnly: true }],
    ['a::b::c', { path: 'a', guestPath: 'b::c', readOnly: false }],
    ['.::/', { path: '.', guestPath: '/', readOnly: false }],
  ])('%s', (text, flag) => {
    expect(folder(text)).toEqual({ kind: 'directory', ...flag });
  });

  test.each(['', '::', '::x', 'x::', ':ro'])('refuses %j', text => {
    expect(folder(text)).toBeUndefined();
    const command = addWasiFlags(new Command())
      .exitOverride()
      .configureOutput({ writeErr: () => undefined });
    expect(() => command.parse(['--dir', text], { from: 'user' })).toThrow('HOST or HOST::GUEST');
  });

  test('numbers the folders in the order of the flags', () => {
    const options = wasiOptions('wasi', { devices: [folder('a')!, folder('b:ro')!], env: ['X=1'] });
    expect(options).toMatchObject({
      environment: ['X=1'],
      directories: [
        { guestPath: 'a', device: 0x300, readOnly: false },
        { guestPath: 'b', device: 0x301, readOnly: true },
      ],
    });
  });

  test('is for WASI programs', () => {
    expect(wasiOptions('bare', { devices: [], env: [] })).toBeUndefined();
    expect(() => wasiOptions('bare', { devices: [folder('a')!], env: [] })).toThrow('not a WASI program');
    expect(() => wasiOptions('bare', { devices: [], env: ['A=1'] })).toThrow('not a WASI program');
  });
});
