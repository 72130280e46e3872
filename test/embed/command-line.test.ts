// Host functions on the command line: `run --host`, a death, a snapshot, and `resume`; and what is said where the module is wrong.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { wat } from '../building/wat.js';
import { Bench, guest, until, Watched } from '../end-to-end/command.js';

const bench = new Bench();
const HOST = fileURLToPath(new URL('./noting-host.mjs', import.meta.url));

/** Notes rounds until it is told that this is enough, and prints what it was told that it did not expect. */
const NOTER = wat(`(module
  (import "station" "next" (func $next (param i32) (result i32)))
  (import "station" "fraction" (func $fraction (result f64)))
  (import "station" "note" (func $note (param i32 f64) (result i32)))
  (import "epochvisor" "exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $round i32) (local $told i32) (local $uncertain i32)
    (loop $rounds
      (local.set $round (call $next (local.get $round)))
      (local.set $told (call $note (local.get $round) (call $fraction)))
      (if (i32.eq (local.get $told) (i32.const -11))
        (then (local.set $uncertain (i32.add (local.get $uncertain) (i32.const 1)))))
      (br_if $rounds (i32.ne (local.get $told) (i32.const 1))))
    (call $exit (local.get $uncertain))))`);

beforeEach(() => writeFileSync(bench.file('noter.wasm'), NOTER));

function start(verb: 'run' | 'resume', args: readonly string[], noted: string, wanted: number): Watched {
  const statusFile = bench.file(`status-${verb}.json`);
  const env = { NOTED: bench.file(noted), WANTED: String(wanted) };
  return new Watched(bench.start([verb, '--quiet', '--status-file', statusFile, ...args], 'ignore', env), statusFile);
}

const rounds = (file: string) =>
  readFileSync(bench.file(file), 'latin1')
    .split('\n')
    .slice(0, -1)
    .map(line => Number(line.split(' ')[0]));

async function noted(file: string, count: number): Promise<void> {
  await until(() => (existsSync(bench.file(file)) && rounds(file).length >= count ? true : undefined));
}

/** Rounds `first`, `first + 1`, and so on. */
const from = (first: number, count: number) => Array.from({ length: count }, (_, at) => first + at);

test('a machine with host functions is killed, saved, and goes on elsewhere', { timeout: 120_000 }, async () => {
  const run = start('run', ['--host', HOST, bench.file('noter.wasm')], 'first', 1e9);
  const { primary } = await run.isProtected();
  await noted('first', 10);
  process.kill(primary.pid, 'SIGKILL');
  await run.status(status => status.protected && status.primary.pid !== primary.pid);
  const saved = await bench.run(['snapshot', '--status-file', run.statusFile, bench.file('saved')]);
  expect(saved.status, saved.stderr).toBe(0);
  const before = rounds('first').length;
  run.command.kill('SIGTERM');
  await run.command.ended;
  // At the death one may have been called uncertain, and was performed all the same: each was noted once.
  expect(rounds('first')).toEqual(from(1, rounds('first').length));
  const resumed = start('resume', [bench.file('saved')], 'second', 20);
  const { status, stderr } = await resumed.command.ended;
  expect(stderr).toBe('');
  // The death may have left one uncertain, and so may the snapshot.
  expect(status).toBeLessThanOrEqual(2);
  const [first = 0] = rounds('second');
  expect(first).toBeLessThanOrEqual(before + 2);
  expect(rounds('second')).toEqual(from(first, 20));
});

test.each([
  ['is not there', undefined, /host module .* can't be read: ENOENT \[HOST_MISSING\]/],
  ['throws', 'throw new Error("no sensor")', /can't be loaded: no sensor \[HOST_FAILED\]/],
  ['exports nothing', 'export const a = 1;', /no default export with functions \[HOST_INVALID\]/],
  [
    'exports what is no host function',
    'export default { a: { b: () => 1 } };',
    /a\.b is not made by pure, .*\[HOST_INVALID\]/,
  ],
  ['takes a name of the machine', 'export default { epochvisor: {} };', /the machine's own \[HOST_INVALID\]/],
])('a host module that %s is refused in one line', async (_, text, expected) => {
  const host = bench.file('host.mjs');
  if (text !== undefined) writeFileSync(host, text);
  const { status, stdout, stderr } = await bench.run(['run', '--host', host, guest('hello')]);
  expect(stderr).toMatch(expected);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect([status, stdout]).toEqual([2, '']);
});

test('a reactor is refused by run, which says what calls it', async () => {
  writeFileSync(bench.file('reactor.wasm'), wat('(module (memory (export "memory") 1) (func (export "_initialize")))'));
  const { status, stderr } = await bench.run(['run', bench.file('reactor.wasm')]);
  expect([status, stderr.trim().split('\n').length]).toEqual([2, 1]);
  expect(stderr).toMatch(/GUEST_NO_START/);
});
