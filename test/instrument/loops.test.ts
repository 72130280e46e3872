// Loops: which are left to take a boundary, and which stay as they are.

import { expect, test } from 'vitest';
import { instrument } from '../../engine/instrument/instrument.js';
import { wat } from '../building/wat.js';
import { bodyText, text } from './text.js';

test('a loop without calls has its safe point on the way back, and is left to take the boundary outside its hot path', () => {
  const module = wat(`
    (module (func $sum (export "sum") (param $n i32) (result i32) (local $s i32)
      (loop $again
        (local.set $s (i32.add (local.get $s) (local.get $n)))
        (if (i32.eqz (local.get $n)) (then (return (local.get $s))))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $s)))`);
  expect(bodyText(instrument(module).module, 'sum')).toBe(
    text(`
      (local i32)
      block (result i32)
        block
          loop
            loop
              block
                local.get 2
                local.get 0
                i32.add
                local.set 2
                local.get 0
                i32.eqz
                if
                  local.get 2
                  local.get 1
                  i32.const 9
                  i32.sub
                  return
                end
                local.get 0
                i32.const 1
                i32.sub
                local.tee 0
                br_if 0
                br 3
              end
              local.get 1
              i32.const 12
              i32.sub
              local.tee 1
              i32.const 0
              i32.ge_s
              br_if 0
            end
            local.get 1
            call epochvisor:boundary
            local.set 1
            br 0
          end
        end
        local.get 2
      end
      local.get 1
      i32.const 13
      i32.sub
    `),
  );
});

test('an outer loop has a safe point of its own on its way back, for the inner one may be left at once', () => {
  const module = wat(`
    (module (func $f (export "f") (param $n i32) (param $m i32)
      (loop $outer
        (loop $inner (if (local.get $n) (then (return))) (br_if $inner (local.tee $m (i32.sub (local.get $m) (i32.const 1)))))
        (br_if $outer (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      block
        block
          loop
            loop
              block
                block
                  loop
                    loop
                      block
                        local.get 0
                        if
                          local.get 2
                          i32.const 3
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
                      i32.const 7
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
                local.get 0
                i32.const 1
                i32.sub
                local.tee 0
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
      end
      local.get 2
      i32.const 12
      i32.sub
    `),
  );
});

test('a loop with a call on each way back relies on the safe point after it, even where the callee never needs one', () => {
  const module = wat(`
    (module (func $leaf)
      (func $f (export "f") (param $n i32)
        (loop $again
          (call $leaf)
          (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      block
        local.get 1
        i32.const -5
        i32.sub
        local.set 1
        loop
          local.get 1
          i32.const 6
          i32.sub
          call leaf
          local.tee 1
          i32.const 0
          i32.lt_s
          if
            local.get 1
            call epochvisor:boundary
            local.set 1
          end
          local.get 0
          i32.const 1
          i32.sub
          local.tee 0
          br_if 0
        end
      end
      local.get 1
      i32.const 5
      i32.sub
    `),
  );
});

test('the parameters of a loop leave it and come back with the boundary', () => {
  const module = wat(`
    (module (func $f (export "f") (param $n i32) (result i32)
      (i32.const 7)
      (loop $again (param i32) (result i32)
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      block (result i32)
        local.get 1
        i32.const 1
        i32.sub
        local.set 1
        i32.const 7
        block (type 0)
          loop (type 0)
            loop (type 4)
              block (type 4)
                local.get 0
                i32.const 1
                i32.sub
                local.tee 0
                br_if 0
                br 3
              end
              local.get 1
              i32.const 5
              i32.sub
              local.tee 1
              i32.const 0
              i32.ge_s
              br_if 0
            end
            local.get 1
            call epochvisor:boundary
            local.set 1
            br 0
          end
        end
      end
      local.get 1
      i32.const 5
      i32.sub
    `),
  );
});

test('a small loop without calls is written twice, with one safe point and one charge for two turns', () => {
  const module = wat(`
    (module (func $f (export "f") (param $n i32)
      (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      block
        block
          loop
            loop
              block
                block
                  local.get 0
                  i32.const 1
                  i32.sub
                  local.tee 0
                  br_if 0
                  br 4
                end
                local.get 0
                i32.const 1
                i32.sub
                local.tee 0
                br_if 0
                local.get 1
                i32.const 5
                i32.sub
                local.set 1
                br 3
              end
              local.get 1
              i32.const 10
              i32.sub
              local.tee 1
              i32.const 0
              i32.ge_s
              br_if 0
            end
            local.get 1
            call epochvisor:boundary
            local.set 1
            br 0
          end
        end
      end
      local.get 1
      i32.const 5
      i32.sub
    `),
  );
});

test('an unrolled loop that ends with a branch back falls out of neither copy', () => {
  const module = wat(`
    (module (func $f (export "f") (param $n i32)
      (block $out
        (loop $again
          (br_if $out (i32.eqz (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (br $again)))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      block
        block
          block
            loop
              loop
                block
                  block
                    local.get 0
                    i32.const 1
                    i32.sub
                    local.tee 0
                    i32.eqz
                    br_if 5
                    br 0
                  end
                  local.get 1
                  i32.const 7
                  i32.sub
                  local.set 1
                  local.get 0
                  i32.const 1
                  i32.sub
                  local.tee 0
                  i32.eqz
                  br_if 4
                  br 0
                end
                local.get 1
                i32.const 7
                i32.sub
                local.tee 1
                i32.const 0
                i32.ge_s
                br_if 0
              end
              local.get 1
              call epochvisor:boundary
              local.set 1
              br 0
            end
          end
        end
      end
      local.get 1
      i32.const 6
      i32.sub
    `),
  );
});
