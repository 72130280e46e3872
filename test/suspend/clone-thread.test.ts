// Clones made by a thread beside the guest's, which has no event loop of its own meanwhile.

import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { wat } from '../building/wat.js';

/** Counts to a million, as long as the host wants more. */
const GUEST = wat(`(module (import "host" "more" (func $more (result i32)))
  (func (export "run") (result i32) (local $i i32)
    (loop $again
      (local.set $i (i32.const 0))
      (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000))))
      (br_if $again (call $more)))
    (local.get $i)))`);

function run(optimises: string, stays = false): Promise<Record<string, unknown>> {
  const workerData = { bytes: GUEST, optimises, stays };
  const worker = new Worker(new URL('./clone-thread.mjs', import.meta.url), { workerData });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

describe('a thread that makes clones', () => {
  test('serves a guest that is suspended once it is ready, and again when the optimised clones are there', async () => {
    const seen = await run('later');
    expect(seen).toMatchObject({ readyAtFirst: false, snapshots: 1, result: 1_000_000 });
    expect(seen.improvements).toBeGreaterThan(0);
    expect(seen.improvements).toBeLessThanOrEqual(8);
    // It has ended: nothing is left to be made.
    expect(seen.readyAtLast).toBe(false);
  });

  test('makes optimised clones while the guest waits', async () => {
    const seen = await run('now');
    expect(seen).toMatchObject({ snapshots: 1, improvements: 0, result: 1_000_000, rests: 1, readyAtLast: false });
  });

  test('stays ready where snapshots are taken again and again', async () => {
    expect(await run('now', true)).toMatchObject({ snapshots: 1, rests: 1, readyAtLast: true });
  });

  test('tells the guest thread what went wrong', async () => {
    const { failure } = await run('never');
    expect(failure).toContain('the thread that makes clones failed');
    expect(failure).toContain('the safe point of an activation exists');
  });
});
