// The kernel and the directory device: loading, order, errors, waiting, repeats after a failover.

import { describe, expect, test } from 'vitest';
import { FDFLAGS_DSYNC, FDFLAGS_SYNC, OFLAGS_CREAT, OFLAGS_TRUNC, RIGHT_FD_READ } from '../../engine/wasi/abi.js';
import type { Mutation } from '../../engine/wasi/mutation.js';
import { ModelFolder } from './model-folder.js';
import { ModelMachine, Stuck } from './model-machine.js';
import { Program, programIn, type Stat } from './program.js';

const ENOSPC = -28;
const EACCES = -13;

describe('loading', () => {
  test('happens at the first use, and once', () => {
    const { p } = programIn({ f: '' });
    expect(p.write(1, 'no files yet')).toBe(12);
    expect(p.machine.operations).toEqual([]);
    p.mustOpen(3, 'f');
    const { boundaries } = p.machine;
    expect(boundaries).toBeGreaterThan(0);
    p.mustOpen(3, 'f');
    expect(p.machine.boundaries).toBe(boundaries);
  });

  test.each([1, 7, 47, 48, 49, 1000])('works in chunks of %i bytes', chunkBytes => {
    const big = Uint8Array.from({ length: 3000 }, (_, k) => k);
    const folder = new ModelFolder({ big, dir: { empty: '', l: { link: '../big' } }, z: 'end' }, chunkBytes);
    const p = new Program(new ModelMachine({ folders: [folder] }));
    expect(p.names(3)).toEqual(['.', '..', 'big', 'dir', 'z']);
    const fd = p.mustOpen(3, 'dir/l', { follow: true });
    expect(p.read(fd)).toBe(`"${Buffer.from(big).toString('latin1')}"`);
    expect(p.read(p.mustOpen(3, 'z'))).toBe('"end"');
  });

  test('asks for chunks ahead, in order', () => {
    const folder = new ModelFolder({ big: new Uint8Array(1000) }, 100);
    const p = new Program(new ModelMachine({ folders: [folder] }));
    const asked: string[] = [];
    p.machine.onBoundary = () => {
      asked.push(p.machine.operations.map(operation => operation.argument).join());
    };
    p.mustOpen(3, 'big');
    expect(asked.slice(0, 2)).toEqual(['0,1,2,3', '4,5,6,7']);
  });

  test('chunks that come out of order are put in order', () => {
    const folder = new ModelFolder({ a: 'x'.repeat(300), b: 'y' }, 100);
    const p = new Program(new ModelMachine({ folders: [folder] }));
    p.machine.onBoundary = () => {
      p.machine.operations.reverse();
    };
    expect(p.read(p.mustOpen(3, 'b'))).toBe('"y"');
  });

  test('names of one file stay one file', () => {
    const folder = new ModelFolder({ a: 'x' });
    folder.perform({
      id: 1n,
      device: 0,
      command: 2,
      argument: 0n,
      length: 0,
      data: linkMutation(),
    });
    const p = new Program(new ModelMachine({ folders: [folder] }));
    expect((p.stat(3, 'b') as Stat).inode).toBe((p.stat(3, 'a') as Stat).inode);
    expect((p.stat(3, 'b') as Stat).links).toBe(2);
  });

  test('that fails is told by every call, with the error of the host', () => {
    const folder = new ModelFolder();
    folder.perform = () => ({ status: EACCES, data: new Uint8Array(0) });
    const p = new Program(new ModelMachine({ folders: [folder] }));
    expect(p.stat(3, 'f')).toBe('EACCES');
    expect(p.createDirectory(3, 'f')).toBe('EACCES');
    expect(p.fdstat(3)).toMatchObject({ filetype: 3 });
  });

  test.each([
    ['cut off', (image: Uint8Array) => image.subarray(0, image.length - 1)],
    ['not an image', () => Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9])],
    ['empty', () => new Uint8Array(0)],
    ['longer than itself', (image: Uint8Array) => Uint8Array.from([...image, 0])],
  ])('an image that is %s is EIO', (_, change) => {
    const folder = new ModelFolder({ f: 'x' });
    const whole = folder.image();
    folder.image = () => change(whole);
    const p = new Program(new ModelMachine({ folders: [folder] }));
    expect(p.stat(3, 'f')).toBe('EIO');
  });

  test.each(['.', '..', 'a/b', '/', '', 'nul\0', 'n'.repeat(256)])('a name that no file can have (%j) is EIO', name => {
    const { p } = programIn({ f: 'x', [name]: 'y' });
    expect(p.stat(3, 'f')).toBe('EIO');
  });

  test('of more than there is room for is ENOMEM', () => {
    const { p } = programIn({ f: 'x'.repeat(100) }, { configuration: { filesBytesMax: 99 } });
    expect(p.stat(3, 'f')).toBe('ENOMEM');
  });
});

function linkMutation(): Uint8Array {
  const bytes = new Uint8Array(41);
  bytes.set([1, 4, 1]);
  bytes[8] = 2;
  bytes[12] = 1;
  bytes[40] = 'b'.charCodeAt(0);
  return bytes;
}

describe('changes of names', () => {
  test('are made when the device has said yes, with the error of the host where it says no', () => {
    const { p, folder } = programIn({ f: 'x', d: {} });
    folder.failure = () => EACCES;
    expect(p.createDirectory(3, 'new')).toBe('EACCES');
    expect(p.open(3, 'new', { oflags: OFLAGS_CREAT })).toBe('EACCES');
    expect(p.symlink('f', 3, 'new')).toBe('EACCES');
    expect(p.link(3, 'f', 3, 'new')).toBe('EACCES');
    expect(p.rename(3, 'f', 3, 'new')).toBe('EACCES');
    expect(p.unlink(3, 'f')).toBe('EACCES');
    expect(p.removeDirectory(3, 'd')).toBe('EACCES');
    expect(p.setPathTimes(3, 'f', 1n, 1n, 1)).toBe('EACCES');
    expect(p.open(3, 'f', { oflags: OFLAGS_TRUNC })).toBe('EACCES');
    folder.failure = () => ENOSPC;
    const fd = p.mustOpen(3, 'f');
    expect(p.call('fd_allocate', fd, 0n, 100n)).toBe('ENOSPC');
    expect((p.fstat(fd) as Stat).size).toBe(1);
    expect(p.names(3)).toEqual(['.', '..', 'd', 'f']);
    expect(folder.tree()).toEqual({ f: 'x', d: {} });
    folder.failure = () => 0;
    expect(p.createDirectory(3, 'new')).toBe('OK');
  });

  test('a failed creation takes no descriptor and no inode number', () => {
    const { p, folder } = programIn();
    folder.failure = () => ENOSPC;
    expect(p.open(3, 'a', { oflags: OFLAGS_CREAT })).toBe('ENOSPC');
    folder.failure = () => 0;
    expect(p.open(3, 'a', { oflags: OFLAGS_CREAT })).toBe(4);
    const [first, second] = folder.mutations as (Mutation & { inode: number })[];
    expect(first!.inode).toBe(second!.inode);
  });

  test('errors that no errno is like are EIO', () => {
    const { p, folder } = programIn();
    folder.failure = () => -121;
    expect(p.createDirectory(3, 'd')).toBe('EIO');
  });
});

describe('writes', () => {
  test('do not wait for the device', () => {
    const { p } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    const { boundaries } = p.machine;
    for (let k = 0; k < 100; k++) expect(p.write(fd, 'line\n')).toBe(5);
    expect(p.machine.boundaries).toBe(boundaries);
  });

  test('that wait and continue each other become one operation', () => {
    const { p, folder } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    for (let k = 0; k < 1000; k++) p.write(fd, `${k} `);
    expect(p.machine.operations).toHaveLength(64);
    expect(p.close(fd)).toBe('OK');
    expect(folder.mutations).toHaveLength(65);
    expect(folder.tree()).toEqual({ f: Array.from({ length: 1000 }, (_, k) => `${k} `).join('') });
  });

  test('of two files, and with gaps, stay what they are', () => {
    const { p, folder } = programIn({ f: '', g: '' });
    const [f, g] = [p.mustOpen(3, 'f'), p.mustOpen(3, 'g')];
    for (let k = 0; k < 100; k++) {
      p.write(f, 'f');
      p.write(g, 'g');
    }
    p.pwrite(f, 300, 'end');
    p.pwrite(f, 10, 'X');
    p.pwrite(f, 11, 'Y');
    expect(p.close(f)).toBe('OK');
    expect(p.close(g)).toBe('OK');
    expect(folder.tree()).toEqual({
      f: `${'f'.repeat(10)}XY${'f'.repeat(88)}${'\0'.repeat(200)}end`,
      g: 'g'.repeat(100),
    });
  });

  test('larger than an operation are cut, and taken whole', () => {
    const { p, folder } = programIn({ f: '' }, { memoryBytes: 8 << 20 });
    const fd = p.mustOpen(3, 'f');
    const bytes = Uint8Array.from({ length: 3_500_000 }, (_, k) => k * 7);
    expect(p.write(fd, bytes)).toBe(bytes.length);
    expect(p.close(fd)).toBe('OK');
    expect(folder.mutations.map(mutation => mutation.kind === 'write' && mutation.bytes.length)).toEqual([
      1 << 20,
      1 << 20,
      1 << 20,
      3_500_000 - 3 * (1 << 20),
    ]);
    expect(Buffer.from((folder.tree().f as string) ?? '', 'latin1').equals(Buffer.from(bytes))).toBe(true);
  });

  test('block when too much waits, and lose nothing', () => {
    const { p, folder } = programIn({ f: '' }, { memoryBytes: 8 << 20 });
    const fd = p.mustOpen(3, 'f');
    const { boundaries } = p.machine;
    const piece = new Uint8Array(4 << 20).fill(1);
    let writes = 0;
    while (p.machine.boundaries === boundaries && writes < 100) {
      expect(p.write(fd, piece)).toBe(piece.length);
      writes += 1;
    }
    // 16 MiB on the way and 16 MiB in waiting: the ninth write waits.
    expect(writes).toBe(9);
    expect(p.close(fd)).toBe('OK');
    expect((folder.tree().f as string).length).toBe(writes * piece.length);
  });

  test('with SYNC wait until the bytes are safe, and answer how many they were', () => {
    for (const [flags, dataOnly] of [
      [FDFLAGS_SYNC, false],
      [FDFLAGS_DSYNC, true],
    ] as const) {
      const { p, folder } = programIn({ f: '' });
      const fd = p.mustOpen(3, 'f', { flags });
      expect(p.write(fd, 'safe')).toBe(4);
      expect(folder.tree()).toEqual({ f: 'safe' });
      expect(folder.mutations).toMatchObject([{ kind: 'write' }, { kind: 'sync', dataOnly }]);
      expect(p.write(fd, 'r')).toBe(1);
      expect(p.tell(fd)).toBe(5);
      folder.failure = mutation => (mutation.kind === 'sync' ? -5 : 0);
      expect(p.write(fd, '!')).toBe('EIO');
      folder.failure = mutation => (mutation.kind === 'write' ? ENOSPC : 0);
      expect(p.pwrite(fd, 0, 'S')).toBe('ENOSPC');
    }
  });
});

describe('errors of writes', () => {
  /** A file whose write has failed at the device. */
  function failed(): { p: Program; fd: number; folder: ModelFolder } {
    const { p, folder } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    folder.failure = mutation => (mutation.kind === 'write' ? ENOSPC : 0);
    expect(p.write(fd, 'lost')).toBe(4);
    p.machine.deliver();
    p.machine.kernel.settle();
    folder.failure = () => 0;
    return { p, fd, folder };
  }

  test('are told by fd_sync, once', () => {
    for (const call of ['fd_sync', 'fd_datasync']) {
      const { p, fd } = failed();
      expect(p.call(call, fd)).toBe('ENOSPC');
      expect(p.call(call, fd)).toBe('OK');
      expect(p.close(fd)).toBe('OK');
    }
  });

  test('are told by the next write, once', () => {
    const { p, fd } = failed();
    expect(p.write(fd, 'more')).toBe('ENOSPC');
    expect(p.tell(fd)).toBe(4);
    expect(p.write(fd, 'more')).toBe(4);
    expect(p.close(fd)).toBe('OK');
  });

  test('are told by fd_close, which closes all the same', () => {
    const { p, fd } = failed();
    expect(p.close(fd)).toBe('ENOSPC');
    expect(p.close(fd)).toBe('EBADF');
  });

  test('are not told to who only reads', () => {
    const { p, fd } = failed();
    const reader = p.mustOpen(3, 'f', { rights: RIGHT_FD_READ });
    expect(p.close(reader)).toBe('OK');
    expect(p.close(fd)).toBe('ENOSPC');
  });

  test('that come while closing waits are told', () => {
    const { p, folder } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    folder.failure = () => ENOSPC;
    expect(p.write(fd, 'lost')).toBe(4);
    expect(p.close(fd)).toBe('ENOSPC');
  });

  test('of several are the first', () => {
    const { p, folder } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    let failures = 0;
    folder.failure = () => (failures++ === 0 ? -122 : ENOSPC);
    p.write(fd, 'a');
    p.pwrite(fd, 9, 'b');
    expect(p.call('fd_sync', fd)).toBe('EDQUOT');
  });

  test('of one file are not told of another', () => {
    const { p, folder } = programIn({ f: '', g: '' });
    const [f, g] = [p.mustOpen(3, 'f'), p.mustOpen(3, 'g')];
    const inode = (p.fstat(f) as Stat).inode;
    folder.failure = mutation => (mutation.kind === 'write' && mutation.inode === inode ? ENOSPC : 0);
    p.write(f, 'lost');
    p.write(g, 'kept');
    expect(p.call('fd_sync', g)).toBe('OK');
    expect(p.close(g)).toBe('OK');
    expect(p.close(f)).toBe('ENOSPC');
  });
});

describe('order', () => {
  test('a change of names comes after the writes before it', () => {
    const { p, folder } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    for (let k = 0; k < 200; k++) p.write(fd, 'x');
    expect(p.rename(3, 'f', 3, 'g')).toBe('OK');
    expect(folder.tree()).toEqual({ g: 'x'.repeat(200) });
    expect(folder.mutations[folder.mutations.length - 1]!.kind).toBe('rename');
  });

  test('fd_sync of a directory waits for what was done in it', () => {
    const { p, folder } = programIn();
    expect(p.createFile(3, 'f')).toBe('OK');
    expect(p.call('fd_sync', 3)).toBe('OK');
    expect(folder.mutations).toMatchObject([{ kind: 'createFile' }, { kind: 'sync', inode: 1 }]);
  });

  test('ids count up from one, whatever the directory', () => {
    const folders = [new ModelFolder({ f: '' }), new ModelFolder({ f: '' })];
    const p = new Program(new ModelMachine({ folders, names: ['/a', '/b'] }));
    const ids: bigint[] = [];
    p.machine.onBoundary = () => ids.push(...p.machine.operations.map(operation => operation.id));
    p.createFile(3, 'x');
    p.createFile(4, 'x');
    p.createFile(3, 'y');
    expect(ids).toEqual(ids.map((_, index) => BigInt(index + 1)));
  });
});

describe('after a failover', () => {
  test('what ended uncertain is repeated with its id, before anything new', () => {
    const { p, folder } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    p.write(fd, 'one');
    p.pwrite(fd, 10, 'two');
    const lost = p.machine.operations;
    p.machine.operations = [];
    for (const operation of lost) p.machine.kernel.deliver({ kind: 'uncertain', operation: operation.id });
    expect(p.machine.operations).toEqual([]);
    p.machine.kernel.settle();
    expect(p.machine.operations).toEqual(lost);
    p.write(fd, '!');
    expect(p.machine.operations.slice(0, 2)).toEqual(lost);
    expect(p.close(fd)).toBe('OK');
    expect(folder.tree()).toEqual({ f: 'one!\0\0\0\0\0\0two' });
  });

  test('a call that waits goes on waiting until the repeat has ended', () => {
    const { p, folder } = programIn({ f: '' });
    p.mustOpen(3, 'f');
    let failovers = 0;
    p.machine.onBoundary = () => {
      if (failovers++ > 2) return;
      const lost = p.machine.operations;
      p.machine.operations = [];
      for (const operation of lost) p.machine.inbox.push({ kind: 'uncertain', operation: operation.id });
    };
    expect(p.createDirectory(3, 'd')).toBe('OK');
    expect(failovers).toBe(4);
    expect(folder.mutations).toHaveLength(1);
  });

  test('loading goes on', () => {
    const folder = new ModelFolder({ f: 'x'.repeat(500) }, 100);
    const p = new Program(new ModelMachine({ folders: [folder] }));
    let boundaries = 0;
    p.machine.onBoundary = () => {
      if (boundaries++ % 2 === 1) return;
      const lost = p.machine.operations;
      p.machine.operations = [];
      for (const operation of lost) p.machine.inbox.push({ kind: 'uncertain', operation: operation.id });
    };
    expect(p.read(p.mustOpen(3, 'f'))).toBe(`"${'x'.repeat(500)}"`);
  });

  test('completions of what the kernel does not know change nothing', () => {
    const { p } = programIn({ f: '' });
    p.mustOpen(3, 'f');
    const before = p.machine.kernel.save();
    p.machine.kernel.deliver({ kind: 'completion', operation: 999n, status: -5, data: new Uint8Array(3) });
    p.machine.kernel.deliver({ kind: 'uncertain', operation: 999n });
    p.machine.kernel.settle();
    expect(p.machine.kernel.save()).toEqual(before);
  });
});

test('a program that waits for a device that never answers waits', () => {
  const { p } = programIn();
  p.stat(3, '.');
  p.machine.deliver = () => false;
  expect(() => p.createDirectory(3, 'd')).toThrow(Stuck);
});
