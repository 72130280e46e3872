// The meter: when boundaries come, and at which counts.

import { expect, test } from 'vitest';
import { instantiate } from '../../engine/index.js';
import { compileRewritten } from '../../engine/instance/compile.js';
import { instantiateRewritten } from '../../engine/instance/instance.js';
import { Meter } from '../../engine/instance/meter.js';
import { instrument } from '../../engine/instrument/instrument.js';
import { wat } from '../building/wat.js';

const LOOP = wat(`
  (module
    (import "host" "tick" (func $tick))
    (func (export "spin") (param $n i32)
      (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "ticks") (call $tick) (call $tick)))`);

/** Turns of `spin` cost 5 each; the loop is unrolled, so a safe point comes every second turn. */
const TURN = 5;

test('an epoch ends at the first safe point at or after its due count, and overshoot is carried', () => {
  const counts: number[] = [];
  const guest = instantiate(
    LOOP,
    { host: { tick() {} } },
    { epochLength: 12, onBoundary: (_, count) => counts.push(count) },
  );
  guest.exports.spin(20);
  expect(counts).toEqual([20, 30, 40, 50, 60, 80, 90]);
  expect(guest.instructionCount()).toBe(20 * TURN);
  expect(guest.epoch()).toBe(counts.length);
});

test('a safe point ends at most one epoch', () => {
  const counts: number[] = [];
  const guest = instantiate(
    LOOP,
    { host: { tick() {} } },
    { epochLength: 1, onBoundary: (_, count) => counts.push(count) },
  );
  guest.exports.spin(10);
  expect(counts).toEqual([10, 20, 30, 40]);
});

function machine(hooks: { tick?: (meter: Meter) => void; boundary: (meter: Meter) => number }) {
  const meter = new Meter();
  const { module, report } = instrument(LOOP);
  const imports = { host: { tick: () => hooks.tick?.(meter) } };
  const guest = instantiateRewritten(compileRewritten(module), report, imports, meter, {
    boundary: () => hooks.boundary(meter),
  });
  return { meter, guest };
}

test('an import that exhausts the counter has its boundary when it returns, at the same count', () => {
  const seen: string[] = [];
  const { guest } = machine({
    tick: meter => {
      seen.push(`tick ${meter.instructionCount()}`);
      if (seen.length === 1) meter.exhaust();
    },
    boundary: meter => {
      seen.push(`boundary ${meter.instructionCount()}`);
      meter.arm(meter.instructionCount() + 1000);
      return 0;
    },
  });
  guest.exports.ticks();
  expect(seen).toEqual(['tick 1', 'boundary 1', 'tick 2']);
});

test('a due count billions away is reached in slices that the hook does not see', () => {
  let boundaries = 0;
  const { meter, guest } = machine({
    boundary: () => {
      boundaries++;
      return 0;
    },
  });
  meter.restart(2 ** 40);
  meter.arm(2 ** 40 + 3 * 2 ** 30);
  guest.exports.spin(100);
  expect(boundaries).toBe(0);
  expect(meter.instructionCount()).toBe(2 ** 40 + 100 * TURN);
  expect(meter.counter.value).toBeLessThanOrEqual(2 ** 30);
});

test('a hook that does not arm again is called once a safe point, not for ever', () => {
  let boundaries = 0;
  const { meter, guest } = machine({
    boundary: () => {
      boundaries++;
      return 0;
    },
  });
  meter.arm(TURN);
  guest.exports.spin(10);
  expect(boundaries).toBe(4);
});

test('instances that share exports are one machine with one count', () => {
  const boundaries: number[] = [];
  const first = instantiate(
    wat(`(module (memory (export "m") 1) (table (export "t") 2 funcref) (global (export "g") (mut i32) (i32.const 4))
      (func $six (export "six") (result i32) (i32.const 6)) (elem (i32.const 0) $six))`),
    {},
    { epochLength: 3, onBoundary: (_, count) => boundaries.push(count) },
  );
  const second = instantiate(
    wat(`(module (import "a" "six" (func $six (result i32))) (import "a" "t" (table 2 funcref)) (import "a" "m" (memory 1))
      (import "a" "g" (global $g (mut i32)))
      (func $seven (result i32) (i32.const 7)) (elem (i32.const 1) $seven)
      (func (export "all") (result i32)
        (i32.add (i32.add (call $six) (call_indirect (result i32) (i32.const 0)))
          (i32.add (call_indirect (result i32) (i32.const 1)) (global.get $g)))))`),
    { a: first.exports },
  );
  expect(second.exports.all()).toBe(6 + 6 + 7 + 4);
  expect(first.instructionCount()).toBe(9 + 3);
  expect(second.instructionCount()).toBe(first.instructionCount());
  expect(boundaries.length).toBeGreaterThan(0);
});

test('a trap in the start function fails the instantiation', () => {
  expect(() => instantiate(wat('(module (func $f unreachable) (start $f))'))).toThrow(/unreachable/);
});

test('growth above the limit gives -1', () => {
  const module = wat('(module (memory 1) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))');
  const guest = instantiate(module, {}, { maxMemory: 3 * 65536 });
  expect([guest.exports.grow(3), guest.exports.grow(2), guest.exports.grow(1), guest.exports.grow(0)]).toEqual([
    -1, 1, -1, 3,
  ]);
});
