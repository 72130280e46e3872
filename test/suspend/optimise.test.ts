// Clones in baseline code are replaced by optimised ones: at once, or when they have been made in the background.

import { describe, expect, test } from 'vitest';
import { instantiateRewritten } from '../../engine/instance/instance.js';
import { Meter } from '../../engine/instance/meter.js';
import { instrumentWithContinuations } from '../../engine/instrument/instrument.js';
import { ContinuationModules, LocalCloneMaker } from '../../engine/suspend/continuation-modules.js';
import { SuspendedStack } from '../../engine/suspend/suspended-stack.js';
import { wat } from '../building/wat.js';

/** Two loops, one after the other in an outer one, and a call: safe points enough to be suspended at others each time. */
const GUEST = wat(`(module
  (func $inner (param i32) (result i32) (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
    (local.get $i))
  (func (export "run") (param i32) (result i32) (local $sum i32) (local $i i32)
    (loop $outer
      (local.set $sum (i32.add (local.get $sum) (call $inner (i32.const 50))))
      (local.set $i (i32.const 60))
      (loop $m (br_if $m (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br_if $outer (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get $sum)))`);
const RUNS = 300;
/** Many loops, one after another: the guest stands in another one at each boundary. */
const LOOPS = 40;
const MANY = wat(`(module (func (export "run") (param i32) (result i32) (local $i i32)
  (loop $outer
    ${`(local.set $i (i32.const 10)) (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))`.repeat(LOOPS)}
    (br_if $outer (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
  (local.get 0)))`);

/** Answers each request some boundaries later, and notes what it does. */
class SlowMaker extends LocalCloneMaker {
  readonly log: string[] = [];
  #wait = 0;

  override make(...[points, optimised]: Parameters<LocalCloneMaker['make']>) {
    this.log.push(optimised ? 'optimised' : 'baseline');
    return super.make(points, optimised);
  }

  override ask(...[points]: Parameters<LocalCloneMaker['ask']>) {
    this.log.push('ask');
    this.#wait = 3;
    super.ask(points);
  }

  override get answered(): boolean {
    return super.answered && this.#wait-- <= 0;
  }

  override rest() {
    this.log.push('rest');
  }
}

interface Course {
  readonly epochLength?: number;
  readonly guest?: Uint8Array;
  /** Boundaries at which a snapshot is taken; after the last one clones are to be optimised. */
  readonly snapshots?: readonly number[];
}

/** Snapshots, then whatever the stack asks for. */
function run(optimises: 'never' | 'now' | 'later', { epochLength = 97, guest = GUEST, snapshots = [20] }: Course = {}) {
  const { module, report, continuations } = instrumentWithContinuations(guest);
  const meter = new Meter();
  const stack = new SuspendedStack(meter);
  const maker = new SlowMaker(continuations);
  let [boundaries, due, suspensions, snapshot] = [0, epochLength, 0, false];
  stack.onSuspended = () => {
    suspensions++;
    maker.log.push(snapshot ? 'snapshot' : 'improve');
    if (snapshot && optimises !== 'never' && boundaries === snapshots.at(-1)) stack.optimise(optimises);
    return stack.continueFrom(stack.take());
  };
  const hooks = {
    boundary: (count: number) => {
      due += epochLength;
      meter.arm(due, count);
      snapshot = snapshots.includes(++boundaries);
      if (snapshot || stack.improvable) meter.suspend();
      return 0;
    },
  };
  const suspension = { stack, modules: new ContinuationModules(maker) };
  const instance = instantiateRewritten(new WebAssembly.Module(module), report, {}, meter, hooks, suspension);
  meter.arm(due);
  const result = instance.exports.run(RUNS);
  return { result, count: meter.instructionCount(), boundaries, suspensions, log: maker.log, stack };
}

describe('clones', () => {
  test('stay as they are where nobody wants them optimised', () => {
    const { log, suspensions } = run('never');
    expect(log).toEqual(['snapshot', 'baseline']);
    expect(suspensions).toBe(1);
  });

  test('are optimised before the guest goes on where that is wanted now', () => {
    const { log, suspensions } = run('now');
    expect(log).toEqual(['snapshot', 'optimised', 'rest']);
    expect(suspensions).toBe(1);
  });

  test('are replaced later, until all that are on the stack are optimised; then their maker rests', () => {
    const { log } = run('later');
    expect(log.slice(0, 4)).toEqual(['snapshot', 'baseline', 'ask', 'optimised']);
    expect(log.filter(what => what === 'improve').length).toBeGreaterThan(0);
    expect(log.filter(what => what === 'improve').length).toBeLessThanOrEqual(8);
    expect(log.filter(what => what === 'rest')).toEqual(['rest']);
    expect(log.at(-1)).toBe('rest');
  });

  test('are optimised as well where they are there from an earlier snapshot', () => {
    // A loop of one safe point: both times the same clone.
    const guest = wat(`(module (func (export "run") (param i32) (result i32)
      (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0)))`);
    const { log } = run('later', { epochLength: 10, guest, snapshots: [20, 40] });
    expect(log).toEqual(['snapshot', 'baseline', 'snapshot', 'ask', 'optimised', 'improve', 'rest']);
  });

  test('are given up where the guest stands at another point each time', () => {
    const { log } = run('later', { epochLength: 1_003, guest: MANY });
    expect(log.filter(what => what === 'ask').length).toBe(8);
    expect(log.filter(what => what === 'improve').length).toBe(8);
    expect(log.at(-1)).toBe('rest');
  });

  test('make no difference to what the guest does', () => {
    for (const epochLength of [31, 97, 1009]) {
      const { result, count, boundaries } = run('never', { epochLength });
      expect(result).toBe(50 * RUNS);
      for (const optimises of ['now', 'later'] as const) {
        expect(run(optimises, { epochLength })).toMatchObject({ result, count, boundaries });
      }
    }
  });

  test('are not worth another suspension when all are there', () => {
    expect(run('later').stack.improvable).toBe(false);
  });
});
