// The disk: sectors, order, and media that fail.

import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DISK_FLUSH, DISK_READ, DISK_WRITE, TRANSFER_BYTES_MAX } from '../../../devices/disk/disk-commands.js';
import { type DiskFile, FileDisk } from '../../../devices/disk/file-disk.js';
import { operation } from '../conformance.js';

const SIZE = 8 * 512;
let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'epochvisor-disk-'));
  path = join(folder, 'disk');
  await writeFile(path, new Uint8Array(SIZE));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const read = (offset: number, length: number) => operation(1, DISK_READ, { argument: BigInt(offset), length });
const write = (offset: number, data: Uint8Array) => operation(1, DISK_WRITE, { argument: BigInt(offset), data });
const sectors = (count: number, byte: number) => new Uint8Array(count * 512).fill(byte);

describe('a disk', () => {
  test('gives back what was written where it was written', async () => {
    const disk = await FileDisk.open(path);
    expect(disk.sizeBytes).toBe(SIZE);
    expect(await disk.perform(write(1024, sectors(2, 7)))).toEqual({ status: 1024, data: new Uint8Array(0) });
    expect(await disk.perform(read(512, 1024))).toEqual({
      status: 1024,
      data: new Uint8Array([...sectors(1, 0), ...sectors(1, 7)]),
    });
    expect(await disk.perform(operation(2, DISK_FLUSH))).toEqual({ status: 0, data: new Uint8Array(0) });
    await disk.close();
    expect((await readFile(path))[1024]).toBe(7);
    expect((await readFile(path)).length).toBe(SIZE);
  });

  test('the last sector is within it, and nothing beyond', async () => {
    const disk = await FileDisk.open(path);
    expect((await disk.perform(read(SIZE - 512, 512))).status).toBe(512);
    expect((await disk.perform(read(SIZE, 0))).status).toBe(0);
    for (const refused of [
      read(SIZE, 512),
      read(SIZE - 512, 1024),
      read(-512, 512),
      read(1, 512),
      read(0, 511),
      write(SIZE - 512, sectors(2, 1)),
      write(256, sectors(1, 1)),
      write(0, new Uint8Array(1)),
    ]) {
      expect((await disk.perform(refused)).status).toBe(-1);
    }
    await disk.close();
    expect((await readFile(path)).every(byte => byte === 0)).toBe(true);
  });

  test('one operation moves a bounded number of bytes', async () => {
    await truncate(path, 2 * TRANSFER_BYTES_MAX);
    const disk = await FileDisk.open(path);
    expect((await disk.perform(read(0, TRANSFER_BYTES_MAX))).status).toBe(TRANSFER_BYTES_MAX);
    expect((await disk.perform(read(0, TRANSFER_BYTES_MAX + 512))).status).toBe(-1);
    expect((await disk.perform(write(0, new Uint8Array(TRANSFER_BYTES_MAX + 512)))).status).toBe(-1);
    await disk.close();
  });

  test('operations asked for together give what they would give one after the other', async () => {
    const request = fc.record({ writes: fc.boolean(), sector: fc.nat(7), count: fc.integer({ min: 1, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 30 }), async requests => {
        await writeFile(path, new Uint8Array(SIZE));
        const model = new Uint8Array(SIZE);
        const disk = await FileDisk.open(path);
        const expected: Uint8Array[] = [];
        const asked = requests.map(({ writes, sector, count }, index) => {
          const offset = sector * 512;
          const length = Math.min(count * 512, SIZE - offset);
          if (writes) model.fill(index + 1, offset, offset + length);
          expected.push(writes ? new Uint8Array(0) : model.slice(offset, offset + length));
          return disk.perform(writes ? write(offset, sectors(length / 512, index + 1)) : read(offset, length));
        });
        expect((await Promise.all(asked)).map(({ data }) => data)).toEqual(expected);
        await disk.close();
        expect(new Uint8Array(await readFile(path))).toEqual(model);
      }),
      { numRuns: 50 },
    );
  });

  test('a flush comes after every write before it, and nothing else waits for what does not touch it', async () => {
    const order: string[] = [];
    const gates: (() => void)[] = [];
    const file = {
      write: async (_: Uint8Array, __: number, length: number, at: number) => {
        order.push(`write ${at}`);
        await new Promise<void>(resolve => gates.push(resolve));
        return { bytesWritten: length };
      },
      datasync: async () => void order.push('flush'),
      close: async () => {},
    } as unknown as DiskFile;
    const disk = new FileDisk(file, SIZE);
    const asked = [
      disk.perform(write(0, sectors(1, 1))),
      disk.perform(write(0, sectors(1, 2))),
      disk.perform(operation(3, DISK_FLUSH)),
      disk.perform(write(512, sectors(1, 3))),
    ];
    await expect.poll(() => order).toEqual(['write 0', 'write 512']);
    gates.shift()!();
    await expect.poll(() => order).toEqual(['write 0', 'write 512', 'write 0']);
    gates.splice(0).forEach(open => {
      open();
    });
    await Promise.all(asked);
    expect(order).toEqual(['write 0', 'write 512', 'write 0', 'flush']);
    await disk.close();
  });
});

describe('a medium that fails', () => {
  const failing = (code: string): DiskFile => {
    const fail = async () => {
      throw Object.assign(new Error(code), { code });
    };
    return { read: fail, write: fail, datasync: fail, close: async () => {} } as unknown as DiskFile;
  };

  test.each([
    ['EIO', -5],
    ['ENOSPC', -28],
    ['EDQUOT', -28],
    ['EBADF', -5],
  ])('%s becomes status %i', async (code, status) => {
    const disk = new FileDisk(failing(code), SIZE);
    for (const asked of [read(0, 512), write(0, sectors(1, 1)), operation(1, DISK_FLUSH)]) {
      expect(await disk.perform(asked)).toEqual({ status, data: new Uint8Array(0) });
    }
  });

  test('an operation that follows a failed one in the same place is performed', async () => {
    let fails = 1;
    const file = {
      write: async (_: Uint8Array, __: number, length: number) => {
        if (fails-- > 0) throw Object.assign(new Error('EIO'), { code: 'EIO' });
        return { bytesWritten: length };
      },
    } as unknown as DiskFile;
    const disk = new FileDisk(file, SIZE);
    const statuses = await Promise.all([disk.perform(write(0, sectors(1, 1))), disk.perform(write(0, sectors(1, 1)))]);
    expect(statuses.map(({ status }) => status)).toEqual([-5, 512]);
  });

  test('short transfers are carried on', async () => {
    const bytes = new Uint8Array(1024);
    const file = {
      write: async (data: Uint8Array, from: number, length: number, at: number) => {
        const bytesWritten = Math.min(length, 300);
        bytes.set(data.subarray(from, from + bytesWritten), at);
        return { bytesWritten };
      },
      read: async (data: Uint8Array, from: number, length: number, at: number) => {
        const bytesRead = Math.min(length, 300);
        data.set(bytes.subarray(at, at + bytesRead), from);
        return { bytesRead };
      },
    } as unknown as DiskFile;
    const disk = new FileDisk(file, 1024);
    const data = Uint8Array.from({ length: 1024 }, (_, at) => at & 255);
    expect((await disk.perform(write(0, data))).status).toBe(1024);
    expect(await disk.perform(read(0, 1024))).toEqual({ status: 1024, data });
  });

  test('where the bus may be started again a write is synced when it is done, with those that came meanwhile', async () => {
    const syncs: (() => void)[] = [];
    const file = {
      write: async (_: Uint8Array, __: number, length: number) => ({ bytesWritten: length }),
      datasync: () => new Promise<void>(resolve => syncs.push(resolve)),
    } as unknown as DiskFile;
    const disk = new FileDisk(file, SIZE, true);
    const done: number[] = [];
    const started = (sector: number) =>
      disk.perform(write(sector * 512, sectors(1, sector))).then(({ status }) => done.push(sector, status));
    const settled = () => new Promise(resolve => setImmediate(resolve));
    const first = started(0);
    await settled();
    const others = [started(1), started(2)];
    await settled();
    expect([done, syncs.length]).toEqual([[], 1]);
    syncs[0]!();
    await first;
    await settled();
    expect([done, syncs.length]).toEqual([[0, 512], 2]);
    syncs[1]!();
    await Promise.all(others);
    expect([done, syncs.length]).toEqual([[0, 512, 1, 512, 2, 512], 2]);
  });

  test('a file that someone cut short is an I/O error', async () => {
    const disk = await FileDisk.open(path);
    await truncate(path, 700);
    expect((await disk.perform(read(512, 512))).status).toBe(-5);
    await disk.close();
  });
});

describe('a disk that cannot be used', () => {
  test('is missing', async () => {
    await expect(FileDisk.open(join(folder, 'none'))).rejects.toMatchObject({ code: 'DISK_MISSING' });
  });

  test.each([0, 1, 511, 513])('has %i bytes', async bytes => {
    await writeFile(path, new Uint8Array(bytes));
    await expect(FileDisk.open(path)).rejects.toMatchObject({
      code: 'DISK_SIZE',
      message: `the disk ${path} has ${bytes} bytes, which is not a positive multiple of 512`,
    });
  });

  test.each(['', '/dev/full', 'disk/none'])('is no file: %j', async name => {
    const unusable = name.startsWith('/') ? name : join(folder, name);
    await expect(FileDisk.open(unusable)).rejects.toMatchObject({ code: 'DISK_UNUSABLE' });
  });
});
