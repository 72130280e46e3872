// A running guest in a file, and what goes on from it: byte for byte what the undisturbed machine writes.

import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { wat } from '../building/wat.js';
import { Bench, guest } from './command.js';
import { Gated } from './gated.js';
import { generator } from './seeds.js';

const bench = new Bench();
const random = generator();

const save = (file: string, statusFile: string) => bench.run(['snapshot', '--status-file', statusFile, file]);

/** A machine that runs, and a snapshot of it, early in its run. */
async function snapshotOf(...flags: readonly string[]): Promise<{ gated: Gated; file: string; before: number }> {
  const gated = new Gated(bench, flags);
  const { command, statusFile } = gated.machine;
  await gated.machine.isProtected();
  await gated.machine.wrote(Math.floor(random() * 5_000));
  const before = command.stdout.length;
  const file = bench.file('guest.snapshot');
  expect(await save(file, statusFile)).toMatchObject({ status: 0, stdout: '' });
  return { gated, file, before };
}

/** It works for a moment longer, and what it writes is the end of what an undisturbed machine writes: how much precedes that. */
async function goesOn(resumed: Gated): Promise<number> {
  await resumed.machine.wrote(1_000);
  const expected = await resumed.undisturbed();
  const { stdout } = await resumed.machine.command.ended;
  expect(expected.endsWith(stdout)).toBe(true);
  return expected.length - stdout.length;
}

describe('a snapshot of a running pair', () => {
  test('changes nothing for the pair; alone or as a pair, what is resumed writes the rest', async () => {
    const { gated, file, before } = await snapshotOf();
    await gated.endsUndisturbed();
    for (const flags of [['--replicas', '1'], []]) {
      const resumed = new Gated(bench, ['--quiet', ...flags], file);
      // All that had been written before the snapshot was asked for precedes it.
      expect(await goesOn(resumed)).toBeGreaterThanOrEqual(before);
      expect(resumed.machine.command.stderr).toBe('');
    }
  });

  test('where the guest waits and where it never does, resumed as a pair that loses its primary', async () => {
    for (const variant of ['original', 'deferred']) {
      const { gated, file } = await snapshotOf('--variant', variant);
      gated.machine.command.kill('SIGKILL');
      await gated.machine.command.ended;
      const resumed = new Gated(bench, [], file);
      const { primary } = await resumed.machine.isProtected();
      process.kill(primary.pid, 'SIGKILL');
      await resumed.machine.status(now => now.primary.pid !== primary.pid);
      await goesOn(resumed);
    }
  });

  test('of a guest that waits for input: what follows is read by the resumed one', async () => {
    const machine = bench.startWatched([guest('echo')], 'pipe');
    await machine.isProtected();
    machine.command.write('one\ntwo\n');
    await machine.wrote('1: one\n2: two\n'.length);
    const file = bench.file('guest.snapshot');
    expect(await save(file, machine.statusFile)).toMatchObject({ status: 0 });
    machine.command.write('three\n');
    machine.command.endInput();
    expect((await machine.command.ended).stdout).toBe('1: one\n2: two\n3: three\n3 lines\n');
    const input = bench.file('input');
    writeFileSync(input, 'drei\nvier\n');
    expect((await bench.run(['resume', '--quiet', file], openSync(input, 'r'))).stdout).toBe(
      '3: drei\n4: vier\n4 lines\n',
    );
  });
});

test('a folder that the guest has not looked at, or only reads, is no obstacle to a snapshot', async () => {
  const program = bench.file('waits.wasm');
  const spins = '(memory (export "memory") 1) (func (export "_start") (loop (br 0)))';
  writeFileSync(program, wat(`(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))) ${spins})`));
  const [folder, read] = [bench.file('data'), bench.file('read')];
  mkdirSync(folder);
  mkdirSync(read);
  const machine = bench.startWatched(['--dir', `${folder}::/data`, '--dir', `${read}::/read:ro`, program]);
  await machine.isProtected();
  const file = bench.file('guest.snapshot');
  expect(await save(file, machine.statusFile)).toMatchObject({ status: 0 });
  machine.command.kill('SIGTERM');
  await machine.command.ended;
  const resumed = bench.startWatched([file], 'ignore', 'resume');
  await resumed.isProtected();
  resumed.command.kill('SIGTERM');
  expect((await resumed.command.ended).status).toBe(143);
});

describe('snapshot, resume and status refuse in one line', () => {
  test('to go on without the journal of its teller', async () => {
    const teller = bench.file('teller');
    const { gated, file } = await snapshotOf('--teller', teller);
    gated.machine.command.kill('SIGTERM');
    await gated.machine.command.ended;
    rmSync(teller);
    const refused = await bench.run(['resume', file]);
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringMatching(/^.*\[TELLER_MISSING\].*\n$/) });
    expect(existsSync(teller)).toBe(false);
  });

  test('to take the place of a pipe or a folder, or one that no file can have', async () => {
    const machine = bench.startWatched([guest('spin')]);
    await machine.isProtected();
    const pipe = bench.file('pipe');
    execFileSync('mkfifo', [pipe]);
    for (const place of [pipe, bench.folder, join(pipe, 'below'), bench.file('n'.repeat(300))]) {
      const refused = await save(place, machine.statusFile);
      expect(refused).toMatchObject({ status: 2, stderr: expect.stringMatching(/^.*\[SNAPSHOT_FILE\].*\n$/) });
    }
    expect(statSync(pipe).isFIFO()).toBe(true);
    machine.command.kill('SIGTERM');
    await machine.command.ended;
  });

  test('a status file that is none, and one whose machine is gone', async () => {
    const statusFile = bench.file('status.json');
    const none = await save(bench.file('x'), statusFile);
    expect(none).toMatchObject({ status: 2, stderr: expect.stringMatching(/\[STATUS_FILE\]/) });
    writeFileSync(statusFile, '{"control":"/nowhere/socket"}');
    const gone = await save(bench.file('x'), statusFile);
    expect(gone).toMatchObject({ status: 2, stderr: expect.stringMatching(/\[CONTROL_SOCKET\]/) });
    expect(existsSync(bench.file('x'))).toBe(false);
  });

  test('a snapshot that is cut short, changed, of another guest, or none', async () => {
    const { gated, file } = await snapshotOf();
    gated.machine.command.kill('SIGTERM');
    await gated.machine.command.ended;
    const bytes = readFileSync(file);
    const short = bench.file('short');
    copyFileSync(file, short);
    truncateSync(short, bytes.length - 1);
    const changed = bench.file('changed');
    const wrong = Buffer.from(bytes);
    wrong[Math.floor(wrong.length / 2)]! ^= 1;
    writeFileSync(changed, wrong);
    for (const bad of [short, changed, guest('hello')]) {
      const ended = await bench.run(['resume', bad]);
      expect(ended).toMatchObject({
        status: 2,
        stdout: '',
        stderr: expect.stringMatching(/^.*\[SNAPSHOT_INVALID\].*\n$/),
      });
    }
    expect(await bench.run(['resume', bench.file('none')])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/\[SNAPSHOT_MISSING\]/),
    });
    expect(await bench.run(['resume', '--guest', guest('echo'), file])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/\[GUEST_CHANGED\]/),
    });
  });
});
