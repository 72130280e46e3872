// Clones are entered as deep as the stack was: at the deepest allowed stack too.

import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { GUEST_STACK_MB } from '../../engine/instance/meter.js';
import { wat } from '../building/wat.js';

/** `run(n)` recurses n deep, and counts to 1,000 at the bottom. */
const RECURSION = wat(`(module
  (func $down (export "run") (param i32) (result i32) (local $i i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
      (else
        (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
        (local.get $i)))))`);

function suspended(frames: number, epochLength: number): Promise<{ end: unknown; epochs: number }> {
  const worker = new Worker(new URL('./deep-suspension.mjs', import.meta.url), {
    workerData: { bytes: RECURSION, frames, epochLength },
    resourceLimits: { stackSizeMb: GUEST_STACK_MB },
  });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

describe('a deep recursion that is suspended', () => {
  test('goes on from 20,000 frames', async () => {
    const { end, epochs } = await suspended(20_000, 50_000);
    expect(end).toBe(21_000);
    expect(epochs).toBeGreaterThan(2);
  });

  test('is suspended again and again while it returns', async () => {
    const { end, epochs } = await suspended(5_000, 1_000);
    expect(end).toBe(6_000);
    expect(epochs).toBeGreaterThan(30);
  });

  test('goes on from the deepest stack that is allowed, and ends like any other when it is too deep', async () => {
    expect((await suspended(60_000, 100_000)).end).toBe(61_000);
    expect((await suspended(80_000, 100_000)).end).toBe('RangeError: call stack exhausted');
  });
});
