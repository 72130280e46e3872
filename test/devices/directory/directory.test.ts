// The directory: what is loaded, changes in order and once, folders that fail, and links that lead outside.

import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Directory } from '../../../devices/directory/directory.js';
import { CHUNK_BYTES_MAX, DIRECTORY_CHANGE, DIRECTORY_LOAD } from '../../../devices/directory/directory-commands.js';
import { ImageDecoder, type ImageEntry, ROOT_INODE } from '../../../engine/wasi/image.js';
import { encodeMutation, type Mutation } from '../../../engine/wasi/mutation.js';
import { operation } from '../conformance.js';

/** Errors that the next writes and syncs of a file meet; the real ones where it is empty. */
const failures = vi.hoisted(() => [] as string[]);

vi.mock('node:fs/promises', async importOriginal => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  const failing = <T extends object>(handle: T): T =>
    new Proxy(handle, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (failures.length === 0 || !['write', 'sync', 'datasync'].includes(String(name))) return value.bind(target);
        const code = failures.shift()!;
        const errno = -Number(code);
        return async () => {
          throw Object.assign(new Error(code), { errno });
        };
      },
    });
  return { ...real, open: async (...args: Parameters<typeof real.open>) => failing(await real.open(...args)) };
});

let folder: string;
let outside: string;
let nextId = 1;
beforeEach(async () => {
  const base = await mkdtemp(join(tmpdir(), 'epochvisor-directory-'));
  folder = join(base, 'folder');
  outside = join(base, 'outside');
  await mkdir(folder);
  await mkdir(outside);
  failures.length = 0;
});
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

const name = (text: string) => new Uint8Array(Buffer.from(text));
const open = (readOnly = false) => Directory.open(folder, { readOnly });
const change = (mutation: Mutation, id = nextId++) =>
  operation(id, DIRECTORY_CHANGE, { data: encodeMutation(mutation) });
const load = (chunk: number) =>
  operation(nextId++, DIRECTORY_LOAD, { argument: BigInt(chunk), length: CHUNK_BYTES_MAX });
const NEW = 0x4000_0000;

const createFile = (inode: number, text: string, parent = ROOT_INODE): Mutation => ({
  kind: 'createFile',
  inode,
  parent,
  name: name(text),
});
const write = (inode: number, offset: number, text: string): Mutation => ({
  kind: 'write',
  inode,
  offset,
  bytes: name(text),
});
const moved = (from: string, to: string, parent = ROOT_INODE, newParent = ROOT_INODE): Mutation => ({
  kind: 'rename',
  parent,
  name: name(from),
  newParent,
  newName: name(to),
});

interface Loaded extends ImageEntry {
  readonly text: string;
  readonly label: string;
}

/** All entries, with what follows them. */
async function loaded(device: Directory): Promise<Loaded[]> {
  const entries: Loaded[] = [];
  const decoder = new ImageDecoder({
    entry: entry => void entries.push({ ...entry, text: '', label: Buffer.from(entry.name).toString('latin1') }),
    content: bytes => {
      const last = entries.pop()!;
      entries.push({ ...last, text: last.text + Buffer.from(bytes).toString('latin1') });
    },
  });
  for (let chunk = 0; ; chunk++) {
    const { status, data } = await device.perform(load(chunk));
    expect(status).toBe(data.length);
    if (status === 0) break;
    decoder.push(data);
  }
  expect(decoder.complete).toBe(true);
  return entries;
}

async function inodes(device: Directory): Promise<Map<string, number>> {
  return new Map((await loaded(device)).map(({ label, inode }) => [label, inode]));
}

/** Performs changes in order and gives their statuses. */
async function perform(device: Directory, ...mutations: Mutation[]): Promise<number[]> {
  const completions = await Promise.all(mutations.map(mutation => device.perform(change(mutation))));
  return completions.map(({ status }) => status);
}

describe('loading a folder', () => {
  test('gives directories, files, links and their contents, in the order of their names, parents first', async () => {
    await mkdir(join(folder, 'b'));
    await writeFile(join(folder, 'b', 'inner'), 'within');
    await writeFile(join(folder, 'a'), 'first');
    await symlink('../somewhere', join(folder, 'c'));
    const device = await open();
    const entries = await loaded(device);
    expect(entries.map(({ kind, label, inode, parent, text }) => [kind, label, inode, parent, text])).toEqual([
      ['directory', '', 1, 1, ''],
      ['file', 'a', 2, 1, 'first'],
      ['directory', 'b', 3, 1, ''],
      ['file', 'inner', 4, 3, 'within'],
      ['symlink', 'c', 5, 1, '../somewhere'],
    ]);
    await device.close();
  });

  test('gives names that are no text, times, and what the host lets nobody write to', async () => {
    const odd = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0x20, 0x01])]);
    await writeFile(odd, '');
    await writeFile(join(folder, 'fixed'), 'x');
    await chmod(join(folder, 'fixed'), 0o444);
    const device = await open();
    const [, fixed, strange] = await loaded(device);
    expect(fixed).toMatchObject({ label: 'fixed', readOnly: true });
    expect(strange).toMatchObject({ label: '\xff \x01', readOnly: false });
    expect(fixed!.modifiedNs).toBe((await stat(join(folder, 'fixed'), { bigint: true })).mtimeNs);
    await device.close();
  });

  test('gives a file with two names once, and its second name', async () => {
    await writeFile(join(folder, 'one'), 'same');
    await link(join(folder, 'one'), join(folder, 'two'));
    const device = await open();
    const entries = await loaded(device);
    expect(entries.slice(1).map(({ kind, inode, text }) => [kind, inode, text])).toEqual([
      ['file', 2, 'same'],
      ['name', 2, ''],
    ]);
    // What is written goes to both, and survives the loss of one.
    const statuses = await perform(
      device,
      { kind: 'unlink', parent: ROOT_INODE, name: name('one') },
      write(2, 4, ' thing'),
    );
    expect(statuses).toEqual([0, 0]);
    expect(await readFile(join(folder, 'two'), 'utf8')).toBe('same thing');
    await device.close();
  });

  test('leaves out what a program could do nothing with', async () => {
    const server = createServer().listen(join(folder, 'socket'));
    await new Promise(resolve => server.on('listening', resolve));
    const device = await open();
    expect(await loaded(device)).toHaveLength(1);
    server.close();
    await device.close();
  });

  test('takes as many chunks as it needs, each as often as it is asked for', async () => {
    const content = new Uint8Array(2.5 * CHUNK_BYTES_MAX).map((_, at) => at % 251);
    await writeFile(join(folder, 'large'), content);
    const device = await open();
    const statuses = await Promise.all([0, 1, 2, 3, 2].map(async chunk => (await device.perform(load(chunk))).status));
    const last = statuses[2]!;
    expect(statuses).toEqual([CHUNK_BYTES_MAX, CHUNK_BYTES_MAX, last, 0, last]);
    expect(Buffer.from((await loaded(device))[1]!.text, 'latin1').equals(content)).toBe(true);
    await device.close();
  });

  test('gives what was there when it was opened', async () => {
    await writeFile(join(folder, 'file'), 'before');
    const device = await open();
    await writeFile(join(folder, 'file'), 'after');
    expect((await loaded(device))[1]!.text).toBe('before');
    await device.close();
  });
});

describe('changes of a folder', () => {
  test('make, write, cut, rename, link and remove files and directories', async () => {
    const device = await open();
    const statuses = await perform(
      device,
      { kind: 'createDirectory', inode: NEW, parent: ROOT_INODE, name: name('dir') },
      createFile(NEW + 1, 'file', NEW),
      write(NEW + 1, 0, 'hello, world'),
      write(NEW + 1, 14, '!'),
      { kind: 'resize', inode: NEW + 1, sizeBytes: 16 },
      moved('file', 'renamed', NEW, ROOT_INODE),
      { kind: 'link', inode: NEW + 1, parent: NEW, name: name('again') },
      { kind: 'createSymlink', inode: NEW + 2, parent: NEW, name: name('link'), target: name('/etc/passwd') },
      { kind: 'sync', inode: NEW + 1, dataOnly: true },
      { kind: 'sync', inode: NEW, dataOnly: false },
      { kind: 'setTimes', inode: NEW + 2, accessedNs: undefined, modifiedNs: 1_500_000_000n },
      { kind: 'setTimes', inode: NEW + 1, accessedNs: 2_000_000_000n, modifiedNs: undefined },
      { kind: 'setTimes', inode: ROOT_INODE, accessedNs: 1n, modifiedNs: 3_000_000_000n },
    );
    expect(statuses).toEqual(statuses.map(() => 0));
    expect((await stat(join(folder, 'renamed'))).atimeMs).toBe(2000);
    expect(await readFile(join(folder, 'renamed'), 'latin1')).toBe('hello, world\0\0!\0');
    expect(await readFile(join(folder, 'dir', 'again'), 'latin1')).toBe('hello, world\0\0!\0');
    expect(await readlink(join(folder, 'dir', 'link'))).toBe('/etc/passwd');
    expect((await lstat(join(folder, 'dir', 'link'))).mtimeMs).toBe(1500);
    expect((await stat(folder)).mtimeMs).toBe(3000);
    const removals = await perform(
      device,
      { kind: 'unlink', parent: ROOT_INODE, name: name('renamed') },
      { kind: 'unlink', parent: NEW, name: name('again') },
      { kind: 'unlink', parent: NEW, name: name('link') },
      { kind: 'removeDirectory', parent: ROOT_INODE, name: name('dir') },
    );
    expect(removals).toEqual([0, 0, 0, 0]);
    expect(await readdir(folder)).toEqual([]);
    await device.close();
  });

  test('follow files through renames of the directories above them', async () => {
    await mkdir(join(folder, 'a'));
    await mkdir(join(folder, 'a', 'b'));
    await writeFile(join(folder, 'a', 'b', 'file'), '');
    const device = await open();
    const inode = (await inodes(device)).get('file')!;
    expect(await perform(device, moved('a', 'c'), write(inode, 0, 'here'))).toEqual([0, 0]);
    expect(await readFile(join(folder, 'c', 'b', 'file'), 'utf8')).toBe('here');
    await device.close();
  });

  test('a rename replaces a file, whose writes are dropped from then on', async () => {
    await writeFile(join(folder, 'old'), 'old');
    await writeFile(join(folder, 'new'), 'new');
    const device = await open();
    const known = await inodes(device);
    const statuses = await perform(
      device,
      moved('new', 'old'),
      write(known.get('old')!, 0, 'lost'),
      write(known.get('new')!, 3, 'er'),
      { kind: 'sync', inode: known.get('old')!, dataOnly: false },
    );
    expect(statuses).toEqual([0, 0, 0, 0]);
    expect(await readdir(folder)).toEqual(['old']);
    expect(await readFile(join(folder, 'old'), 'utf8')).toBe('newer');
    await device.close();
  });

  test('a rename of one name of a file to another of its names leaves both', async () => {
    await writeFile(join(folder, 'one'), '');
    await link(join(folder, 'one'), join(folder, 'two'));
    const device = await open();
    expect(await perform(device, moved('one', 'two'), moved('one', 'three'))).toEqual([0, 0]);
    expect((await readdir(folder)).sort()).toEqual(['three', 'two']);
    await device.close();
  });

  test('are performed in order, however many are asked for at once', async () => {
    const device = await open();
    const appends = Array.from({ length: 200 }, (_, at) => write(NEW, at, String(at % 10)));
    await perform(device, createFile(NEW, 'log'), ...appends);
    const expected = Array.from({ length: 200 }, (_, at) => at % 10).join('');
    expect(await readFile(join(folder, 'log'), 'utf8')).toBe(expected);
    await device.close();
  });

  test('are performed once an id: a repeat gets the first status', async () => {
    const device = await open();
    const create = change(createFile(NEW, 'a'));
    const move = change(moved('a', 'b'));
    const failed = change(moved('nothing', 'c'));
    const first = [create, move, failed].map(asked => device.perform(asked));
    const repeated = [create, move, failed].map(asked => device.perform(asked));
    const later = await Promise.all([...first, ...repeated]);
    expect(later.map(({ status }) => status)).toEqual([0, 0, -2, 0, 0, -2]);
    expect((await device.perform(move)).status).toBe(0);
    expect(await readdir(folder)).toEqual(['b']);
    await device.close();
  });

  test('hold no handle a file: thousands of files can be written', async () => {
    const device = await open();
    const mutations: Mutation[] = [];
    for (let at = 0; at < 1500; at++) mutations.push(createFile(NEW + at, `f${at}`), write(NEW + at, 0, 'x'));
    mutations.push(write(NEW, 1, 'y'));
    const before = (await readdir('/proc/self/fd')).length;
    expect(new Set(await perform(device, ...mutations))).toEqual(new Set([0]));
    expect((await readdir('/proc/self/fd')).length - before).toBeLessThan(150);
    expect(await readFile(join(folder, 'f0'), 'utf8')).toBe('xy');
    await device.close();
  });

  test('are refused by a read-only directory, which still loads', async () => {
    await writeFile(join(folder, 'file'), 'text');
    const device = await open(true);
    expect(await perform(device, createFile(NEW, 'new'), write(2, 0, 'x'))).toEqual([-30, -30]);
    expect((await loaded(device))[1]!.text).toBe('text');
    await device.close();
    expect(await readdir(folder)).toEqual(['file']);
  });
});

describe('what the guest cannot reach', () => {
  test.each(['..', '.', '', '../outside/file', 'a/b', 'nul\0'])('the name %j', async text => {
    const device = await open();
    expect(await perform(device, createFile(NEW, text))).toEqual([-1]);
    expect(await readdir(outside)).toEqual([]);
    await device.close();
  });

  test('what a link leads to: planted before the start, it is a link and nothing else', async () => {
    await writeFile(join(outside, 'secret'), 'secret');
    await symlink(outside, join(folder, 'way'));
    await symlink(join(outside, 'secret'), join(folder, 'file'));
    const device = await open();
    const entries = await loaded(device);
    expect(entries.map(({ kind }) => kind)).toEqual(['directory', 'symlink', 'symlink']);
    const [file, way] = [entries[1]!.inode, entries[2]!.inode];
    const statuses = await perform(
      device,
      createFile(NEW, 'new', way),
      write(file, 0, 'x'),
      { kind: 'resize', inode: file, sizeBytes: 0 },
      { kind: 'setTimes', inode: file, accessedNs: 1n, modifiedNs: 1_000_000_000n },
      createFile(NEW + 1, 'file'),
    );
    expect(statuses).toEqual([-2, -116, -116, 0, -17]);
    expect(await readdir(outside)).toEqual(['secret']);
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
    expect((await stat(join(outside, 'secret'))).mtimeMs).toBeGreaterThan(1000);
    await device.close();
  });

  test('what a link leads to that was put in the place of a directory', async () => {
    await mkdir(join(folder, 'dir'));
    await writeFile(join(folder, 'dir', 'file'), 'inside');
    await writeFile(join(outside, 'file'), 'outside');
    const device = await open();
    const known = await inodes(device);
    await rename(join(folder, 'dir'), join(folder, 'gone'));
    await symlink(outside, join(folder, 'dir'));
    const statuses = await perform(
      device,
      createFile(NEW, 'new', known.get('dir')!),
      write(known.get('file')!, 0, 'x'),
      { kind: 'unlink', parent: known.get('dir')!, name: name('file') },
      moved('file', 'stolen', known.get('dir')!, ROOT_INODE),
    );
    for (const status of statuses) expect(status).toBeLessThan(0);
    expect(await readdir(outside)).toEqual(['file']);
    expect(await readFile(join(outside, 'file'), 'utf8')).toBe('outside');
    await device.close();
  });

  test('a link that comes and goes while it works: nothing is ever written outside', async () => {
    await mkdir(join(folder, 'dir'));
    const device = await open();
    const dir = (await inodes(device)).get('dir')!;
    let stop = false;
    const attacker = (async () => {
      while (!stop) {
        await rename(join(folder, 'dir'), join(folder, 'aside'));
        await symlink(outside, join(folder, 'dir'));
        await unlink(join(folder, 'dir'));
        await rename(join(folder, 'aside'), join(folder, 'dir'));
      }
    })();
    for (let at = 0; at < 300; at++) {
      await perform(device, createFile(NEW + at, `f${at}`, dir), write(NEW + at, 0, 'x'));
    }
    stop = true;
    await attacker;
    expect(await readdir(outside)).toEqual([]);
    await device.close();
  });

  test('a file that was put in the place of its own', async () => {
    await writeFile(join(folder, 'file'), 'mine');
    await writeFile(join(outside, 'theirs'), 'theirs');
    const device = await open();
    await rename(join(outside, 'theirs'), join(folder, 'file'));
    expect(await perform(device, write(2, 0, 'x'))).toEqual([-116]);
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('theirs');
    await device.close();
  });

  test('a pipe that was put in the place of a file does not hold it up', async () => {
    await writeFile(join(folder, 'file'), '');
    const device = await open();
    await rm(join(folder, 'file'));
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [join(folder, 'file')]);
    expect(await perform(device, write(2, 0, 'x'))).toEqual([-116]);
    await device.close();
  });

  test('names that others have made since', async () => {
    const device = await open();
    await writeFile(join(folder, 'theirs'), 'theirs');
    const statuses = await perform(
      device,
      { kind: 'unlink', parent: ROOT_INODE, name: name('theirs') },
      moved('theirs', 'mine'),
      createFile(NEW, 'theirs'),
    );
    expect(statuses).toEqual([-2, -2, -17]);
    expect(await readFile(join(folder, 'theirs'), 'utf8')).toBe('theirs');
    await device.close();
  });

  test('anything by bytes that are no change', async () => {
    const device = await open();
    const ask = async (data: Uint8Array) =>
      (await device.perform(operation(nextId++, DIRECTORY_CHANGE, { data }))).status;
    expect(await ask(new Uint8Array(0))).toBe(-1);
    expect(await ask(new Uint8Array(40))).toBe(-1);
    expect(await ask(encodeMutation(createFile(NEW, 'a')).fill(99, 1, 2))).toBe(-1);
    await device.close();
  });
});

describe('a folder that fails', () => {
  test.each([28, 5, 122])(
    'error %i of a write and of a sync becomes the status, and the next one is performed',
    async error => {
      const device = await open();
      await perform(device, createFile(NEW, 'file'));
      failures.push(String(error), String(error));
      const sync: Mutation = { kind: 'sync', inode: NEW, dataOnly: false };
      expect(await perform(device, write(NEW, 0, 'ab'), sync, write(NEW, 0, 'cd'), sync)).toEqual([
        -error,
        -error,
        0,
        0,
      ]);
      expect(await readFile(join(folder, 'file'), 'utf8')).toBe('cd');
      await device.close();
    },
  );

  test('the operating system’s own errors are statuses', async () => {
    await mkdir(join(folder, 'full'));
    await writeFile(join(folder, 'full', 'file'), '');
    const device = await open();
    const full = (await inodes(device)).get('full')!;
    const statuses = await perform(
      device,
      { kind: 'removeDirectory', parent: ROOT_INODE, name: name('full') },
      createFile(NEW, 'x'.repeat(256)),
      moved('full', 'itself', ROOT_INODE, full),
      createFile(NEW, 'x', 77),
    );
    expect(statuses).toEqual([-39, -36, -22, -2]);
    await device.close();
  });

  test('a folder that has vanished is an error of every change and every sync', async () => {
    const device = await open();
    await perform(device, createFile(NEW, 'file'));
    await rm(folder, { recursive: true });
    const statuses = await perform(
      device,
      write(NEW, 0, 'x'),
      { kind: 'sync', inode: NEW, dataOnly: false },
      { kind: 'sync', inode: ROOT_INODE, dataOnly: false },
      createFile(NEW + 1, 'other'),
    );
    expect(statuses).toEqual([-116, -116, -116, -2]);
    await device.close();
  });

  test('a folder that was moved is still the folder', async () => {
    const device = await open();
    await rename(folder, join(outside, 'moved'));
    expect(await perform(device, createFile(NEW, 'file'))).toEqual([0]);
    expect(await readdir(join(outside, 'moved'))).toEqual(['file']);
    await device.close();
  });
});

describe('a folder that cannot be used', () => {
  test('is missing', async () => {
    await expect(Directory.open(join(folder, 'none'), { readOnly: false })).rejects.toMatchObject({
      code: 'DIR_MISSING',
      message: `the folder ${join(folder, 'none')} does not exist`,
    });
  });

  test('is a file', async () => {
    await writeFile(join(folder, 'file'), '');
    const opened = Directory.open(join(folder, 'file'), { readOnly: false });
    await expect(opened).rejects.toMatchObject({ code: 'DIR_UNUSABLE' });
  });

  test('may be reached through a link, for that is the user’s own path', async () => {
    await writeFile(join(folder, 'file'), '');
    await symlink(folder, join(outside, 'link'));
    const device = await Directory.open(join(outside, 'link'), { readOnly: false });
    expect(await loaded(device)).toHaveLength(2);
    await device.close();
  });
});
