// A program that changes a folder goes on from a snapshot: in the files that it had open, by the names they have by now.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildProgram } from '../../bench/wasi/programs.js';
import { needs } from '../setup/needs.js';
import { Bench } from './command.js';

const bench = new Bench();
const LINES = 60;

/** Every file by its path, with what is in it. */
function contents(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  return Object.fromEntries(
    paths
      .map(entry => join(entry.parentPath, entry.name))
      .sort()
      .map(path => [path.slice(folder.length), readFileSync(path, 'latin1')]),
  );
}

function makeFolder(name: string): string {
  const folder = bench.file(name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'theirs'), 'theirs');
  writeFileSync(join(folder, 'old'), 'old');
  writeFileSync(join(folder, 'mango'), 'mango');
  return folder;
}

const command = (folder: string) => ['--dir', `${folder}::/data`, buildProgram('journal.c'), '/data', String(LINES)];

test('the folder of a resumed program, alone or on a pair that loses its primary, becomes that of an undisturbed run', {
  ...needs('c'),
  timeout: 100_000,
}, async () => {
  const undisturbed = makeFolder('undisturbed');
  const plain = await bench.run(['run', '--quiet', '--replicas', '1', ...command(undisturbed)]);
  expect(plain).toMatchObject({ status: 0, stderr: '' });
  expect(Object.keys(contents(undisturbed))).toEqual(['/apple', '/deep/zebra', '/mango', '/zebra']);

  const folder = makeFolder('folder');
  const machine = bench.startWatched(command(folder));
  await machine.isProtected();
  await machine.wrote('line 0\n'.length);
  const file = bench.file('guest.snapshot');
  expect(await bench.run(['snapshot', '--status-file', machine.statusFile, file])).toMatchObject({ status: 0 });
  machine.command.kill('SIGKILL');
  expect((await machine.command.ended).stdout).not.toContain(`line ${LINES - 1}\n`);

  // What others put there meanwhile shifts every file by one, and is left alone.
  writeFileSync(join(folder, 'aardvark'), 'precious');
  const kept = bench.file('kept');
  cpSync(folder, kept, { recursive: true });
  const expected = { ...contents(undisturbed), '/aardvark': 'precious' };
  const alone = await bench.run(['resume', '--quiet', '--replicas', '1', file]);
  expect(alone).toMatchObject({ status: 0, stderr: '' });
  expect(alone.stdout.length).toBeGreaterThan(0);
  expect(plain.stdout.endsWith(alone.stdout)).toBe(true);
  expect(contents(folder)).toEqual(expected);

  // It has renamed a file since: that is told, and nothing is touched.
  const refused = await bench.run(['resume', file]);
  expect(refused).toMatchObject({ status: 2, stdout: '' });
  expect(refused.stderr).toMatch(/^.*folder\/deep\/(apple|theirs) is missing.*\[DIR_CHANGED\].*\n$/);
  expect(contents(folder)).toEqual(expected);

  rmSync(folder, { recursive: true });
  cpSync(kept, folder, { recursive: true });
  const pair = bench.startWatched([file], 'ignore', 'resume');
  const { primary } = await pair.isProtected();
  process.kill(primary.pid, 'SIGKILL');
  expect(await pair.command.ended).toMatchObject({ status: 0, stdout: alone.stdout });
  expect(contents(folder)).toEqual(expected);
});
