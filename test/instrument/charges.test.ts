// Charges: one a path where branches rejoin, at the instruction that takes the counter where one does.

import { expect, test } from 'vitest';
import { instrument } from '../../engine/instrument/instrument.js';
import { wat } from '../building/wat.js';
import { bodyText, text } from './text.js';

test('of two arms that rejoin one pays the difference; the rest is paid where the counter is read anyway', () => {
  const module = wat(`
    (module (func $f (export "f") (param $n i32) (result i32)
      (if (local.get $n)
        (then (local.set $n (i32.const 1)))
        (else (local.set $n (i32.add (i32.const 2) (i32.const 3)))))
      (local.get $n)))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      block (result i32)
        local.get 0
        if
          i32.const 1
          local.set 0
        else
          local.get 1
          i32.const 2
          i32.sub
          local.set 1
          i32.const 2
          i32.const 3
          i32.add
          local.set 0
        end
        local.get 0
      end
      local.get 1
      i32.const 5
      i32.sub
    `),
  );
});

test('arms of a switch pay once: nothing is charged between the place where some meet and that where all do', () => {
  const module = wat(`
    (module (func $f (export "f") (param $n i32)
      (loop $again
        (block $all
          (block $two
            (block $b (block $a (block $other
              (br_table $a $b $other (local.get $n)))
              (local.set $n (i32.const 9)) (br $all))
              (local.set $n (i32.const 8)) (br $two))
            (local.set $n (i32.add (i32.const 7) (i32.const 1))))
          (local.set $n (i32.sub (local.get $n) (i32.const 1))))
        (br_if $again (local.get $n)))))`);
  const body = bodyText(instrument(module).module, 'f');
  const meeting = body.slice(body.indexOf('i32.add'), body.lastIndexOf('br 3'));
  expect(meeting).toContain('br_if');
  expect(meeting).not.toContain('local.get 1');
});

test('a call is handed the counter less the charge; no safe point follows a callee that needs none', () => {
  const module = wat(`
    (module (import "host" "log" (func $log (param i32)))
      (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
      (func $f (export "f") (param i32) (call $log (call $leaf (local.get 0)))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      block
        local.get 0
        local.get 1
        i32.const 2
        i32.sub
        call leaf
        local.set 1
        local.get 1
        i32.const 1
        i32.sub
        call epochvisor:import:host:log
        local.tee 1
        i32.const 0
        i32.lt_s
        if
          local.get 1
          call epochvisor:boundary
          local.set 1
        end
      end
      local.get 1
    `),
  );
});

test('the count at an unreachable is stored before it', () => {
  const module = wat(`
    (module (func $f (export "f") unreachable))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      block
        local.get 0
        i32.const 1
        i32.sub
        global.set 0
        unreachable
      end
      local.get 0
    `),
  );
});

test('dead code is dropped', () => {
  const module = wat(`
    (module (func $f (export "f") (result i32) (return (i32.const 1)) (loop (br 0)) (drop (i32.const 2)) (i32.const 3)))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      block (result i32)
        i32.const 1
        local.get 0
        i32.const 2
        i32.sub
        return
      end
      local.get 0
    `),
  );
});

test('exact counting tests, charges and stores at every instruction', () => {
  const module = wat(`
    (module (func $f (export "f") (param i32) (result i32) (i32.eqz (local.get 0))))`);
  expect(bodyText(instrument(module, { counting: 'exact' }).module, 'f')).toBe(
    text(`
      block (result i32)
        local.get 1
        i32.const 0
        i32.lt_s
        if
          local.get 1
          call epochvisor:boundary
          local.set 1
        end
        local.get 1
        i32.const 1
        i32.sub
        local.tee 1
        global.set 0
        local.get 0
        local.get 1
        i32.const 0
        i32.lt_s
        if
          local.get 1
          call epochvisor:boundary
          local.set 1
        end
        local.get 1
        i32.const 1
        i32.sub
        local.tee 1
        global.set 0
        i32.eqz
      end
      local.get 1
    `),
  );
});
