// Suspended in generated code: while an interrupt handler runs on top of a boundary, and in imports that block.

import { describe, expect, test } from 'vitest';
import { instantiateRewritten } from '../../engine/instance/instance.js';
import { Meter } from '../../engine/instance/meter.js';
import { instrumentWithContinuations } from '../../engine/instrument/instrument.js';
import { ContinuationModules } from '../../engine/suspend/continuation-modules.js';
import { captureMachine, restoreMachine } from '../../engine/suspend/machine-image.js';
import { SuspendedStack } from '../../engine/suspend/suspended-stack.js';
import { wat } from '../building/wat.js';

const GUEST = `(module
  (import "host" "note" (func $note (param i32)))
  (memory 20)
  (global $seen (mut i64) (i64.const 0))
  (func $twice (param i32) (result i32) (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
    (i32.mul (local.get 0) (i32.const 2)))
  (func (export "run") (param i32) (result i64)
    (local $sum i64)
    (loop $each
      (i64.extend_i32_u (call $twice (local.get 0)))
      (local.get $sum)
      i64.add
      (local.set $sum)
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 1200000))
      (call $note (local.get 0))
      (br_if $each (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i64.xor (local.get $sum) (global.get $seen)))
  (func (export "interrupt") (param $kind i32) (param $id i64) (param $status i32)
    (call $note (i32.add (local.get $kind) (i32.const 100)))
    (global.set $seen (i64.add (i64.mul (global.get $seen) (i64.const 3)) (i64.add (local.get $id) (i64.extend_i32_u (call $twice (local.get $status))))))))`;

interface Way {
  readonly counting: 'block' | 'exact';
  readonly epochLength: number;
  readonly suspends: 'never' | 'same-instance' | 'fresh-instance';
}

function continueAfresh(stack: SuspendedStack): void {
  stack.onSuspended = () => {
    const image = structuredClone(captureMachine(stack, stack.take()));
    stack.renew();
    return stack.continueFrom(restoreMachine(stack, image));
  };
}

/** Runs the guest with one interrupt at every third boundary that is not taken in a handler. */
function run({ counting, epochLength, suspends }: Way) {
  const meter = new Meter();
  const stack = new SuspendedStack(meter);
  if (suspends === 'fresh-instance') continueAfresh(stack);
  const options = { counting, interruptHandler: 'interrupt', suspendable: true } as const;
  const { module, report, continuations } = instrumentWithContinuations(wat(GUEST), options);
  const events: string[] = [];
  let [boundaries, pending, due, handling] = [0, 0, epochLength, false];
  const hooks = {
    boundary: (count: number) => {
      events.push(`boundary ${count}`);
      due += epochLength;
      meter.arm(due, count);
      if (suspends !== 'never') meter.suspend();
      if (handling || ++boundaries % 3 !== 0) return 0;
      pending = 2;
      handling = true;
      return 1;
    },
    interrupt: (): [number, number, bigint, number] => {
      if (pending === 0) {
        handling = false;
        return [0, 0, 0n, 0];
      }
      return [1, pending--, BigInt(boundaries), 5];
    },
  };
  const imports = { host: { note: (value: number) => void events.push(`note ${value}`) } };
  const suspension = { stack, modules: new ContinuationModules(continuations) };
  const guest = instantiateRewritten(new WebAssembly.Module(module), report, imports, meter, hooks, suspension);
  meter.arm(due);
  const result: bigint = guest.exports.run(6);
  return { result, events, count: meter.instructionCount() };
}

describe('interrupts between suspensions', () => {
  test.each([
    ['block', 1, 'same-instance'],
    ['block', 40, 'same-instance'],
    ['block', 40, 'fresh-instance'],
    ['exact', 1, 'same-instance'],
    ['exact', 997, 'fresh-instance'],
  ] as const)(
    'are delivered at the same boundaries: %s counting, epochs of %i, %s',
    (counting, epochLength, suspends) => {
      const expected = run({ counting, epochLength, suspends: 'never' });
      expect(expected.events).toContain('note 101');
      expect(run({ counting, epochLength, suspends })).toEqual(expected);
    },
  );
});

const BLOCKING = `(module
  (import "host" "pair" (func $pair (param i32 i64) (result i64 f32)))
  (func (export "run") (param i32) (result i64) (local $sum i64)
    (loop $each
      (call $pair (local.get 0) (i64.const 7))
      (drop (i32.reinterpret_f32))
      (local.set $sum (i64.add (local.get $sum)))
      (br_if $each (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get $sum))
  (func (export "interrupt") (param i32 i64 i32)
    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`;

/** `pair` blocks as often as its first argument says, before it answers. */
function runBlocking(suspends: Way['suspends'], epochLength: number) {
  const meter = new Meter();
  const stack = new SuspendedStack(meter);
  if (suspends === 'fresh-instance') continueAfresh(stack);
  const options = { blockingImports: true, interruptHandler: 'interrupt', suspendable: true } as const;
  const { module, report, continuations } = instrumentWithContinuations(wat(BLOCKING), options);
  const events: string[] = [];
  let [blocked, boundaries, pending, handling] = [0, 0, 0, false];
  const pair = (left: number, right: bigint) => {
    events.push(`pair ${left} ${right}`);
    if (blocked++ < left) {
      meter.callAgain();
      return [99n, 0];
    }
    blocked = 0;
    return [BigInt(left) * right, 0.5];
  };
  const hooks = {
    boundary: (count: number) => {
      events.push(`boundary ${count}`);
      meter.arm(count + epochLength, count);
      if (suspends !== 'never') meter.suspend();
      if (handling || ++boundaries % 2 === 0) return 0;
      handling = true;
      pending = 1;
      return 1;
    },
    interrupt: (): [number, number, bigint, number] => {
      handling = pending === 1;
      return [pending--, 5, 0n, 0];
    },
  };
  const suspension = { stack, modules: new ContinuationModules(continuations) };
  const compiled = new WebAssembly.Module(module);
  const guest = instantiateRewritten(compiled, report, { host: { pair } }, meter, hooks, suspension);
  meter.arm(epochLength);
  return { result: guest.exports.run(4) as bigint, events, count: meter.instructionCount() };
}

describe('imports that block', () => {
  test.each([
    [3, 'same-instance'],
    [3, 'fresh-instance'],
    [1_000, 'same-instance'],
    [1_000, 'fresh-instance'],
  ] as const)(
    'are called again after a suspension, with the same arguments: epochs of %i, %s',
    (epochLength, suspends) => {
      const expected = runBlocking('never', epochLength);
      expect(expected.result).toBe(70n);
      expect(expected.events.filter(event => event === 'pair 4 7')).toHaveLength(5);
      expect(runBlocking(suspends, epochLength)).toEqual(expected);
    },
  );
});
