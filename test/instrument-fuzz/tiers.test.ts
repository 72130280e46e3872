// Both of V8's compilers give the same NaN bits, and the same depth of the stack, once a module is rewritten.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { instantiate } from '../../engine/index.js';
import { GUEST_STACK_MB, STACK_ROOM_SLOTS } from '../../engine/instance/meter.js';
import { instrument } from '../../engine/instrument/instrument.js';
import { IMPORT_COUNTER, IMPORT_STACK_OVERFLOW, IMPORT_STACK_ROOM, MACHINE } from '../../engine/instrument/reserved.js';
import { wat } from '../building/wat.js';
import { runPlain, runRewritten } from './outcome.js';
import { buildProgram } from './program.js';
import { checkRandomly, decisions, PATIENCE_MS } from './seeds.js';
import { inBothTiers, renewed, setTier, type Tier } from './tiers.js';

/** Bits of NaNs that the specification leaves open, each as the i64 result of an exported function. */
const OPEN_NANS = wat(`(module
  (memory (export "memory") 1)
  (data (i32.const 0) "\\00\\00\\00\\00\\00\\00\\00\\00")            ;; 0
  (data (i32.const 8) "\\01\\00\\00\\00\\00\\00\\f4\\7f")            ;; a signalling NaN
  (data (i32.const 16) "\\02\\00\\00\\00\\00\\00\\f8\\ff")           ;; a quiet NaN with a payload and a sign
  (data (i32.const 24) "\\03\\00\\a0\\7f\\04\\00\\c0\\ff")           ;; the same two in single precision
  (func $zero (result f64) (f64.load (i32.const 0)))
  (func $a (result f64) (f64.load (i32.const 8)))
  (func $b (result f64) (f64.load (i32.const 16)))
  (func $c (result f32) (f32.load (i32.const 24)))
  (func $d (result f32) (f32.load (i32.const 28)))
  (func $narrow (param f32) (result i64) (i64.extend_i32_u (i32.reinterpret_f32 (local.get 0))))
  (func $stored (param f64) (result i64) (f64.store (i32.const 64) (local.get 0)) (i64.load (i32.const 64)))
  (func (export "zero / zero") (result i64) (i64.reinterpret_f64 (f64.div (call $zero) (call $zero))))
  (func (export "zero / zero, constants") (result i64)
    (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0))))
  (func (export "zero / zero, inline") (result i64)
    (i64.reinterpret_f64 (f64.div (f64.load (i32.const 0)) (f64.load (i32.const 0)))))
  (func (export "a + b") (result i64) (i64.reinterpret_f64 (f64.add (call $a) (call $b))))
  (func (export "b * a, stored") (result i64) (call $stored (f64.mul (call $b) (call $a))))
  (func (export "min") (result i64) (i64.reinterpret_f64 (f64.min (call $a) (call $b))))
  (func (export "max") (result i64) (call $stored (f64.max (call $b) (f64.const 1))))
  (func (export "square root of -1") (result i64)
    (i64.reinterpret_f64 (f64.sqrt (f64.sub (call $zero) (f64.const 1)))))
  (func (export "nearest") (result i64) (i64.reinterpret_f64 (f64.nearest (call $a))))
  (func (export "promote") (result i64) (call $stored (f64.promote_f32 (call $c))))
  (func (export "demote") (result i64) (call $narrow (f32.demote_f64 (call $a))))
  (func (export "c - d") (result i64) (call $narrow (f32.sub (call $c) (call $d))))
  (func (export "sign of zero / zero, by copysign and a comparison") (result i64)
    (i64.extend_i32_u (f64.lt (f64.copysign (f64.const 1) (f64.div (f64.const 0) (f64.const 0))) (f64.const 0))))
  (func (export "sign of zero / zero, by copysign and a conversion") (result i64)
    (i64.trunc_sat_f64_s (f64.copysign (f64.const 5) (f64.div (f64.const 0) (f64.const 0)))))
  (func (export "negated") (result i64) (i64.reinterpret_f64 (f64.neg (f64.div (f64.const 0) (f64.const 0)))))
  (func (export "through a loop") (result i64) (local $sum f64) (local $i i32)
    (loop $again
      (local.set $sum (f64.add (local.get $sum) (f64.div (call $zero) (call $zero))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
    (i64.reinterpret_f64 (local.get $sum)))
  (func (export "lanes") (result i64)
    (i64x2.extract_lane 1
      (f64x2.add (v128.load (i32.const 8)) (f64x2.div (v128.const i64x2 0 0) (v128.load (i32.const 32))))))
  (func (export "single lanes") (result i64)
    (i64x2.extract_lane 0 (f32x4.mul (v128.load (i32.const 24)) (v128.load (i32.const 28))))))`);

type Results = Record<string, bigint>;

function results(exports: Readonly<Record<string, unknown>>): Results {
  const functions = Object.entries(exports).filter(([, value]) => typeof value === 'function');
  return Object.fromEntries(functions.map(([name, value]) => [name, BigInt.asUintN(64, (value as () => bigint)())]));
}

const plainResults = (bytes: Uint8Array<ArrayBuffer>): Results =>
  results(new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports);

const rewrittenResults = (bytes: Uint8Array<ArrayBuffer>): Results => results(instantiate(bytes).exports);

describe('NaN bits in both of V8’s compilers', { timeout: PATIENCE_MS }, () => {
  test('differ in plain modules', () => {
    const { baseline, optimising } = inBothTiers(OPEN_NANS, plainResults);
    expect(optimising).not.toEqual(baseline);
  });

  test('are the same in rewritten modules', () => {
    const { baseline, optimising } = inBothTiers(OPEN_NANS, rewrittenResults);
    expect(optimising).toEqual(baseline);
    expect(baseline['zero / zero']).toBe(0x7ff8000000000000n);
    expect(baseline.negated).toBe(0xfff8000000000000n);
  });

  test('are the same in rewritten random programs, which show them wherever they can', () => {
    checkRandomly('tiers', 40, decisions, choices => {
      const bytes = buildProgram(choices, { nanBits: true, counted: false });
      const { baseline, optimising } = inBothTiers(bytes, each => runRewritten(each, 'block', 1000));
      expect(optimising).toEqual(baseline);
    });
  });

  test('differ in some random programs that are not rewritten, so that the test above can fail', () => {
    let different = 0;
    checkRandomly('tiers, plain', 40, decisions, choices => {
      const bytes = buildProgram(choices, { nanBits: true, counted: false });
      const { baseline, optimising } = inBothTiers(bytes, runPlain);
      if (JSON.stringify(baseline) !== JSON.stringify(optimising)) different += 1;
    });
    expect(different).toBeGreaterThan(0);
  });
});

const LOCALS = Array.from({ length: 2000 }, (_, index) => `(local $l${index} i64)`).join(' ');
const USES = Array.from(
  { length: 2000 },
  (_, i) => `(local.set $l${i} (i64.add (local.get $l${(i * 7) % 2000}) (i64.const ${i})))`,
);
const READS = Array.from({ length: 2000 }, (_, i) => `local.get $l${i}`).join(' ');

/** `run` recurses until the stack is used up; `deepest` is then the number of frames there were. */
const recursion = (functions: string): Uint8Array =>
  wat(`(module
    (type $step (func (param i32) (result i32)))
    (global $deepest (export "deepest") (mut i32) (i32.const 0))
    (table funcref (elem $first $second))
    ${functions}
    (func (export "run") (result i32) (call $first (i32.const 1))))`);

const step = (name: string, inner: string, locals = '', body = ''): string =>
  `(func ${name} (param $n i32) (result i32) ${locals}
    (global.set $deepest (local.get $n)) ${body}
    (i32.const 1) ${inner} i32.add)`;

const next = '(i32.add (local.get $n) (i32.const 1))';
const idle = step('$second', '(i32.const 0)');

const RECURSIONS: Record<string, Uint8Array> = {
  'small frames': recursion(step('$first', `(call $first ${next})`) + idle),
  'frames of 2,000 locals': recursion(
    step(
      '$first',
      // Not as one expression: 2,000 parentheses deep is more than the assembler has stack for.
      `${READS} (i64.extend_i32_s (call $first ${next})) ${'i64.xor '.repeat(2000)} i32.wrap_i64`,
      LOCALS,
      USES.join(' '),
    ) + idle,
  ),
  'mutual recursion': recursion(step('$first', `(call $second ${next})`) + step('$second', `(call $first ${next})`)),
  'recursion through a tail call': recursion(
    `(func $first (param $n i32) (result i32) (return_call $second (local.get $n)))${step('$second', `(call $first ${next})`)}`,
  ),
  'recursion through an indirect tail call': recursion(
    `(func $first (param $n i32) (result i32) (return_call_indirect (type $step) (local.get $n) (i32.const 1)))
    ${step('$second', `(call $first ${next})`)}`,
  ),
  'indirect recursion': recursion(
    step('$first', `(call_indirect (type $step) ${next} (i32.and (local.get $n) (i32.const 1)))`) +
      step('$second', `(call_indirect (type $step) ${next} (i32.const 0))`),
  ),
};

interface Deepest {
  readonly end: string;
  readonly deepest: number;
  readonly count: number;
}

/** Runs a rewritten module in a thread with the stack of a guest thread. */
async function exhaust(bytes: Uint8Array, tier: Tier): Promise<Deepest> {
  setTier(tier);
  const names = {
    machine: MACHINE,
    counter: IMPORT_COUNTER,
    stackRoom: IMPORT_STACK_ROOM,
    stackOverflow: IMPORT_STACK_OVERFLOW,
  };
  const worker = new Worker(new URL('./deep-stack.mjs', import.meta.url), {
    workerData: { bytes: instrument(renewed(bytes)).module, names, room: STACK_ROOM_SLOTS },
    resourceLimits: { stackSizeMb: GUEST_STACK_MB },
  });
  const [message] = (await once(worker, 'message')) as [Deepest];
  await worker.terminate();
  return message;
}

describe.each(Object.entries(RECURSIONS))('a stack that is used up: %s', (name, bytes) => {
  test('is a trap at the same depth and count in both of V8’s compilers', async () => {
    const baseline = await exhaust(bytes, 'baseline');
    expect(await exhaust(bytes, 'optimising')).toEqual(baseline);
    expect(baseline.end).toBe('the allowance is used up');
    expect(baseline.deepest).toBeGreaterThan(name === 'frames of 2,000 locals' ? 100 : 20_000);
  });
});
