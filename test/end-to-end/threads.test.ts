// Programs that were built for threads, of which a machine has one, and with relaxed vector operations: on a pair.

import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { wat } from '../building/wat.js';
import { Bench } from './command.js';
import { failoverOf } from './failover-report.js';

const bench = new Bench();
const failover = failoverOf(bench);

/** As wasi-sdk builds for wasm32-wasi-threads: the memory imported, shared and exported; it says what it has computed. */
const WORKER = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "env" "memory" (memory 1 2 shared))
  (export "memory" (memory 0))
  (func $lock
    (block $taken
      (loop $again
        (br_if $taken (i32.eqz (i32.atomic.rmw.cmpxchg (i32.const 128) (i32.const 0) (i32.const 1))))
        (drop (memory.atomic.wait32 (i32.const 128) (i32.const 1) (i64.const 1000)))
        (br $again))))
  (func $unlock
    (i32.atomic.store (i32.const 128) (i32.const 0))
    (drop (memory.atomic.notify (i32.const 128) (i32.const 1))))
  (func (export "_start") (local $round i32) (local $sum v128)
    (loop $again
      (call $lock)
      (drop (i64.atomic.rmw.add (i32.const 136) (i64.const 3)))
      (local.set $sum (f32x4.relaxed_madd (local.get $sum) (v128.const f32x4 0.5 1 1 1) (v128.const f32x4 1 2 3 4)))
      (call $unlock)
      (br_if $again (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 3000))))
    ;; 9000 in decimal, and the second lane: 6000.
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 3))
    (i32.store8 (i32.const 16) (i32.add (i32.const 48) (i32.div_u (i32.load (i32.const 136)) (i32.const 1000))))
    (i32.store8 (i32.const 17) (i32.add (i32.const 48)
      (i32.div_u (i32.trunc_f32_u (f32x4.extract_lane 1 (local.get $sum))) (i32.const 1000))))
    (i32.store8 (i32.const 18) (i32.const 10))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    MORE))`;

function program(name: string, more: string): string {
  const module = bench.file(name);
  writeFileSync(module, wat(WORKER.replace('MORE', more)));
  return module;
}

test('a pair runs a program that takes locks and starts no thread', async () => {
  const { status, stdout, stderr } = await bench.run(['run', '--epoch-length', '1000', program('alone.wasm', '')]);
  expect({ status, stdout, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stdout: '96\n', stderr: '' });
});

test.each(['original', 'revised', 'deferred'])('a pair that takes locks survives its primary: %s', async variant => {
  const struck = ['--epoch-length', '1000', '--sweep', 'boundaries', '--limit', '8', '--variant', variant];
  const { status, report } = await failover(...struck, program(`${variant}.wasm`, ''));
  expect(report.points.map(({ verdict }) => verdict)).toEqual(Array(8).fill('same'));
  expect(status).toBe(0);
});

test('a program that starts a thread ends with a trap that says so, when it does it', async () => {
  const module = program('spawns.wasm', '(drop (call $spawn (i32.const 0)))');
  const { status, stdout, stderr } = await bench.run(['run', module]);
  expect(stdout).toBe('96\n');
  expect(stderr).toContain('a second thread was asked for');
  expect(status).not.toBe(0);
});
