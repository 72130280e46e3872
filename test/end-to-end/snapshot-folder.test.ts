// A program that changes a folder goes on from a snapshot: in the files that it had open, by the names they have by now.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildProgram } from '../../bench/wasi/programs.js';
import { needs } from '../setup/needs.js';
import { Bench, type Ended, until, type Watched } from './command.js';

const bench = new Bench();

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

const command = (folder: string) => ['--dir', `${folder}::/data`, buildProgram('journal.c'), '/data'];

/** The number of its last line; -1 where it has not written one. */
const lastLine = (stdout: string): number => Number(/line (\d+)\n$/.exec(stdout)?.[1] ?? -1);

/** Goes on for some lines, past line `written`, and is told to end. */
async function goesOn({ command }: Watched, written: number): Promise<Ended> {
  const already = Math.max(written, lastLine(command.stdout));
  await until(() => (lastLine(command.stdout) > already + 3 ? true : undefined));
  command.endInput();
  return command.ended;
}

/** What an undisturbed program prints, and leaves in its folder, that writes as many lines as the last of `stdout` says. */
async function undisturbed(stdout: string): Promise<{ stdout: string; files: Record<string, string> }> {
  const lines = 1 + lastLine(stdout);
  const folder = makeFolder(`undisturbed-${lines}`);
  const plain = await bench.run(['run', '--quiet', '--replicas', '1', ...command(folder), String(lines)]);
  expect(plain).toMatchObject({ status: 0, stderr: '' });
  const files = contents(folder);
  rmSync(folder, { recursive: true });
  expect(Object.keys(files)).toEqual(['/apple', '/deep/zebra', '/mango', '/zebra']);
  return { stdout: plain.stdout, files };
}

test('the folder of a resumed program, alone or on a pair that loses its primary, becomes that of an undisturbed run', {
  ...needs('c'),
  timeout: 100_000,
}, async () => {
  const folder = makeFolder('folder');
  const machine = bench.startWatched(command(folder), 'pipe');
  await machine.isProtected();
  await machine.wrote('line 0\n'.length);
  const file = bench.file('guest.snapshot');
  expect(await bench.run(['snapshot', '--status-file', machine.statusFile, file])).toMatchObject({ status: 0 });
  machine.command.kill('SIGKILL');
  await machine.command.ended;

  // What others put there meanwhile shifts every file by one, and is left alone.
  writeFileSync(join(folder, 'aardvark'), 'precious');
  // It wrote on after the snapshot: a file is longer than the program knows until that has come as far again.
  const written = readFileSync(join(folder, 'zebra'), 'latin1').split('\n').length - 1;
  const kept = bench.file('kept');
  cpSync(folder, kept, { recursive: true });
  const expectUndisturbed = async ({ stdout, status }: Ended) => {
    expect(status).toBe(0);
    const expected = await undisturbed(stdout);
    expect(expected.stdout.endsWith(stdout)).toBe(true);
    expect(contents(folder)).toEqual({ ...expected.files, '/aardvark': 'precious' });
  };
  const alone = await goesOn(bench.startWatched(['--quiet', '--replicas', '1', file], 'pipe', 'resume'), written);
  expect(alone.stderr).toBe('');
  await expectUndisturbed(alone);

  // It has renamed a file since: that is told, and nothing is touched.
  const refused = await bench.run(['resume', file]);
  expect(refused).toMatchObject({ status: 2, stdout: '' });
  expect(refused.stderr).toMatch(/^.*folder\/deep\/(apple|theirs) is missing.*\[DIR_CHANGED\].*\n$/);
  await expectUndisturbed(alone);

  rmSync(folder, { recursive: true });
  cpSync(kept, folder, { recursive: true });
  const pair = bench.startWatched([file], 'pipe', 'resume');
  const { primary } = await pair.isProtected();
  process.kill(primary.pid, 'SIGKILL');
  await pair.status(now => now.primary.pid !== primary.pid);
  await expectUndisturbed(await goesOn(pair, written));
});
