// What a device is told of its folder where a machine goes on: the kernel's names, and those of changes that had been performed.

import { describe, expect, test } from 'vitest';
import { OFLAGS_CREAT } from '../../engine/wasi/abi.js';
import { FIRST_NEW_INODE } from '../../engine/wasi/image.js';
import { folderThen, type KnownFolder } from '../../engine/wasi/known-folder.js';
import { outstandingChanges } from '../../engine/wasi/outstanding-changes.js';
import { ModelFolder } from './model-folder.js';
import { ModelMachine } from './model-machine.js';
import { Program } from './program.js';

/** The kernel's state while a call waits for the device's answer to a change. */
function stateWithin(call: (program: Program) => unknown): unknown {
  const machine = new ModelMachine({ folders: [new ModelFolder({ a: 'text', dir: { inner: '' }, empty: {} })] });
  const program = new Program(machine);
  program.stat(3, 'a');
  let state: unknown;
  machine.onBoundary = () => {
    state ??= machine.kernel.save();
  };
  call(program);
  return state;
}

/** Every path and its inode. */
function paths({ entries }: KnownFolder, directory = 1, path = ''): [string, number][] {
  return [...(entries.get(directory) ?? [])].flatMap(([name, inode]) => [
    [path + name, inode] as [string, number],
    ...paths({ entries } as KnownFolder, inode, `${path}${name}/`),
  ]);
}

function known(state: unknown, status: number | undefined): KnownFolder {
  const [id, ...more] = outstandingChanges(state);
  expect(more).toEqual([]);
  const then = folderThen(state, 0, new Map(status === undefined ? [] : [[id!, status]]));
  if (then.at !== 'loaded') throw new Error(`the folder is ${then.at}`);
  expect([...then.known.statuses.values()]).toEqual(status === undefined ? [] : [status]);
  return then.known;
}

const BEFORE = { a: 2, dir: 3, 'dir/inner': 4, empty: 5 };

const changes: readonly [string, (p: Program) => unknown, Record<string, number>][] = [
  ['a new file', p => p.open(3, 'new', { oflags: OFLAGS_CREAT }), { ...BEFORE, new: FIRST_NEW_INODE }],
  ['a new directory', p => p.createDirectory(3, 'dir/new'), { ...BEFORE, 'dir/new': FIRST_NEW_INODE }],
  ['a new link', p => p.symlink('a', 3, 'new'), { ...BEFORE, new: FIRST_NEW_INODE }],
  ['a removed name', p => p.unlink(3, 'dir/inner'), { a: 2, dir: 3, empty: 5 }],
  ['a removed directory', p => p.removeDirectory(3, 'empty'), { a: 2, dir: 3, 'dir/inner': 4 }],
  ['a rename', p => p.rename(3, 'dir', 3, 'moved'), { a: 2, moved: 3, 'moved/inner': 4, empty: 5 }],
  ['a rename that replaces', p => p.rename(3, 'a', 3, 'dir/inner'), { dir: 3, 'dir/inner': 2, empty: 5 }],
];

describe('a change that was outstanding', () => {
  test.each(changes)('%s: performed it shows, failed or not performed it does not', (_, call, after) => {
    const state = stateWithin(call);
    expect(Object.fromEntries(paths(known(state, 0)))).toEqual(after);
    expect(Object.fromEntries(paths(known(state, -17)))).toEqual(BEFORE);
    expect(Object.fromEntries(paths(known(state, undefined)))).toEqual(BEFORE);
  });

  test('a file that it makes is the last that was made, if it was made', () => {
    const state = stateWithin(p => p.open(3, 'new', { oflags: OFLAGS_CREAT }));
    expect(known(state, 0)).toMatchObject({ lastOfImage: 5, lastMade: FIRST_NEW_INODE });
    expect(known(state, -17)).toMatchObject({ lastOfImage: 5, lastMade: FIRST_NEW_INODE - 1 });
    expect(known(state, 0).kinds.get(FIRST_NEW_INODE)).toBe('file');
  });
});

test('a folder that is not loaded has no names yet, and no changes', () => {
  const fresh = new ModelMachine({ folders: [new ModelFolder({ a: 'text' })] });
  expect(folderThen(fresh.kernel.save(), 0, new Map())).toEqual({ at: 'unloaded' });
  const state = stateWithinLoading();
  expect(folderThen(state, 0, new Map())).toEqual({ at: 'loading' });
  expect(outstandingChanges(state)).toEqual([]);
});

function stateWithinLoading(): unknown {
  const machine = new ModelMachine({ folders: [new ModelFolder({ a: 'text' })] });
  let state: unknown;
  machine.onBoundary = () => {
    state ??= machine.kernel.save();
  };
  new Program(machine).stat(3, 'a');
  return state;
}

test.each(['..', '.', '', 'a/b', 'nul\0'])('a snapshot that was made up can’t name %j', name => {
  const body = { kind: 'directory', entries: { entries: [{ name, inode: 2, cookie: 3 }], nextCookie: 4 }, parent: 1 };
  const volume = { phase: { at: 'loaded' }, tree: { inodes: [{ number: 1, body }], nextInode: FIRST_NEW_INODE } };
  const state = { version: 1, volumes: [volume], operations: { started: [] } };
  expect(() => folderThen(state, 0, new Map())).toThrow(expect.objectContaining({ code: 'SNAPSHOT_INVALID' }));
});
