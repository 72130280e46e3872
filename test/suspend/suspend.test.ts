// Construct by construct: suspended at every boundary, a guest gives the same results with the same count.

import { describe, expect, test } from 'vitest';
import { module, runCounted, runPlain } from './suspend-runs.js';

/** One after another, for each number below `count`. */
function repeated(count: number, text: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => text(index)).join(' ');
}

/** Each exports `run` and calls `$see`, a safe point, in the middle of something. */
const CONSTRUCTS: readonly (readonly [what: string, text: string, ...args: unknown[]])[] = [
  [
    'operands under calls, of every type',
    `(func $id (param f64) (result f64) (drop (call $see (i32.const 5))) (local.get 0))
     (func (export "run") (param i64 f32) (result i64 f32 f64 i32)
       (i64.add (local.get 0) (i64.const 1)) (f32.add (local.get 1) (f32.const 0.5)) (f64.const 2.5)
       (i32.add (i32.const 40) (call $see (i32.const 1)))
       drop
       (call $id) (i32.add (i32.const 40) (call $see (i32.const 2))))`,
    7n,
    1.25,
  ],
  [
    'operands of enclosing blocks',
    `(func (export "run") (param i32) (result i32)
       (i32.const 1000)
       (i32.add (local.get 0) (i32.const 1))
       (block (result i32)
         (i32.const 10)
         (if (result i32) (i32.and (local.get 0) (i32.const 1))
           (then (i32.add (i32.const 3) (call $see (i32.const 1))))
           (else (i32.add (i32.const 4) (call $see (i32.const 2)))))
         i32.add)
       i32.mul i32.add)`,
    3,
  ],
  [
    'blocks, ifs and loops with parameters',
    `(type $t (func (param i32 i64) (result i64)))
     (func (export "run") (param i32) (result i64) (local $n i32)
       (i64.const 9) (local.get 0) (i64.const 5)
       (block (type $t)
         (local.set $n (i32.const 3))
         (loop $again (param i32 i64) (result i32 i64)
           (i64.extend_i32_s (call $see (local.get $n))) i64.add
           (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
         (local.get $n)
         (if (param i32 i64) (result i32 i64)
           (then (i64.extend_i32_s (call $see (i32.const 7))) i64.add)
           (else (i64.extend_i32_s (call $see (i32.const 8))) i64.mul))
         (local.set 0 (i32.wrap_i64)) (i64.extend_i32_s) (i64.extend_i32_s (local.get 0)) i64.add)
       i64.add)`,
    2,
  ],
  [
    'loops in loops, left and continued from the middle',
    `(func (export "run") (param i32) (result i32) (local $i i32) (local $j i32) (local $s i32)
       (loop $outer
         (local.set $j (i32.const 0))
         (block $done
           (loop $inner
             (local.set $s (i32.add (local.get $s) (call $see (local.get $j))))
             (br_if $done (i32.eq (local.get $j) (local.get $i)))
             (local.set $j (i32.add (local.get $j) (i32.const 1)))
             (br_if $inner (i32.rem_u (local.get $s) (i32.const 5)))
             (local.set $i (i32.add (local.get $i) (i32.const 1)))
             (br_if $outer (i32.lt_u (local.get $i) (local.get 0)))
             (br $inner)))
         (local.set $s (i32.xor (local.get $s) (call $see (i32.const 100))))
         (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
       (local.get $s))`,
    6,
  ],
  [
    'loops without calls, whose safe point is on the way back',
    `(func (export "run") (param i32) (result i32) (local $s i32)
       (i32.const 77)
       (loop $l (result i32)
         (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3)) (local.get 0)))
         (if (i32.and (local.get $s) (i32.const 1)) (then (local.set $s (i32.add (local.get $s) (i32.const 5)))))
         (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
         (local.get $s))
       i32.add)`,
    9,
  ],
  [
    'br_table out of loops and blocks',
    `(func (export "run") (param i32) (result i32) (local $s i32)
       (block $out (result i32)
         (loop $l (result i32)
           (block $a (block $b (block $c
             (br_table $a $b $c $a (i32.rem_u (call $see (local.get 0)) (i32.const 4))))
             (local.set $s (i32.add (local.get $s) (i32.const 1))) )
             (local.set $s (i32.add (local.get $s) (call $see (i32.const 50)))) )
           (drop (br_if $out (local.get $s) (i32.gt_u (local.get $s) (i32.const 30))))
           (br $l))))`,
    1,
  ],
  [
    'both arms of an if, with more after it',
    `(func $f (param i32) (result i32)
       (local $x i32)
       (if (local.get 0)
         (then (local.set $x (call $see (i32.const 1))) (if (call $see (i32.const 2)) (then (nop)) (else (unreachable))))
         (else (local.set $x (i32.add (call $see (i32.const 3)) (call $see (i32.const 4))))))
       (i32.add (local.get $x) (call $see (i32.const 5))))
     (func (export "run") (result i32) (i32.sub (call $f (i32.const 0)) (call $f (i32.const 1))))`,
  ],
  [
    'the bits of NaNs in locals and operands',
    `(func (export "run") (param i32) (result i64 i32 i64) (local $f f32) (local $d f64)
       (local.set $f (f32.reinterpret_i32 (i32.const 0xffa00001)))
       (local.set $d (f64.reinterpret_i64 (i64.const 0x7ff0000000000123)))
       (f64.reinterpret_i64 (i64.const 0xfff4000000000007))
       (drop (call $see (i32.const 1)))
       (local.set $d (f64.reinterpret_i64 (i64.xor (i64.reinterpret_f64 (local.get $d)) (i64.const 0x10))))
       (drop (call $see (i32.const 2)))
       i64.reinterpret_f64 (i32.reinterpret_f32 (local.get $f)) (i64.reinterpret_f64 (local.get $d)))`,
    0,
  ],
  [
    'vectors',
    `(func $f (param v128) (result v128) (drop (call $see (i32.const 1))) (i32x4.add (local.get 0) (v128.const i32x4 1 2 3 4)))
     (func (export "run") (result i64 i64) (local $v v128)
       (v128.const i64x2 0x7ff0000000000001 0x8000000000000000)
       (local.set $v (call $f (v128.const i32x4 10 20 30 40)))
       (block (result v128) (call $f (local.get $v)))
       i32x4.sub
       (local.set $v)
       (i64x2.extract_lane 0 (local.get $v)) (i64x2.extract_lane 1 (local.get $v)))`,
  ],
  [
    'recursion, mutual and by way of a table',
    `(type $t (func (param i32) (result i32)))
     (table funcref (elem $even $odd))
     (func $even (type $t) (if (result i32) (local.get 0)
       (then (i32.add (local.get 0) (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))))
       (else (call $see (i32.const 9)))))
     (func $odd (type $t) (if (result i32) (local.get 0)
       (then (i32.mul (call $even (i32.sub (local.get 0) (i32.const 1))) (local.get 0)))
       (else (call $see (i32.const 8)))))
     (func (export "run") (type $t) (i32.add (call $even (local.get 0)) (call $odd (local.get 0))))`,
    9,
  ],
  [
    'tail calls',
    `(type $t (func (param i32 i32) (result i32)))
     (table funcref (elem $g))
     (func $f (type $t) (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
       (return_call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (call $see (local.get 0))) (i32.const 0)))
     (func $g (type $t) (if (i32.eqz (local.get 0)) (then (return (i32.const -1))))
       (return_call $f (i32.sub (local.get 0) (i32.const 1)) (i32.mul (local.get 1) (i32.const 3))))
     (func (export "run") (param i32) (result i32) (i32.add (i32.const 7) (call $f (local.get 0) (i32.const 2))))`,
    10,
  ],
  [
    'many results, and a call without any',
    `(func $three (param i32) (result i32 i64 f32)
       (drop (call $see (local.get 0))) (local.get 0) (i64.extend_i32_u (local.get 0)) (f32.convert_i32_s (local.get 0)))
     (func $none (drop (call $see (i32.const 3))))
     (func (export "run") (result i32 i64 f32 i32 i64 f32) (call $three (i32.const 5)) (call $none) (call $three (i32.const 6)))`,
  ],
  [
    'bulk operations in pieces',
    `(memory 80) (data $d "0123456789")
     (func (export "run") (result i32)
       (memory.init $d (i32.const 0) (i32.const 2) (i32.const 5))
       (memory.fill (i32.const 100) (i32.const 7) (i32.const 3000000))
       (memory.copy (i32.const 200) (i32.const 100) (i32.const 2500000))
       (memory.copy (i32.const 50) (i32.const 200) (i32.const 2500000))
       (data.drop $d)
       (i32.add (i32.load (i32.const 2)) (i32.load (i32.const 2600000))))`,
  ],
  [
    'globals, memory and its growth',
    `(memory 1 3) (global $g (mut i64) (i64.const 5)) (global $h (mut f32) (f32.const 1))
     (func (export "run") (result i64 f32 i32)
       (global.set $g (i64.add (global.get $g) (i64.extend_i32_s (call $see (i32.const 1)))))
       (i32.store (i32.const 100) (call $see (memory.grow (i32.const 1))))
       (i32.store (i32.const 70000) (call $see (memory.grow (i32.const 9))))
       (global.set $h (f32.reinterpret_i32 (i32.const 0x7fa12345)))
       (drop (call $see (i32.const 2)))
       (i64.add (global.get $g) (i64.load (i32.const 100)))
       (f32.add (global.get $h) (f32.const 1))
       (i32.xor (i32.reinterpret_f32 (global.get $h)) (i32.load (i32.const 70000))))`,
  ],
  [
    'references in locals, operands and tables',
    `(table $t 4 funcref) (elem declare func $f $g) (type $v (func (result i32)))
     (func $f (result i32) (call $see (i32.const 1))) (func $g (result i32) (i32.const 22))
     (func (export "run") (result i32) (local $r funcref)
       (local.set $r (ref.func $f))
       (table.set $t (i32.const 1) (ref.func $g))
       (i32.const 2) (ref.func $f) (drop (call $see (i32.const 3))) (table.set $t)
       (table.set $t (i32.const 0) (local.get $r))
       (i32.add (call_indirect $t (type $v) (i32.const 0))
         (i32.add (call_indirect $t (type $v) (i32.const 1)) (call_indirect $t (type $v) (i32.const 2)))))`,
  ],
  [
    'a start function',
    `(global $g (mut i32) (i32.const 1)) (start $s)
     (func $s (local $i i32)
       (loop $l (global.set $g (i32.add (global.get $g) (call $see (global.get $g))))
         (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4)))))
     (func (export "run") (result i32) (i32.mul (global.get $g) (call $see (i32.const 0))))`,
  ],
  [
    'segments that were dropped',
    `(memory 1) (data $d "0123456789") (table $t 4 funcref) (elem $e func $f $f) (func $f)
     (func (export "run") (result i32)
       (memory.init $d (i32.const 0) (i32.const 2) (i32.const 5))
       (elem.drop $e) (data.drop $d)
       (drop (call $see (i32.const 1)))
       (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 0))
       (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))
       (i32.load (i32.const 0)))`,
  ],
  [
    'a dropped segment of elements',
    `(table $t 4 funcref) (elem $e func $f $f) (func $f)
     (func (export "run") (result i32)
       (elem.drop $e)
       (drop (i32.add (call $see (i32.const 1)) (call $see (i32.const 2))))
       (drop (i32.add (call $see (i32.const 3)) (call $see (i32.const 4))))
       (drop (call $see (i32.const 5)))
       (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))
       (i32.const 7))`,
  ],
  [
    'traps',
    `(func $f (param i32) (result i32)
       (if (i32.eqz (local.get 0)) (then (drop (call $see (i32.const 1))) (unreachable)))
       (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
     (func (export "run") (param i32) (result i32) (call $f (local.get 0)))`,
    5,
  ],
];

/** Under exact counting their clones, thousands of values long, would be thousands. */
const LARGE: typeof CONSTRUCTS = [
  [
    'more locals than one call can hand over',
    `(func (export "run") (result i64) (local ${repeated(1100, index => (index % 3 === 0 ? 'i64' : 'i32'))}) (local $sum i64)
       ${repeated(1100, index => `(local.set ${index} (${index % 3 === 0 ? 'i64' : 'i32'}.const ${index * 7 + 1}))`)}
       (drop (call $see (i32.const 1)))
       ${repeated(1100, index => {
         const value = `(local.get ${index})`;
         return `(local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 3)) ${index % 3 === 0 ? value : `(i64.extend_i32_u ${value})`}))`;
       })}
       (local.get $sum))`,
  ],
  [
    'more operands than one call can hand over',
    `(func (export "run") (result i64) (local $v v128)
       ${repeated(950, index => `(i64.const ${index * index})`)} (v128.const i64x2 77 5)
       (drop (call $see (i32.const 1)))
       (local.set $v)
       ${repeated(949, () => 'i64.sub')}
       (i64.add (i64x2.extract_lane 1 (local.get $v))))`,
  ],
];

describe.each(CONSTRUCTS.map(([what, text, ...args]) => ({ what, text, args })))(
  'a suspension changes nothing: $what',
  ({ text, args }) => {
    const bytes = module(text);
    const plain = runPlain(bytes, ...args);

    test.each([
      ['block', 1, 'same-instance'],
      ['block', 5, 'fresh-instance'],
      ['exact', 1, 'same-instance'],
      ['exact', 13, 'fresh-instance'],
    ] as const)('%s counting, epochs of %i, %s', (counting, epochLength, where) => {
      const expected = runCounted(bytes, counting, epochLength, 'unsuspended', ...args);
      expect({ result: expected.result, calls: expected.calls }).toEqual(plain);
      expect(expected.epochs).toBeGreaterThan(0);
      expect(runCounted(bytes, counting, epochLength, where, ...args)).toEqual(expected);
    });
  },
);

describe.each(LARGE.map(([what, text]) => ({ what, bytes: module(text) })))(
  'a suspension changes nothing: $what',
  ({ bytes }) => {
    test.each(['same-instance', 'fresh-instance'] as const)('%s', where => {
      const expected = runCounted(bytes, 'block', 1, 'unsuspended');
      expect(expected.result).toEqual(runPlain(bytes).result);
      expect(expected.epochs).toBeGreaterThan(0);
      expect(runCounted(bytes, 'block', 1, where)).toEqual(expected);
    });
  },
);
