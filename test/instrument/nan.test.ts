// NaNs: canonical where arithmetic can be observed, and nowhere else.

import { expect, test } from 'vitest';
import { instantiate } from '../../engine/instantiate.js';
import { instrument } from '../../engine/instrument/instrument.js';
import { wat } from '../building/wat.js';
import { bodyText, text } from './text.js';

test('a square root whose negation is stored is made canonical before the negation', () => {
  const module = wat(`
    (module (memory 1) (func $f (export "f") (param f64) (f64.store (i32.const 0) (f64.neg (f64.sqrt (local.get 0))))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      (local f64)
      block
        i32.const 0
        local.get 0
        f64.sqrt
        local.set 2
        block
          local.get 2
          local.get 2
          f64.ge
          br_if 0
          f64.const
          local.set 2
        end
        local.get 2
        f64.neg
        f64.store
      end
      local.get 1
      i32.const 5
      i32.sub
    `),
  );
});

test('a sum kept in a local is made canonical where it is read for the store, not in the loop', () => {
  const module = wat(`
    (module (memory 1) (func $f (export "f") (param $x f64) (param $n i32) (local $sum f64)
      (loop $again
        (local.set $sum (f64.add (local.get $sum) (local.get $x)))
        (if (i32.eqz (local.get $n)) (then (return)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (f64.store (i32.const 0) (local.get $sum))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      (local f64)
      (local f64)
      block
        block
          loop
            loop
              block
                local.get 3
                local.get 0
                f64.add
                local.set 3
                local.get 1
                i32.eqz
                if
                  local.get 2
                  i32.const 8
                  i32.sub
                  return
                end
                local.get 1
                i32.const 1
                i32.sub
                local.tee 1
                br_if 0
                br 3
              end
              local.get 2
              i32.const 12
              i32.sub
              local.tee 2
              i32.const 0
              i32.ge_s
              br_if 0
            end
            local.get 2
            call epochvisor:boundary
            local.set 2
            br 0
          end
        end
        i32.const 0
        local.get 3
        local.set 4
        block
          local.get 4
          local.get 4
          f64.ge
          br_if 0
          f64.const
          local.set 4
        end
        local.get 4
        f64.store
      end
      local.get 2
      i32.const 15
      i32.sub
    `),
  );
});

test('what is loaded, constant, negated or only compared is left alone', () => {
  const module = wat(`
    (module (memory 1) (func $f (export "f") (param $x f64) (result i32)
      (f64.store (i32.const 8) (f64.neg (f64.load (i32.const 0))))
      (f64.store (i32.const 16) (f64.const nan:0x123))
      (f64.lt (f64.add (local.get $x) (local.get $x)) (local.get $x))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      block (result i32)
        i32.const 8
        i32.const 0
        f64.load
        f64.neg
        f64.store
        i32.const 16
        f64.const
        f64.store
        local.get 0
        local.get 0
        f64.add
        local.get 0
        f64.lt
      end
      local.get 1
      i32.const 13
      i32.sub
    `),
  );
});

test('a local that holds what was loaded too is made canonical where it is assigned a sum, and keeps what was loaded', () => {
  const module = wat(`
    (module (memory 1) (func $f (export "f") (param $choose i32) (local $x f64)
      (if (local.get $choose)
        (then (local.set $x (f64.load (i32.const 0))))
        (else (local.set $x (f64.add (f64.load (i32.const 8)) (f64.const 1)))))
      (f64.store (i32.const 16) (local.get $x))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      (local f64)
      (local f64)
      block
        local.get 0
        if
          i32.const 0
          f64.load
          local.set 2
        else
          local.get 1
          i32.const 2
          i32.sub
          local.set 1
          i32.const 8
          f64.load
          f64.const
          f64.add
          local.set 3
          block
            local.get 3
            local.get 3
            f64.ge
            br_if 0
            f64.const
            local.set 3
          end
          local.get 3
          local.set 2
        end
        i32.const 16
        local.get 2
        f64.store
      end
      local.get 1
      i32.const 8
      i32.sub
    `),
  );
});

test('lanes of integers that look like NaNs are kept, in a local that holds a vector of floats before', () => {
  const module = wat(`
    (module (memory 1) (func (export "f") (param $a i32) (result i32) (local $v v128)
      (local.set $v (f32x4.splat (f32.div (f32.convert_i32_s (local.get $a)) (f32.const 0))))
      (v128.store (i32.const 0) (local.get $v))
      (local.set $v (i32x4.splat (i32.const 0x7fc00001)))
      (v128.store (i32.const 0) (local.get $v))
      (i32.load (i32.const 0))))`);
  const { f } = instantiate(module, {}, {}).exports as { f: (a: number) => number };
  expect(f(0)).toBe(0x7fc00001);
});

test('vectors are made canonical by lanes', () => {
  const module = wat(`
    (module (memory 1) (func $f (export "f") (param $x v128)
      (v128.store (i32.const 0) (f32x4.add (local.get $x) (local.get $x)))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      (local v128)
      block
        i32.const 0
        local.get 0
        local.get 0
        f32x4.add
        local.tee 2
        v128.const
        local.get 2
        local.get 2
        f32x4.eq
        v128.bitselect
        v128.store
      end
      local.get 1
      i32.const 5
      i32.sub
    `),
  );
});
