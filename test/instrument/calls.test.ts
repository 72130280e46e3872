// Calls: depth and counter as parameters, the counter as a result.

import { expect, test } from 'vitest';
import { instrument } from '../../engine/instrument/instrument.js';
import { wat } from '../building/wat.js';
import { bodyText, text } from './text.js';

test('a recursive function takes the weight of its frame from the allowance and hands the rest on', () => {
  const module = wat(`
    (module (func $f (export "f") (param i32) (result i32)
      (if (result i32) (local.get 0)
        (then (call $f (i32.sub (local.get 0) (i32.const 1))))
        (else (i32.const 0)))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      local.get 1
      i32.const 15
      i32.sub
      local.tee 1
      i32.const 0
      i32.lt_s
      if
        local.get 2
        global.set 0
        call 3
        unreachable
      end
      block (result i32)
        local.get 0
        if (result i32)
          local.get 0
          i32.const 1
          i32.sub
          local.get 1
          local.get 2
          i32.const 6
          i32.sub
          call f
          local.tee 2
          i32.const 0
          i32.lt_s
          if
            local.get 2
            call epochvisor:boundary
            local.set 2
          end
        else
          local.get 2
          i32.const 3
          i32.sub
          local.set 2
          i32.const 0
        end
      end
      local.get 2
    `),
  );
});

test('a tail call has its safe point before it and gives back the weight of the frame that it leaves', () => {
  const module = wat(`
    (module (func $f (export "f") (param i32) (return_call $f (local.get 0))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      local.get 1
      i32.const 14
      i32.sub
      local.tee 1
      i32.const 0
      i32.lt_s
      if
        local.get 2
        global.set 0
        call 3
        unreachable
      end
      block
        local.get 0
        local.get 2
        i32.const 2
        i32.sub
        local.tee 2
        i32.const 0
        i32.lt_s
        if
          local.get 2
          call epochvisor:boundary
          local.set 2
        end
        local.get 1
        i32.const 14
        i32.add
        local.get 2
        return_call f
      end
      local.get 2
    `),
  );
});

test('an indirect call always carries depth and counter below the table index', () => {
  const module = wat(`
    (module (type $t (func (param i32) (result i32))) (table 1 funcref)
      (func $f (export "f") (result i32) (call_indirect (type $t) (i32.const 5) (i32.const 0))))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      (local i32)
      block (result i32)
        i32.const 5
        i32.const 0
        local.set 1
        global.get 1
        local.get 0
        i32.const 3
        i32.sub
        local.get 1
        call_indirect 6 0
        local.tee 0
        i32.const 0
        i32.lt_s
        if
          local.get 0
          call epochvisor:boundary
          local.set 0
        end
      end
      local.get 0
    `),
  );
});

test('a function that is not recursive does not know the depth', () => {
  const module = wat(`
    (module (func $g (result i32) (i32.const 1)) (func $f (export "f") (result i32) (call $g)))`);
  expect(bodyText(instrument(module).module, 'f')).toBe(
    text(`
      block (result i32)
        local.get 0
        i32.const 1
        i32.sub
        call g
        local.set 0
      end
      local.get 0
    `),
  );
});
