// The thread of the bench: unwinds recursions of several depths and continues them, and sends what each step took.
//
// cold: the first suspension of a program: clones are written, compiled and instantiated. warm: they are there.

import { parentPort } from 'node:worker_threads';
import { instantiateRewritten } from '../../engine/instance/instance.js';
import { Meter } from '../../engine/instance/meter.js';
import { instrumentWithContinuations } from '../../engine/instrument/instrument.js';
import { ContinuationModules } from '../../engine/suspend/continuation-modules.js';
import { SuspendedStack } from '../../engine/suspend/suspended-stack.js';
import { medianOf } from './median.js';

export interface DepthTimes {
  readonly frames: number;
  /** Milliseconds from the boundary's hook until the host has all activations, and from there until the guest goes on. */
  readonly unwind_ms: number;
  readonly continueWarm_ms: number;
  readonly continueCold_ms: number;
}

const FRAMES = [10, 1_000, 10_000];
const ROUNDS = 15;

// (module (import "host" "bottom" (func $bottom)) (import "host" "mark" (func $mark)) (func $down (param i32) (result i32)
//   (if (result i32) (local.get 0) (then (i32.add (local.get 0) (call $down (i32.sub (local.get 0) (i32.const 1)))))
//   (else (call $bottom) (call $mark) (i32.const 0)))) (export "down" (func $down)))
const GUEST = Buffer.from(
  'AGFzbQEAAAABCQJgAABgAX8BfwIbAgRob3N0BmJvdHRvbQAABGhvc3QEbWFyawAAAwIBAQcIAQRkb3duAAIKGgEYACAABH8gACAAQQFrEAJqBRAAEAFBAAsL',
  'base64',
);

function measure(frames: number): DepthTimes {
  const { module, report, continuations } = instrumentWithContinuations(GUEST, { suspendable: true });
  const compiled = new WebAssembly.Module(module);
  const times = { unwind: [] as number[], warm: [] as number[], cold: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    const meter = new Meter();
    const stack = new SuspendedStack(meter);
    let [hook, unwound, mark] = [0, 0, 0];
    stack.onSuspended = () => {
      const activations = stack.take();
      unwound = performance.now();
      return stack.continueFrom(activations);
    };
    const hooks = {
      boundary: () => {
        hook = performance.now();
        meter.suspend();
        meter.arm(Number.MAX_SAFE_INTEGER);
        return 0;
      },
    };
    const host = {
      bottom: () => meter.exhaust(),
      mark: () => {
        mark = performance.now();
      },
    };
    const suspension = { stack, modules: new ContinuationModules(continuations) };
    const guest = instantiateRewritten(compiled, report, { host }, meter, hooks, suspension);
    for (const kind of ['cold', 'warm'] as const) {
      guest.exports.down(frames);
      times.unwind.push(unwound - hook);
      times[kind].push(mark - unwound);
    }
  }
  return {
    frames,
    unwind_ms: medianOf(times.unwind),
    continueWarm_ms: medianOf(times.warm),
    continueCold_ms: medianOf(times.cold),
  };
}

parentPort?.postMessage(FRAMES.map(measure));
