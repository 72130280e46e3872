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
import { beforeAll, describe, expect, test } from 'vitest';
import { wat } from '../building/wat.js';
import { Bench, guest, PLAIN, type Watched } from './command.js';
import { generator } from './seeds.js';

const bench = new Bench();
const COMPUTE = [guest('compute'), '400', '40'];
const random = generator();
let expected = '';

beforeAll(() => {
  expected = execFileSync(process.execPath, [PLAIN, ...COMPUTE]).toString();
});

const save = (file: string, statusFile: string) => bench.run(['snapshot', '--status-file', statusFile, file]);

/** A machine that runs, and a snapshot of it, early in its run: on a busy host it takes its time to be taken. */
async function snapshotOf(args: readonly string[]): Promise<{ machine: Watched; file: string; before: number }> {
  const machine = bench.startWatched(args);
  await machine.isProtected();
  await machine.wrote(Math.floor(random() * 0.15 * expected.length));
  const before = machine.command.stdout.length;
  const file = bench.file('guest.snapshot');
  expect(await save(file, machine.statusFile)).toMatchObject({ status: 0, stdout: '' });
  return { machine, file, before };
}

describe('a snapshot of a running pair', () => {
  test('changes nothing for the pair; alone or as a pair, what is resumed writes the rest', async () => {
    const { machine, file, before } = await snapshotOf(COMPUTE);
    expect(await machine.command.ended).toMatchObject({ status: 0, stdout: expected });
    const alone = await bench.run(['resume', '--quiet', '--replicas', '1', file]);
    expect(alone).toMatchObject({ status: 0, stderr: '' });
    expect(alone.stdout.length).toBeGreaterThan(0);
    expect(expected.endsWith(alone.stdout)).toBe(true);
    // All that had been written before the snapshot was asked for precedes it.
    expect(expected.length - alone.stdout.length).toBeGreaterThanOrEqual(before);
    const pair = await bench.run(['resume', '--quiet', file]);
    expect(pair).toEqual(alone);
  });

  test('where the guest waits and where it never does, resumed as a pair that loses its primary', async () => {
    for (const variant of ['original', 'deferred']) {
      const { machine, file } = await snapshotOf(['--variant', variant, ...COMPUTE]);
      machine.command.kill('SIGKILL');
      await machine.command.ended;
      const resumed = bench.startWatched([file], 'ignore', 'resume');
      const { primary } = await resumed.isProtected();
      process.kill(primary.pid, 'SIGKILL');
      const { stdout, status } = await resumed.command.ended;
      expect(status).toBe(0);
      expect(expected.endsWith(stdout)).toBe(true);
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
    const { machine, file } = await snapshotOf(['--teller', teller, ...COMPUTE]);
    machine.command.kill('SIGTERM');
    await machine.command.ended;
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
    const { machine, file } = await snapshotOf(COMPUTE);
    machine.command.kill('SIGTERM');
    await machine.command.ended;
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
