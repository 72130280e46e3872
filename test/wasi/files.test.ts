// Reading and writing regular files: offsets, sizes, append, what is read past the end.

import { describe, expect, test } from 'vitest';
import {
  FDFLAGS_APPEND,
  OFLAGS_CREAT,
  RIGHT_FD_READ,
  RIGHT_FD_TELL,
  RIGHTS_FILE,
  WHENCE_CUR,
  WHENCE_END,
  WHENCE_SET,
} from '../../engine/wasi/abi.js';
import type { Stat } from './program.js';
import { programIn } from './program.js';

const size = (stat: Stat | string) => (stat as Stat).size;

describe('reading and writing', () => {
  test('go on where the last one ended', () => {
    const { p, folder } = programIn();
    const fd = p.mustOpen(3, 'f', { oflags: OFLAGS_CREAT });
    expect(p.write(fd, 'one ', 'two ')).toBe(8);
    expect(p.write(fd, 'three')).toBe(5);
    expect(p.tell(fd)).toBe(13);
    expect(p.seek(fd, 4, WHENCE_SET)).toBe(4);
    expect(p.read(fd, 3)).toBe('"two"');
    expect(p.read(fd, 1, 2, 100)).toBe('" three"');
    expect(p.read(fd)).toBe('""');
    expect(p.close(fd)).toBe('OK');
    expect(folder.tree()).toEqual({ f: 'one two three' });
  });

  test('at a place of their own leave the offset alone', () => {
    const { p } = programIn({ f: '0123' });
    const fd = p.mustOpen(3, 'f');
    expect(p.pread(fd, 2)).toBe('"23"');
    expect(p.pread(fd, 0, 2, 1)).toBe('"012"');
    expect(p.pread(fd, 9)).toBe('""');
    expect(p.pwrite(fd, 2, 'a', 'b', 'c')).toBe(3);
    expect(p.tell(fd)).toBe(0);
    expect(p.read(fd)).toBe('"01abc"');
  });

  test('an append goes to the end, wherever the offset is', () => {
    const { p, folder } = programIn({ f: 'begin ' });
    const fd = p.mustOpen(3, 'f', { flags: FDFLAGS_APPEND });
    expect(p.write(fd, 'one ')).toBe(4);
    expect(p.seek(fd, 0, WHENCE_SET)).toBe(0);
    expect(p.write(fd, 'two')).toBe(3);
    expect(p.tell(fd)).toBe(13);
    expect(p.call('fd_fdstat_set_flags', fd, 0)).toBe('OK');
    expect(p.seek(fd, 0, WHENCE_SET)).toBe(0);
    expect(p.write(fd, 'BEGIN')).toBe(5);
    expect(p.close(fd)).toBe('OK');
    expect(folder.tree()).toEqual({ f: 'BEGIN one two' });
  });

  test('a write at a place of its own is not appended', () => {
    const { p } = programIn({ f: 'abcd' });
    const fd = p.mustOpen(3, 'f', { flags: FDFLAGS_APPEND });
    expect(p.pwrite(fd, 0, 'XYZW')).toBe(4);
    expect(p.seek(fd, 0, WHENCE_END)).toBe(4);
  });

  test('one descriptor reads at once what another has written', () => {
    const { p } = programIn();
    const reader = p.mustOpen(3, 'f', { oflags: OFLAGS_CREAT, rights: RIGHT_FD_READ });
    const writer = p.mustOpen(3, 'f');
    expect(p.write(writer, 'x')).toBe(1);
    expect(p.read(reader)).toBe('"x"');
  });

  test('a gap reads as zeros', () => {
    const { p, folder } = programIn({ f: 'ab' });
    const fd = p.mustOpen(3, 'f');
    expect(p.seek(fd, 4, WHENCE_SET)).toBe(4);
    expect(p.write(fd, 'c')).toBe(1);
    expect(p.pread(fd, 0)).toBe('"ab\0\0c"');
    expect(p.close(fd)).toBe('OK');
    expect(folder.tree()).toEqual({ f: 'ab\0\0c' });
  });

  test('what was cut off does not come back', () => {
    const { p } = programIn({ f: 'secret' });
    const fd = p.mustOpen(3, 'f');
    expect(p.call('fd_filestat_set_size', fd, 2n)).toBe('OK');
    expect(p.call('fd_filestat_set_size', fd, 6n)).toBe('OK');
    expect(p.read(fd)).toBe('"se\0\0\0\0"');
  });

  test('nothing at all is read and written too', () => {
    const { p } = programIn({ f: 'abc' });
    const fd = p.mustOpen(3, 'f');
    expect(p.read(fd, 0)).toBe('""');
    expect(p.write(fd, '')).toBe(0);
    expect(p.call('fd_read', fd, 0, 0, 0x8000)).toBe('OK');
  });

  test('a file that was removed lives as long as it is open, and the device hears no more of it', () => {
    const { p, folder } = programIn({ f: 'old' });
    const fd = p.mustOpen(3, 'f');
    expect(p.unlink(3, 'f')).toBe('OK');
    expect(p.createFile(3, 'f')).toBe('OK');
    expect(p.seek(fd, 0, WHENCE_END)).toBe(3);
    expect(p.write(fd, ' and new')).toBe(8);
    expect(p.call('fd_filestat_set_size', fd, 5n)).toBe('OK');
    expect(p.call('fd_sync', fd)).toBe('OK');
    expect(p.pread(fd, 0)).toBe('"old a"');
    expect((p.fstat(fd) as Stat).links).toBe(0);
    expect(p.close(fd)).toBe('OK');
    expect(folder.tree()).toEqual({ f: '' });
    expect(folder.mutations.map(mutation => mutation.kind)).toEqual(['unlink', 'createFile']);
  });

  test('two names of a file share its content', () => {
    const { p } = programIn({ f: 'old' });
    expect(p.link(3, 'f', 3, 'g')).toBe('OK');
    const fd = p.mustOpen(3, 'f');
    expect(p.write(fd, 'NEW')).toBe(3);
    expect(p.read(p.mustOpen(3, 'g'))).toBe('"NEW"');
    expect((p.fstat(fd) as Stat).links).toBe(2);
  });
});

describe('offsets', () => {
  test('are counted from the beginning, from here and from the end', () => {
    const { p } = programIn({ f: 'x'.repeat(100) });
    const fd = p.mustOpen(3, 'f');
    expect(p.seek(fd, 0, WHENCE_END)).toBe(100);
    expect(p.seek(fd, -50, WHENCE_CUR)).toBe(50);
    expect(p.seek(fd, 0, WHENCE_CUR)).toBe(50);
    expect(p.seek(fd, 1000, WHENCE_CUR)).toBe(1050);
    expect(p.seek(fd, -2000, WHENCE_CUR)).toBe('EINVAL');
    expect(p.tell(fd)).toBe(1050);
    expect(p.seek(fd, 0, 3)).toBe('EINVAL');
  });

  test('beyond what a file can have are refused', () => {
    const { p } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    const most = (1n << 63n) - 1n;
    expect(p.call('fd_seek', fd, most, WHENCE_SET, 0x8000)).toBe('EINVAL');
    expect(p.call('fd_pread', fd, 0, 0, -1n, 0x8000)).toBe('EINVAL');
    expect(p.call('fd_pread', fd, 0, 0, most, 0x8000)).toBe('OK');
    expect(p.call('fd_pwrite', fd, 0, 0, -1n, 0x8000)).toBe('EINVAL');
    expect(p.call('fd_pwrite', fd, 0, 0, most, 0x8000)).toBe('EFBIG');
    expect(p.call('fd_filestat_set_size', fd, most)).toBe('EFBIG');
    expect(p.call('fd_filestat_set_size', fd, -1n)).toBe('EINVAL');
    expect(p.call('fd_allocate', fd, most, most)).toBe('EFBIG');
  });

  test('to ask for the offset takes fewer rights than to set it', () => {
    const { p } = programIn({ f: 'abc' });
    const fd = p.mustOpen(3, 'f', { rights: RIGHT_FD_READ | RIGHT_FD_TELL });
    expect(p.read(fd, 2)).toBe('"ab"');
    expect(p.tell(fd)).toBe(2);
    expect(p.seek(fd, 0, WHENCE_CUR)).toBe(2);
    expect(p.seek(fd, 1, WHENCE_CUR)).toBe('ENOTCAPABLE');
    expect(p.pread(fd, 0)).toBe('ENOTCAPABLE');
  });
});

describe('sizes', () => {
  test('are set, and told', () => {
    const { p, folder } = programIn();
    const fd = p.mustOpen(3, 'f', { oflags: OFLAGS_CREAT });
    expect(size(p.fstat(fd))).toBe(0);
    expect(p.call('fd_filestat_set_size', fd, 100n)).toBe('OK');
    expect(size(p.fstat(fd))).toBe(100);
    expect(folder.tree()).toEqual({ f: '\0'.repeat(100) });
  });

  test('allocation makes a file longer and never shorter', () => {
    const { p } = programIn();
    const fd = p.mustOpen(3, 'f', { oflags: OFLAGS_CREAT });
    expect(p.call('fd_allocate', fd, 0n, 100n)).toBe('OK');
    expect(p.call('fd_allocate', fd, 10n, 10n)).toBe('OK');
    expect(size(p.fstat(fd))).toBe(100);
    expect(p.call('fd_allocate', fd, 90n, 20n)).toBe('OK');
    expect(size(p.fstat(fd))).toBe(110);
    expect(p.call('fd_allocate', fd, 0n, 0n)).toBe('EINVAL');
    expect(p.call('fd_allocate', fd, -1n, 5n)).toBe('EINVAL');
  });

  test('what the kernel has no room for is refused, and given back when a file goes', () => {
    const { p } = programIn({ f: 'x'.repeat(600) }, { configuration: { filesBytesMax: 1000 } });
    const fd = p.mustOpen(3, 'g', { oflags: OFLAGS_CREAT });
    expect(p.write(fd, 'y'.repeat(400))).toBe(400);
    expect(p.write(fd, 'z')).toBe('ENOSPC');
    expect(p.call('fd_filestat_set_size', fd, 401n)).toBe('ENOSPC');
    expect(p.call('fd_filestat_set_size', fd, 1001n)).toBe('EFBIG');
    expect(p.tell(fd)).toBe(400);
    expect(p.unlink(3, 'f')).toBe('OK');
    expect(p.write(fd, 'z'.repeat(600))).toBe(600);
    expect(p.write(fd, 'z')).toBe('EFBIG');
  });

  test('advice changes nothing, and has to be advice', () => {
    const { p } = programIn({ f: 'abc' });
    const fd = p.mustOpen(3, 'f');
    for (let advice = 0; advice <= 5; advice++) expect(p.call('fd_advise', fd, 10n, 50n, advice)).toBe('OK');
    expect(p.call('fd_advise', fd, 0n, 0n, 6)).toBe('EINVAL');
    expect(p.call('fd_advise', fd, -1n, 0n, 0)).toBe('EINVAL');
    expect(size(p.fstat(fd))).toBe(3);
  });
});

describe('directories', () => {
  test.each([
    ['fd_read', [0, 0, 0x8000], 'EISDIR'],
    ['fd_pread', [0, 0, 0n, 0x8000], 'EISDIR'],
    ['fd_write', [0, 0, 0x8000], 'EBADF'],
    ['fd_pwrite', [0, 0, 0n, 0x8000], 'EBADF'],
    ['fd_seek', [0n, WHENCE_SET, 0x8000], 'EBADF'],
    ['fd_seek', [0n, WHENCE_CUR, 0x8000], 'EBADF'],
    ['fd_seek', [0n, WHENCE_END, 0x8000], 'EBADF'],
    ['fd_tell', [0x8000], 'EBADF'],
    ['fd_allocate', [0n, 1n], 'EBADF'],
    ['fd_filestat_set_size', [0n], 'EBADF'],
    ['fd_advise', [0n, 0n, 0], 'EBADF'],
  ] as const)('%s is refused', (name, values, errno) => {
    expect(programIn().p.call(name, 3, ...values)).toBe(errno);
  });
});

test('rights of a file that is to be measured are asked for', () => {
  const { p } = programIn({ f: 'abc' });
  const fd = p.mustOpen(3, 'f', { rights: RIGHTS_FILE & ~((1 << 8) | (1 << 7) | (1 << 22) | (1 << 4) | 1) });
  expect(p.call('fd_allocate', fd, 0n, 1n)).toBe('ENOTCAPABLE');
  expect(p.call('fd_advise', fd, 0n, 1n, 0)).toBe('ENOTCAPABLE');
  expect(p.call('fd_filestat_set_size', fd, 0n)).toBe('ENOTCAPABLE');
  expect(p.call('fd_sync', fd)).toBe('ENOTCAPABLE');
  expect(p.call('fd_datasync', fd)).toBe('ENOTCAPABLE');
});
