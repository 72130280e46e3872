// An output that goes to a file: what is there is what was written, once, whoever was killed in between.

import { appendFileSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FileOutput } from '../../../devices/console/file-output.js';
import { openConsole } from '../../../devices/console/open-console.js';
import type { OutputPlace } from '../../../devices/device.js';
import { TestFolder } from '../../building/test-folder.js';

const folder = new TestFolder();
const STDOUT = 1;
const text = (string: string) => new Uint8Array(Buffer.from(string));

/** A process that writes to the file, until it is killed. */
async function started(known?: OutputPlace, syncs = true) {
  const output = await FileOutput.open(STDOUT, folder.file('log'), syncs);
  let place = output.recover(STDOUT, known);
  const failed: string[] = [];
  output.start({
    input: () => undefined,
    written: (_, offset, mark = 0) => {
      place = { offset, mark };
    },
    failed: (_, { line }) => failed.push(line),
  });
  return {
    output,
    failed,
    get place() {
      return place;
    },
    async writes(string: string) {
      const end = place.offset + string.length;
      output.write(STDOUT, place.offset, text(string));
      await expect.poll(() => place.offset).toBe(end);
    },
  };
}

const content = () => readFileSync(folder.file('log'), 'utf8');

describe('an output that goes to a file', () => {
  test.each([true, false])(
    'is appended to what was there, and told with the length of the file (synced: %s)',
    async syncs => {
      writeFileSync(folder.file('log'), 'before\n');
      const one = await started(undefined, syncs);
      expect(one.place).toEqual({ offset: 0, mark: 7 });
      await one.writes('first\n');
      await one.writes('second\n');
      expect(one.place).toEqual({ offset: 13, mark: 20 });
      expect(content()).toBe('before\nfirst\nsecond\n');
      await one.output.close();
    },
  );

  test('joins what comes while it writes', async () => {
    const one = await started();
    for (let at = 0; at < 1_000; at++) one.output.write(STDOUT, at, text(`${at % 10}`));
    await expect.poll(() => one.place.offset).toBe(1_000);
    expect(content()).toBe('0123456789'.repeat(100));
    await one.output.close();
  });

  test('knows after a death how much was written beyond what was told', async () => {
    const one = await started();
    await one.writes('told ');
    const known = one.place;
    appendFileSync(folder.file('log'), 'untold ');
    await one.output.close();
    const next = await started(known);
    expect(next.place).toEqual({ offset: 12, mark: 12 });
    await next.writes('more');
    expect(content()).toBe('told untold more');
    await next.output.close();
  });

  test('goes on at the place that was told where the file was emptied, or is another', async () => {
    const one = await started();
    await one.writes('0123456789');
    truncateSync(folder.file('log'), 3);
    await one.output.close();
    const next = await started(one.place);
    expect(next.place).toEqual({ offset: 10, mark: 3 });
    await next.writes('abc');
    renameSync(folder.file('log'), folder.file('log.1'));
    await next.output.close();
    const last = await started(next.place);
    expect(last.place).toEqual({ offset: 13, mark: 0 });
    await last.output.close();
  });

  test('is emptied while it is written to, as logrotate does, and loses nothing that comes then', async () => {
    const one = await started();
    await one.writes('old ');
    truncateSync(folder.file('log'), 0);
    await one.writes('new');
    expect([content(), one.place]).toEqual(['new', { offset: 7, mark: 3 }]);
    await one.output.close();
  });

  test('that fails is told of once, and nothing is told to be written any more', async () => {
    const output = await FileOutput.open(STDOUT, '/dev/full', true);
    const said: string[] = [];
    const sink = { input: () => undefined, written: () => said.push('written') };
    output.start({ ...sink, failed: (_, { line }) => said.push(line) });
    output.write(STDOUT, 0, text('a'));
    await expect.poll(() => said).toEqual(["stdout can't be written to /dev/full: ENOSPC [OUTPUT_FAILED]"]);
    output.write(STDOUT, 1, text('b'));
    await output.close();
    expect(said).toHaveLength(1);
  });

  test('that cannot be opened is refused in one line', async () => {
    await expect(FileOutput.open(STDOUT, folder.path, true)).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
  });
});

describe('the console of a process', () => {
  test('has the outputs that go to no file', async () => {
    const devices = await openConsole({ stdout: folder.file('log') }, true);
    expect(devices.map(({ inputs, outputs }) => [inputs, outputs])).toEqual([
      [[0], [2]],
      [[], [1]],
    ]);
    for (const device of devices) await device.close();
  });

  test('has no two outputs in one file, whatever it is called', async () => {
    const names = { stdout: folder.file('log'), stderr: folder.file('./log') };
    await expect(openConsole(names, true)).rejects.toMatchObject({ code: 'OUTPUT_SHARED' });
  });
});
