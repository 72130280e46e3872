// Standard streams as a shell hands them over: pipes, files, nothing, and readers that go away.

import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { launch } from 'epochvisor/testing';
import { expect, test } from 'vitest';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import { wat } from '../building/wat.js';
import { Bench, guest, MAIN, until } from './command.js';
import { generator } from './seeds.js';

const bench = new Bench();
const random = generator();

/** What echo says to these lines. */
const echoed = (lines: readonly string[]) =>
  `${lines.map((line, index) => `${index + 1}: ${line}\n`).join('')}${lines.length} lines\n`;

test.each(['primary', 'backup'] as const)(
  'input through a pipe arrives once, the %s killed in the middle',
  async who => {
    const lines = Array.from({ length: 2000 }, (_, n) => `line ${n} ${'x'.repeat(Math.floor(random() * 60))}`);
    await using machine = await launch(guest('echo'));
    await machine.whenProtected();
    const at = Math.floor(random() * lines.length);
    // In pieces that end anywhere, the kill while some are on their way.
    const text = lines.map(line => `${line}\n`).join('');
    const cut = lines.slice(0, at).join('\n').length + 3;
    machine.stdin.write(text.slice(0, cut));
    await machine.transcript.stdout.until(Math.floor(random() * cut));
    await (who === 'primary' ? machine.killPrimary() : machine.killBackup());
    machine.stdin.write(text.slice(cut));
    machine.stdin.end();
    await machine.expectSameAs({ stdout: echoed(lines), outcome: { kind: 'exit', status: 0 } });
  },
);

test('a line is answered as soon as it is there, before and after a failover', async () => {
  await using machine = await launch(guest('echo'));
  await machine.whenProtected();
  machine.stdin.write('first\n');
  expect(await machine.transcript.stdout.until('\n')).toBe('1: first\n');
  await machine.killPrimary();
  machine.stdin.write('second\n');
  expect(await machine.transcript.stdout.until('2:')).toBe('1: first\n2: second\n');
  machine.stdin.end();
  await machine.expectSameAs('1: first\n2: second\n2 lines\n');
});

test('input from a file arrives whole', async () => {
  const lines = Array.from({ length: 5_000 }, (_, n) => `line ${n}`);
  writeFileSync(bench.file('input'), lines.map(line => `${line}\n`).join(''));
  const stdin = openSync(bench.file('input'), 'r');
  const { stdout } = await bench.run(['run', guest('echo')], stdin);
  closeSync(stdin);
  expect(stdout).toBe(echoed(lines));
});

test('without stdin there is nothing to read', () => {
  const { stdout, status, stderr } = spawnSync('sh', [
    '-c',
    'exec "$0" "$@" <&-',
    process.execPath,
    MAIN,
    'run',
    guest('echo'),
  ]);
  expect({ stdout: stdout.toString(), stderr: stderr.toString(), status }).toEqual({
    stdout: '0 lines\n',
    stderr: '',
    status: 0,
  });
});

test('a guest that prints faster than its reader reads loses nothing', async () => {
  const kibibytes = 4096;
  const pipeline = `"$0" "$1" run "$2" ${kibibytes} | { sleep 1; wc -c; }`;
  const { stdout } = spawnSync('sh', ['-c', pipeline, process.execPath, MAIN, guest('flood')]);
  expect(Number(stdout)).toBe(kibibytes * 1024);
});

test('a reader that goes away ends the machine, as it ends any program', async () => {
  const machine = bench.startWatched([guest('flood'), '0']);
  await machine.isProtected();
  await machine.wrote(100_000);
  machine.command.closeOutput();
  const { status, stderr } = await machine.command.ended;
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/^epochvisor: the reader of stdout has gone \[OUTPUT_CLOSED\]\n$/);
});

/** Writes until it is told that nobody reads; says so on stderr, waits for the end of stdin, and exits with the errno of one more write. */
const WRITER = wat(`(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\05\\00\\00\\00")
  (data (i32.const 16) "gone\\n")
  (func $say (param $fd i32) (result i32) (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
  (func (export "_start")
    (loop $writes (br_if $writes (i32.eqz (call $say (i32.const 1)))))
    (drop (call $say (i32.const 2)))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (call $say (i32.const 1)))))`);

test.each(VARIANTS)(
  'a program that wants to hear of it goes on when its reader has gone, and after a death still knows (%s)',
  async variant => {
    writeFileSync(bench.file('writer.wasm'), WRITER);
    const machine = bench.startWatched(
      ['--pipe', 'guest', '--quiet', '--variant', variant, bench.file('writer.wasm')],
      'pipe',
    );
    const { primary } = await machine.isProtected();
    await machine.wrote(10_000);
    machine.command.closeOutput();
    await until(() => (machine.command.stderr === 'gone\n' ? true : undefined));
    process.kill(primary.pid, 'SIGKILL');
    await machine.status(status => status.view > 1 && status.primary.pid !== primary.pid);
    machine.command.endInput();
    const { status, stderr } = await machine.command.ended;
    // EPIPE.
    expect([status, stderr]).toEqual([64, 'gone\n']);
  },
);

test('a program that wants to hear of its readers ends as ever where they stay', async () => {
  const ending =
    '(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))) (memory (export "memory") 1)';
  writeFileSync(bench.file('ends.wasm'), wat(`${ending} (func (export "_start")))`));
  const { status, stderr } = await bench.run(['run', '--pipe', 'guest', '--quiet', bench.file('ends.wasm')]);
  expect([status, stderr]).toEqual([0, '']);
});

test('a bare guest can not be told of its reader', async () => {
  const { status, stderr } = await bench.run(['run', '--pipe', 'guest', guest('hello')]);
  expect(stderr).toMatch(/^epochvisor: the guest is not a WASI program, and --pipe guest is for those \[NOT_WASI\]\n$/);
  expect(status).toBe(2);
});
