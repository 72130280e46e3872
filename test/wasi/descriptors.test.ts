// Descriptors themselves: pre-opened directories, closing, renumbering, flags.

import { describe, expect, test } from 'vitest';
import { FDFLAGS_NONBLOCK, OFLAGS_CREAT, RIGHTS_DIRECTORY, RIGHTS_INHERITED } from '../../engine/wasi/abi.js';
import { ModelFolder } from './model-folder.js';
import { ModelMachine } from './model-machine.js';
import { Program, programIn, type Stat } from './program.js';

const whole = { rights: RIGHTS_DIRECTORY, inheriting: RIGHTS_INHERITED };

function preopened(p: Program, fd: number): string {
  const errno = p.call('fd_prestat_get', fd, 0x8000);
  if (errno !== 'OK') return errno;
  const length = p.view.getUint32(0x8004, true);
  expect(p.view.getUint32(0x8000, true)).toBe(0);
  expect(p.call('fd_prestat_dir_name', fd, 0x9000, length)).toBe('OK');
  return new TextDecoder().decode(p.machine.memory().slice(0x9000, 0x9000 + length));
}

describe('pre-opened directories', () => {
  const machine = () =>
    new ModelMachine({
      folders: [new ModelFolder(), new ModelFolder()],
      names: ['/', 'ünder/scored'],
      configuration: { listeners: [0x40] },
    });

  test('are descriptors behind those that listen, with the names they were given under, and end with EBADF', () => {
    const p = new Program(machine());
    expect(p.fdstat(3)).toMatchObject({ filetype: 6 });
    expect(preopened(p, 4)).toBe('/');
    expect(preopened(p, 5)).toBe('ünder/scored');
    expect(preopened(p, 6)).toBe('EBADF');
    expect(preopened(p, 0)).toBe('EBADF');
  });

  test('are known before anything is loaded', () => {
    const p = new Program(machine());
    preopened(p, 4);
    expect(p.fdstat(4)).toMatchObject({ filetype: 3 });
    expect(p.machine.boundaries).toBe(0);
    expect(p.machine.operations).toEqual([]);
  });

  test('have a name that must fit', () => {
    const p = new Program(machine());
    expect(p.call('fd_prestat_dir_name', 5, 0x9000, 5)).toBe('ENAMETOOLONG');
    expect(p.call('fd_prestat_dir_name', 4, 0x9000, 100)).toBe('OK');
  });

  test('can be closed, and what was opened through them stays', () => {
    const { p } = programIn({ f: 'x' });
    const dir = p.mustOpen(3, '.', whole);
    expect(p.close(3)).toBe('OK');
    expect(p.fdstat(3)).toBe('EBADF');
    expect(preopened(p, 3)).toBe('EBADF');
    expect(p.read(p.mustOpen(dir, 'f'))).toBe('"x"');
    expect(p.close(3)).toBe('OK');
  });

  test('can be replaced', () => {
    const { p } = programIn({ d: { f: 'in d' } });
    const d = p.mustOpen(3, 'd', whole);
    const before = p.fstat(d) as Stat;
    expect(p.call('fd_renumber', d, 3)).toBe('OK');
    expect(p.fstat(3)).toEqual(before);
    expect(p.fdstat(d)).toBe('EBADF');
    expect(preopened(p, 3)).toBe('EBADF');
    expect(p.read(p.mustOpen(3, 'f'))).toBe('"in d"');
  });
});

describe('renumbering', () => {
  test('moves a descriptor with all that belongs to it', () => {
    const { p } = programIn({ one: 'first', two: 'second' });
    const [from, to] = [p.mustOpen(3, 'one'), p.mustOpen(3, 'two')];
    expect(p.read(from, 3)).toBe('"fir"');
    const before = p.fdstat(from);
    expect(p.call('fd_renumber', from, to)).toBe('OK');
    expect(p.close(from)).toBe('EBADF');
    expect(p.fdstat(to)).toEqual(before);
    expect(p.read(to)).toBe('"st"');
    expect(p.call('fd_renumber', to, from)).toBe('EBADF');
    expect(p.call('fd_renumber', from, to)).toBe('EBADF');
    expect(p.call('fd_renumber', to, to)).toBe('OK');
    expect(p.close(to)).toBe('OK');
  });

  test('moves standard streams as well', () => {
    const { p } = programIn();
    for (const fd of [0, 1, 2]) {
      const file = p.mustOpen(3, 'f', { oflags: OFLAGS_CREAT });
      expect(p.call('fd_renumber', fd, file)).toBe('OK');
      expect(p.fdstat(fd)).toBe('EBADF');
      expect(p.fdstat(file)).toMatchObject({ filetype: 0 });
      if (fd > 0) expect(p.write(file, String(fd))).toBe(1);
      // Its number is the lowest free one now, and not to be given to the next file.
      p.mustOpen(3, 'f');
    }
    expect(p.machine.text(1)).toBe('1');
    expect(p.machine.text(2)).toBe('2');
  });
});

describe('closing', () => {
  test('a closed descriptor is EBADF everywhere', () => {
    const { p } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    expect(p.close(fd)).toBe('OK');
    for (const call of [p.close(fd), p.read(fd), p.write(fd, 'x'), p.fstat(fd), p.tell(fd), p.fdstat(fd)]) {
      expect(call).toBe('EBADF');
    }
  });

  test('standard output can be closed', () => {
    const p = new Program(new ModelMachine());
    expect(p.close(1)).toBe('OK');
    expect(p.write(1, 'x')).toBe('EBADF');
  });

  test('numbers that no descriptor can have are EBADF', () => {
    const p = new Program(new ModelMachine());
    for (const fd of [-1, -31337, 0x7fffffff, 1 << 16]) {
      expect(p.call('fd_write', fd, 0, 0, 0x8000)).toBe('EBADF');
      expect(p.close(fd)).toBe('EBADF');
    }
  });
});

test('flags of a descriptor can be set', () => {
  const { p } = programIn();
  expect(p.call('fd_fdstat_set_flags', 0, FDFLAGS_NONBLOCK)).toBe('OK');
  expect(p.fdstat(0)).toMatchObject({ flags: FDFLAGS_NONBLOCK });
  expect(p.read(0)).toBe('EAGAIN');
  expect(p.call('fd_fdstat_set_flags', 0, 1 << 5)).toBe('EINVAL');
});
