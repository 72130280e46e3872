// Generated functions between the guest and the host.

import { expect, test } from 'vitest';
import { instrument } from '../../engine/instrument/instrument.js';
import { wat } from '../building/wat.js';
import { bodyText, text } from './text.js';

test('the wrapper of an import stores the counter, loads it again, and is a safe point', () => {
  const module = wat(`
    (module (import "host" "log" (func $log (param i32))) (func $f (export "f") (param i32) (call $log (local.get 0))))`);
  expect(bodyText(instrument(module).module, 'epochvisor:import:host:log')).toBe(
    text(`
      local.get 1
      global.set 0
      local.get 0
      call log
      global.get 0
      local.tee 1
      i32.const 0
      i32.lt_s
      if
        local.get 1
        call epochvisor:boundary
        local.set 1
      end
      local.get 1
    `),
  );
});

test('an export has its original signature', () => {
  const module = wat(`
    (module (func $f (export "f") (param i32) (result i64) (i64.const 1)))`);
  expect(bodyText(instrument(module).module, 'epochvisor:export:0')).toBe(
    text(`
      local.get 0
      global.get 0
      call f
      global.set 0
    `),
  );
});

test('the boundary calls the interrupt handler until the host has no more', () => {
  const module = wat(`
    (module (func $handler (export "interrupt") (param i32 i64 i32)))`);
  expect(bodyText(instrument(module, { interruptHandler: 'interrupt' }).module, 'epochvisor:boundary')).toBe(
    text(`
      (local i32)
      (local i64)
      (local i32)
      local.get 0
      global.set 0
      call 0
      i32.const 1
      i32.eq
      if
        loop
          call 2
          local.set 3
          local.set 2
          local.set 1
          if
            local.get 1
            local.get 2
            local.get 3
            global.get 0
            call handler
            global.set 0
            br 1
          end
        end
      end
      global.get 0
    `),
  );
});

test('growth above the limit gives -1, growth that the host refuses is no answer', () => {
  const module = wat(`
    (module (memory 1 10) (func $f (export "f") (drop (memory.grow (i32.const 0)))))`);
  expect(bodyText(instrument(module).module, 'epochvisor:memory.grow')).toBe(
    text(`
      local.get 0
      i32.const 10
      memory.size
      i32.sub
      i32.gt_u
      if
        i32.const -1
        return
      end
      local.get 0
      memory.grow
      local.tee 0
      i32.const -1
      i32.eq
      if
        call 1
      end
      local.get 0
    `),
  );
});

test('a long fill tests its bounds, then goes in pieces with safe points between', () => {
  const module = wat(`
    (module (memory 1) (func $f (export "f") (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))))`);
  expect(bodyText(instrument(module).module, 'epochvisor:memory.fill:0:0')).toBe(
    text(`
      local.get 2
      i32.const 1048576
      i32.gt_u
      if
        local.get 0
        local.get 2
        i32.add
        local.get 0
        i32.lt_u
        if
          local.get 0
          local.get 1
          local.get 2
          memory.fill
          local.get 3
          local.get 2
          i32.const 4
          i32.shr_u
          i32.sub
          return
        end
        local.get 0
        local.get 2
        i32.add
        local.get 1
        i32.const 0
        memory.fill
        loop
          local.get 0
          local.get 1
          i32.const 1048576
          memory.fill
          local.get 0
          i32.const 1048576
          i32.add
          local.set 0
          local.get 2
          i32.const -1048576
          i32.add
          local.set 2
          local.get 3
          i32.const 65536
          i32.sub
          local.tee 3
          i32.const 0
          i32.lt_s
          if
            local.get 3
            call epochvisor:boundary
            local.set 3
          end
          local.get 2
          i32.const 1048576
          i32.gt_u
          br_if 0
        end
      end
      local.get 0
      local.get 1
      local.get 2
      memory.fill
      local.get 3
      local.get 2
      i32.const 4
      i32.shr_u
      i32.sub
    `),
  );
});
