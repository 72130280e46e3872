// What instructions cost, against counts by hand.

import { describe, expect, test } from 'vitest';
import { instantiate } from '../../engine/index.js';
import { wat } from '../building/wat.js';

interface Case {
  readonly what: string;
  /** Exports `run (param i32)`, memory optional. */
  readonly module: string;
  /** Instructions of `run(n)`, counted by hand: each instruction but block, loop, else and end is one. */
  readonly cost: (n: number) => number;
  /**
   * The most instructions between two safe points. Undefined where the way down of a recursion has none: its length is
   * bounded by the stack's.
   */
  readonly stride: number | undefined;
}

const CASES: readonly Case[] = [
  {
    what: 'a loop that ends in br_if',
    module: `(func (export "run") (param $n i32)
      (loop $again
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))`,
    cost: n => 5 * n,
    stride: 5,
  },
  {
    what: 'a loop that is continued by a branch from an inner loop',
    module: `(func (export "run") (param $n i32)
      (loop $outer
        (if (i32.eqz (local.tee $n (i32.sub (local.get $n) (i32.const 1)))) (then (return)))
        (loop $inner
          nop
          (br_if $inner (i32.const 0))
          (br $outer))))`,
    // 6 for each header of the outer loop, return at the last, else nop, const, br_if, br.
    cost: n => 6 * n + 1 + 4 * (n - 1),
    stride: 10,
  },
  {
    what: 'an if and its else of different lengths, in a loop',
    module: `(func (export "run") (param $n i32)
      (loop $again
        (if (i32.and (local.get $n) (i32.const 1))
          (then nop nop nop nop nop nop nop)
          (else nop))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))`,
    cost: n => 9 * n + 7 * Math.ceil(n / 2) + Math.floor(n / 2),
    stride: 16,
  },
  {
    what: 'an if without else',
    module: `(func (export "run") (param $n i32)
      (loop $again
        (if (i32.and (local.get $n) (i32.const 1)) (then nop nop nop))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))`,
    cost: n => 9 * n + 3 * Math.ceil(n / 2),
    stride: 12,
  },
  {
    what: 'code after a br_if that leaves a block',
    module: `(func (export "run") (param $n i32)
      (loop $again
        (block $skip
          (br_if $skip (i32.and (local.get $n) (i32.const 1)))
          nop nop nop nop)
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))`,
    cost: n => 9 * n + 4 * Math.floor(n / 2),
    stride: 13,
  },
  {
    what: 'a loop continued by br_table, whose arms differ',
    module: `(func (export "run") (param $n i32)
      (loop $again
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (block $two
          (block $one
            (br_table $one $two $again (i32.and (i32.lt_s (local.get $n) (i32.const 1)) (i32.const 1))))
          nop nop nop (br $again))
        nop))`,
    // Header 4, selector 5, br_table 1; arm one 4 for all but the last, arm two 1 at the last.
    cost: n => 10 * n + 4 * (n - 1) + 1,
    stride: 14,
  },
  {
    what: 'recursion',
    module: `(func $down (export "run") (param $n i32)
      (if (local.get $n) (then (call $down (i32.sub (local.get $n) (i32.const 1))) nop)))`,
    cost: n => 2 + n * (2 + 5),
    stride: undefined,
  },
  {
    what: 'mutual recursion through a table',
    module: `(type $step (func (param i32)))
      (table funcref (elem $even $odd))
      (func $even (export "run") (param $n i32)
        (if (local.get $n)
          (then (call_indirect (type $step) (i32.sub (local.get $n) (i32.const 1)) (i32.const 1)))))
      (func $odd (param $n i32)
        (if (local.get $n)
          (then (call_indirect (type $step) (i32.sub (local.get $n) (i32.const 1)) (i32.const 0)))))`,
    cost: n => 2 + n * (2 + 5),
    stride: undefined,
  },
  {
    what: 'a loop made of tail calls',
    module: `(func $down (export "run") (param $n i32)
      (if (local.get $n) (then (return_call $down (i32.sub (local.get $n) (i32.const 1))))))`,
    cost: n => 2 + n * (2 + 4),
    stride: 8,
  },
  {
    what: 'a loop made of indirect tail calls',
    module: `(type $step (func (param i32)))
      (table funcref (elem $down))
      (func $down (export "run") (param $n i32)
        (if (local.get $n)
          (then (return_call_indirect (type $step) (i32.sub (local.get $n) (i32.const 1)) (i32.const 0)))))`,
    cost: n => 2 + n * (2 + 5),
    stride: 9,
  },
  {
    what: 'calls of a leaf in a loop',
    module: `(func $leaf (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)))
      (func (export "run") (param $n i32)
        (loop $again (br_if $again (local.tee $n (call $leaf (local.get $n))))))`,
    cost: n => n * (4 + 3),
    stride: 7,
  },
  {
    what: 'a loop with a parameter and a result',
    module: `(func (export "run") (param $n i32)
      (drop
        (loop $again (param i32) (result i32)
          nop
          (i32.add (i32.const 1))
          (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        ))`,
    cost: n => 1 + n * 8 + 1,
    stride: 10,
  },
];

function measure(
  bytes: Uint8Array<ArrayBuffer>,
  n: number,
  counting: 'block' | 'exact',
  epochLength: number,
): { count: number; boundaries: number[]; epochs: number } {
  const boundaries: number[] = [];
  const onBoundary = (_epoch: number, count: number): number => boundaries.push(count);
  const instance = instantiate(bytes, {}, { counting, epochLength, onBoundary });
  (instance.exports.run as (n: number) => void)(n);
  return { count: instance.instructionCount(), boundaries, epochs: instance.epoch() };
}

describe.each(CASES)('$what', ({ module, cost, stride }) => {
  const bytes = wat(`(module ${module.replace('(loop $again (param i32)', '(i32.const 0) (loop $again (param i32)')})`);

  test.each([1, 2, 3, 100, 1001])('costs what a count by hand says, for n = %i', n => {
    expect(measure(bytes, n, 'block', 1_000_000).count).toBe(cost(n));
    expect(measure(bytes, n, 'exact', 1_000_000).count).toBe(cost(n));
  });

  test('never runs past the end of an epoch by more than the way to the next safe point', () => {
    const length = 50;
    const { boundaries, count, epochs } = measure(bytes, 1000, 'block', length);
    expect(epochs).toBe(boundaries.length);
    expect(epochs).toBeGreaterThanOrEqual(stride === undefined ? 1 : Math.floor(count / length) - 1);
    for (const [epoch, at] of boundaries.entries()) {
      expect(at).toBeGreaterThanOrEqual((epoch + 1) * length);
      // Small loops are unrolled: they have a safe point every second turn.
      if (stride !== undefined) expect(at).toBeLessThan((epoch + 1) * length + 2 * stride);
    }
  });
});

describe('bulk operations', () => {
  const PAGES = 64;
  const bytes = wat(`(module
    (memory (export "memory") ${PAGES})
    (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2))))`);
  type Bulk = (to: number, from: number, length: number) => void;

  function machine(epochLength: number): {
    fill: Bulk;
    copy: Bulk;
    memory: Uint8Array;
    count: () => number;
    epoch: () => number;
  } {
    const instance = instantiate(bytes, {}, { epochLength });
    const { fill, copy, memory } = instance.exports as unknown as {
      fill: Bulk;
      copy: Bulk;
      memory: WebAssembly.Memory;
    };
    return {
      fill,
      copy,
      memory: new Uint8Array(memory.buffer),
      count: instance.instructionCount,
      epoch: instance.epoch,
    };
  }

  test.each([0, 15, 16, 1000, 1 << 20, (1 << 20) + 17, 3_000_000])('cost four and a sixteenth of %i bytes', length => {
    const { fill, copy, count } = machine(1 << 30);
    fill(0, 7, length);
    expect(count()).toBe(4 + (length >>> 4));
    copy(100_000, 0, length);
    expect(count()).toBe(8 + 2 * (length >>> 4));
  });

  test('that are long end several epochs on their way', () => {
    const { fill, epoch } = machine(50_000);
    fill(0, 1, PAGES * 65536);
    expect(epoch()).toBeGreaterThanOrEqual(3);
  });

  test.each([
    [3, 0],
    [0, 3],
    [1_500_000, 0],
    [0, 1_500_000],
    [0, 0],
  ])('copy overlapping ranges to %i from %i as if at once', (to, from) => {
    const { copy, memory } = machine(1000);
    const length = 2_500_000;
    for (let i = 0; i < memory.length; i++) memory[i] = (i * 7 + (i >> 8)) & 0xff;
    const expected = Uint8Array.from(memory);
    expected.copyWithin(to, from, from + length);
    copy(to, from, length);
    expect(Buffer.compare(memory, expected)).toBe(0);
  });

  test.each([
    ['fill', PAGES * 65536 - 2_000_000, 0, 2_000_001],
    ['fill', 0xffffffff, 1, 0x7fffffff],
    ['copy', 0, PAGES * 65536 - 2_000_000, 2_000_001],
    ['copy', PAGES * 65536 - 2_000_000, 0, 2_000_001],
    ['copy', 8, 0xfffffff0, 0x7fffffff],
  ] as const)('that trap write nothing: memory.%s %i %i %i', (operation, to, from, length) => {
    const instance = machine(1000);
    instance.memory.fill(9);
    expect(() => instance[operation](to, from, length)).toThrow('out of bounds');
    expect(instance.memory.every(byte => byte === 9)).toBe(true);
  });
});

describe('a start function', () => {
  const START = `(func $start (local i32)
    (loop $again (br_if $again (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 100)))))
    (start $start)`;

  test('is counted, and epochs end in it', () => {
    const boundaries: number[] = [];
    const bytes = wat(`(module ${START})`);
    const onBoundary = (_epoch: number, count: number): number => boundaries.push(count);
    const instance = instantiate(bytes, {}, { epochLength: 100, onBoundary });
    expect(instance.instructionCount()).toBe(700);
    expect(boundaries.length).toBe(6);
  });

  test('that traps fails the instantiation', () => {
    expect(() => instantiate(wat('(module (func $start unreachable) (start $start))'))).toThrow('unreachable');
  });

  test('that is an import of the host is called once', () => {
    let calls = 0;
    instantiate(wat('(module (import "host" "start" (func $start)) (start $start))'), {
      host: { start: () => calls++ },
    });
    expect(calls).toBe(1);
  });
});

test('an endless loop of nothing but a branch comes to boundaries', () => {
  const stop = new Error('enough');
  let boundaries = 0;
  const onBoundary = (): void => {
    boundaries += 1;
    if (boundaries === 5) throw stop;
  };
  const { exports } = instantiate(
    wat('(module (func (export "run") (loop $again (br $again))))'),
    {},
    { epochLength: 10, onBoundary },
  );
  expect(() => (exports.run as () => void)()).toThrow(stop);
});
