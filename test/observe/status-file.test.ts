// The status file names processes that live: there is none before the machine, and none after it.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeEach, expect, test, vi } from 'vitest';
import { type Status, StatusFile } from '../../engine/observe/status.js';
import { NO_PROGRESS } from '../../engine/replica/replica-report.js';
import { TestFolder } from '../building/test-folder.js';

const folder = new TestFolder();
let path: string;

beforeEach(() => {
  path = folder.file('status.json');
});

const status = (pid: number) => ({ view: 1, primary: { pid, incarnation: 'a' } }) as Status;

test('the status that an earlier machine left is gone before there is anything to say', () => {
  writeFileSync(path, 'old');
  const file = new StatusFile(path);
  expect(existsSync(path)).toBe(false);
  file.write(status(17));
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(status(17));
});

test('while there is nobody to name there is no file, and the same status brings it back', () => {
  const file = new StatusFile(path);
  file.write(status(17));
  file.clear();
  expect(existsSync(path)).toBe(false);
  file.write(status(17));
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(status(17));
});

test('what is said of a machine that is ending does not bring its status file back', () => {
  const file = new StatusFile(path);
  file.write(status(17));
  file.remove();
  file.write({ ...status(17), epoch: 5 });
  expect(existsSync(path)).toBe(false);
});

test('figures follow each other, and never take the place of a status that names others', async () => {
  const file = new StatusFile(path);
  const written = () => JSON.parse(readFileSync(path, 'utf8')) as Status;
  for (let epoch = 0; epoch < 50; epoch++) {
    file.write({ ...status(17), epoch });
    file.write({ ...status(17), epoch: epoch + 0.5 });
    if (epoch % 3 === 0) await vi.waitFor(() => expect(written().epoch).toBe(epoch + 0.5));
    if (epoch % 5 === 0) file.write({ ...status(18), epoch });
    if (epoch % 5 === 0) expect(written()).toEqual({ ...status(18), epoch });
    await new Promise(resolve => setImmediate(resolve));
    if (epoch % 5 === 0) expect(written().primary.pid).toBe(18);
  }
  file.write({ ...status(17), epoch: 99 });
  file.remove();
  await new Promise(resolve => setTimeout(resolve, 50));
  expect(existsSync(path)).toBe(false);
});

test('whatever a replica tells of its progress is a figure, and is written beside; whether it is protected is written at once', () => {
  const file = new StatusFile<object>(path);
  const written = () => JSON.parse(readFileSync(path, 'utf8')) as object;
  for (const name of Object.keys(NO_PROGRESS)) {
    const before = { ...NO_PROGRESS, reason: name };
    file.write(before);
    const after = { ...before, [name]: 'another' };
    file.write(after);
    expect(written(), name).toEqual(name === 'protected' || name === 'reason' ? after : before);
  }
  file.remove();
});
