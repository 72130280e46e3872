// Safe points of suspendable modules, before and after; and clones that begin at them.

import { expect, test } from 'vitest';
import type { SuspensionState } from '../../engine/instrument/continuation/resumption.js';
import { instrument, instrumentWithContinuations } from '../../engine/instrument/instrument.js';
import { wat } from '../building/wat.js';
import { bodyText, definedBodyText, text } from './text.js';

const SUSPENDABLE = { suspendable: true } as const;

/** The clone of the first function for its first safe point. */
function clone(module: Uint8Array, state: SuspensionState): string {
  const { continuations } = instrumentWithContinuations(module, SUSPENDABLE);
  const { module: made } = continuations.build([{ function: continuations.facts.firstFunction, point: 0, state }]);
  return definedBodyText(made, 0);
}

const CALL = wat(`
  (module (import "host" "ask" (func $ask (result i32)))
    (func $f (export "f") (param $a i32) (param $b i64) (result i32)
      (i32.add (local.get $a) (call $ask))
      (drop (i64.eqz (local.get $b)))))`);

const ARMS = wat(`
  (module (import "host" "ask" (func $ask (result i32)))
    (func $f (export "f") (param $n i32) (result i32)
      (local.get $n)
      (if (result i32) (local.get $n) (then (call $ask)) (else (i32.const 3)))
      i32.add))`);

const LOOP = wat(`
  (module (import "host" "ask" (func $ask (result i32)))
    (func $f (export "f") (loop $l (br_if $l (call $ask)))))`);

const BACK = wat(`
  (module
    (func $f (export "f") (param $n i64)
      (loop $l (local.set $n (i64.div_u (local.get $n) (i64.const 3))) (br_if $l (i32.wrap_i64 (local.get $n))))))`);

test('a safe point hands over operands, then live locals, and returns; dead locals stay behind', () => {
  expect(bodyText(instrument(CALL, SUSPENDABLE).module, 'f')).toBe(
    text(`
      block (result i32)
        local.get 0
        local.get 2
        i32.const 2
        i32.sub
        call epochvisor:import:host:ask
        local.tee 2
        i32.const 0
        i32.lt_s
        if (type 14)
          local.get 2
          call epochvisor:boundary
          local.tee 2
          i32.const -2147483648
          i32.eq
          if (type 14)
            local.get 1
            i32.const 11
            i32.const 0
            call epochvisor:save:i32*2|i64
            i32.const 0
            local.get 2
            return
          end
        end
        i32.add
        local.get 1
        i64.eqz
        drop
      end
      local.get 2
      i32.const 4
      i32.sub
    `),
  );
});

test('a clone from the boundary takes its values back and goes on behind the call', () => {
  expect(clone(CALL, 'here')).toBe(
    text(`
      (local i32)
      (local i64)
      (local i32)
      call 7
      local.set 1
      block (result i32)
        call 6
        call 6
        global.get 0
        local.set 2
        i32.add
        local.get 1
        i64.eqz
        drop
      end
      local.get 2
      i32.const 4
      i32.sub
    `),
  );
});

test('a clone whose callee is suspended enters its clone first, and then comes to the safe point', () => {
  expect(clone(CALL, 'callee')).toBe(
    text(`
      (local i32)
      (local i64)
      (local i32)
      call 7
      local.set 1
      block (result i32)
        call 6
        call 6
        drop
        call 10
        call_indirect 14 0
        local.tee 2
        i32.const 0
        i32.lt_s
        if (type 16)
          local.get 2
          call 12
          local.tee 2
          i32.const -2147483648
          i32.eq
          if (type 16)
            local.get 1
            i32.const 11
            i32.const 0
            call 13
            i32.const 0
            local.get 2
            return
          end
        end
        i32.add
        local.get 1
        i64.eqz
        drop
      end
      local.get 2
      i32.const 4
      i32.sub
    `),
  );
});

test('a clone whose boundary was interrupted enters that clone first, and may be unwound at once', () => {
  expect(clone(CALL, 'boundary')).toBe(
    text(`
      (local i32)
      (local i64)
      (local i32)
      call 7
      local.set 1
      block (result i32)
        call 6
        call 6
        call 10
        call_indirect 4 0
        local.tee 2
        i32.const -2147483648
        i32.eq
        if (type 16)
          local.get 1
          i32.const 11
          i32.const 0
          call 13
          i32.const 0
          local.get 2
          return
        end
        i32.add
        local.get 1
        i64.eqz
        drop
      end
      local.get 2
      i32.const 4
      i32.sub
    `),
  );
});

test('operands below a block with a safe point in it are copied to locals', () => {
  expect(bodyText(instrument(ARMS, SUSPENDABLE).module, 'f')).toBe(
    text(`
      (local i32)
      (local i32)
      block (result i32)
        local.get 0
        local.get 0
        local.set 3
        local.tee 2
        local.get 3
        if (result i32)
          local.get 1
          i32.const 4
          i32.sub
          call epochvisor:import:host:ask
          local.tee 1
          i32.const 0
          i32.lt_s
          if (type 10)
            local.get 1
            call epochvisor:boundary
            local.tee 1
            i32.const -2147483648
            i32.eq
            if (type 10)
              local.get 2
              i32.const 11
              i32.const 0
              call epochvisor:save:i32|i32
              i32.const 0
              local.get 1
              return
            end
          end
        else
          local.get 1
          i32.const 4
          i32.sub
          local.set 1
          i32.const 3
        end
        i32.add
      end
      local.get 1
      i32.const 1
      i32.sub
    `),
  );
});

test('an arm becomes a block with the rest of the arm, and the other arm is left out', () => {
  expect(clone(ARMS, 'here')).toBe(
    text(`
      (local i32)
      (local i32)
      (local i32)
      (local i32)
      call 6
      local.set 2
      block (result i32)
        local.get 2
        block (result i32)
          call 6
          global.get 0
          local.set 1
        end
        i32.add
      end
      local.get 1
      i32.const 1
      i32.sub
    `),
  );
});

test('a loop entered in the middle is the rest of an iteration and then a clean copy', () => {
  expect(clone(LOOP, 'here')).toBe(
    text(`
      (local i32)
      block
        block
          block
            call 6
            global.get 0
            local.set 0
            br_if 0
            br 1
          end
          loop
            local.get 0
            i32.const 2
            i32.sub
            call 13
            local.tee 0
            i32.const 0
            i32.lt_s
            if (type 13)
              local.get 0
              call 12
              local.tee 0
              i32.const -2147483648
              i32.eq
              if (type 13)
                i32.const 11
                i32.const 0
                call 14
                local.get 0
                return
              end
            end
            br_if 0
          end
        end
      end
      local.get 0
      i32.const 1
      i32.sub
    `),
  );
});

test('a loop without calls unwinds outside, where it takes the boundary', () => {
  expect(bodyText(instrument(BACK, SUSPENDABLE).module, 'f')).toBe(
    text(`
      block
        block
          loop
            loop
              block
                block
                  local.get 0
                  i64.const
                  i64.div_u
                  local.set 0
                  local.get 0
                  i32.wrap_i64
                  br_if 0
                  br 4
                end
                local.get 0
                i64.const
                i64.div_u
                local.set 0
                local.get 0
                i32.wrap_i64
                br_if 0
                local.get 1
                i32.const 7
                i32.sub
                local.set 1
                br 3
              end
              local.get 1
              i32.const 14
              i32.sub
              local.tee 1
              i32.const 0
              i32.ge_s
              br_if 0
            end
            local.get 1
            call epochvisor:boundary
            local.tee 1
            i32.const -2147483648
            i32.eq
            if
              local.get 0
              i32.const 10
              i32.const 0
              call epochvisor:save:|i64
              local.get 1
              return
            end
            br 0
          end
        end
      end
      local.get 1
      i32.const 7
      i32.sub
    `),
  );
});

test('modules that are not asked to be suspendable have no trace of unwinding', () => {
  expect(bodyText(instrument(CALL).module, 'f')).not.toContain('-2147483648');
  const { imports, exports } = { imports: WebAssembly.Module.imports, exports: WebAssembly.Module.exports };
  const module = new WebAssembly.Module(instrument(CALL).module as Uint8Array<ArrayBuffer>);
  expect(imports(module).map(({ name }) => name)).not.toContain('activation');
  expect(exports(module).map(({ name }) => name)).toEqual(['f']);
});

test('safe points at which a reference is held are counted', () => {
  const module = wat(`
    (module (import "host" "ask" (func $ask))
      (func (param externref funcref) (result externref) (call $ask) (drop (ref.is_null (local.get 1))) (call $ask) (local.get 0))
      (func (param externref) (call $ask)))`);
  expect(instrument(module, SUSPENDABLE).report.referencePoints).toBe(2);
  expect(instrument(module).report.referencePoints).toBe(0);
});

test('the locals of a frame go by their types, in the order that snapshots of this version have', () => {
  const module = wat(`
    (module (import "host" "ask" (func $ask))
      (func $f (export "f") (param f64 i64 f32 i32) (result f64 i64 f32 i32)
        (call $ask) (local.get 0) (local.get 1) (local.get 2) (local.get 3)))`);
  expect(bodyText(instrument(module, SUSPENDABLE).module, 'f')).toContain('epochvisor:save:|i32,i64,f32,f64');
});
