// Which folders of a resumed machine are read anew, and which are found again.

import { expect, test } from 'vitest';
import { resumedFolders } from '../../engine/cli/resumed-folders.js';
import type { GuestState } from '../../engine/guest/guest-state.js';
import { ModelFolder } from '../wasi/model-folder.js';
import { ModelMachine } from '../wasi/model-machine.js';
import { Program } from '../wasi/program.js';

const writable = { hostPath: '/host', guestPath: '/data', readOnly: false };
const readable = { ...writable, readOnly: true };
const folders = (devices: unknown, flag: typeof writable) =>
  resumedFolders({ guest: { devices } as GuestState }, [flag], new Map());

test('one that the guest has loaded is found again, one that it has not looked at is read', () => {
  const machine = new ModelMachine({ folders: [new ModelFolder({ a: 'text' })] });
  expect(folders(machine.kernel.save(), writable)).toEqual([writable]);
  new Program(machine).stat(3, 'a');
  const state = machine.kernel.save();
  expect(folders(state, writable)).toMatchObject([{ ...writable, known: { lastOfImage: 2 } }]);
  expect(folders(state, readable)).toEqual([readable]);
});

test('one that it was loading is refused, unless it can only be read', () => {
  const machine = new ModelMachine({ folders: [new ModelFolder({ a: 'text' })] });
  let state: unknown;
  machine.onBoundary = () => {
    state ??= machine.kernel.save();
  };
  new Program(machine).stat(3, 'a');
  expect(() => folders(state, writable)).toThrow(expect.objectContaining({ code: 'DIR_NOT_RESUMABLE' }));
  expect(folders(state, readable)).toEqual([readable]);
});
