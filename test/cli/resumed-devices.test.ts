// What a resumed machine has to know of its devices: sizes, and of folders which are read anew and which are found again.

import { expect, test } from 'vitest';
import { devicesThen } from '../../engine/cli/resumed-devices.js';
import type { GuestState } from '../../engine/guest/guest-state.js';
import { OPTIONS } from '../snapshot/guest-host.js';
import { ModelFolder } from '../wasi/model-folder.js';
import { ModelMachine } from '../wasi/model-machine.js';
import { Program } from '../wasi/program.js';

const writable = { kind: 'directory', path: '/host', guestPath: '/data', readOnly: false };
const readable = { ...writable, readOnly: true };
const folders = (devices: unknown, flag: typeof writable) =>
  devicesThen({ guest: { devices } as GuestState, options: OPTIONS }, [flag], new Map());

test('one that the guest has loaded is found again, one that it has not looked at is read', () => {
  const machine = new ModelMachine({ folders: [new ModelFolder({ a: 'text' })] });
  expect(folders(machine.kernel.save(), writable)).toEqual([{ sizeBytes: 0 }]);
  new Program(machine).stat(3, 'a');
  const state = machine.kernel.save();
  expect(folders(state, writable)).toMatchObject([{ known: { lastOfImage: 2 } }]);
  expect(folders(state, readable)).toEqual([{ sizeBytes: 0 }]);
});

test('one that it was loading is refused, unless it can only be read', () => {
  const machine = new ModelMachine({ folders: [new ModelFolder({ a: 'text' })] });
  let state: unknown;
  machine.onBoundary = () => {
    state ??= machine.kernel.save();
  };
  new Program(machine).stat(3, 'a');
  expect(() => folders(state, writable)).toThrow(expect.objectContaining({ code: 'DIR_NOT_RESUMABLE' }));
  expect(folders(state, readable)).toEqual([{ sizeBytes: 0 }]);
});

test('a disk had the size that its guest was told', () => {
  const sources = ['a', 'b'].map(path => ({ kind: 'disk', path }));
  const devices = [0x100, 0x101].map((number, index) => ({ number, kind: 'disk', sizeBytes: 512 * (index + 1) }));
  const snapshot = { guest: {} as GuestState, options: { ...OPTIONS, devices } };
  expect(devicesThen(snapshot, sources, new Map())).toEqual([{ sizeBytes: 512 }, { sizeBytes: 1024 }]);
});
