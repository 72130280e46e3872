// The state of a suspended machine: where the copies of memories go, and which tables are looked at.

import { describe, expect, test } from 'vitest';
import { instantiateRewritten } from '../../engine/instance/instance.js';
import { Meter } from '../../engine/instance/meter.js';
import type { WasmExports } from '../../engine/instance/webassembly.js';
import { instrumentWithContinuations } from '../../engine/instrument/instrument.js';
import { ContinuationModules } from '../../engine/suspend/continuation-modules.js';
import { captureMachine, type MachineImage, memoryBytes, restoreMachine } from '../../engine/suspend/machine-image.js';
import { SuspendedStack } from '../../engine/suspend/suspended-stack.js';
import { wat } from '../building/wat.js';

const PAGE_BYTES = 65_536;

/** `run` counts loops in its memory and ends with what it stored, less what `before` gave. */
function guest(fields: string, before = '(i32.const 0)'): Uint8Array<ArrayBuffer> {
  return wat(`(module (memory (export "memory") 2) ${fields}
    (type $f (func (result i32)))
    (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
    (func (export "run") (result i32)
      ${before}
      (loop $l
        (i32.store (i32.const 70000) (i32.add (i32.load (i32.const 70000)) (i32.const 1)))
        (br_if $l (i32.lt_u (i32.load (i32.const 70000)) (i32.const 20))))
      (i32.sub (i32.load (i32.const 70000))))
  )`);
}

/** Suspends once, in the loop; continues in a fresh instance from a copy of what was captured. */
function suspended(bytes: Uint8Array, into?: Uint8Array, prepare: (exports: WasmExports) => void = () => {}) {
  const { module, report, continuations } = instrumentWithContinuations(bytes);
  const meter = new Meter();
  const stack = new SuspendedStack(meter);
  let image: MachineImage | undefined;
  stack.onSuspended = () => {
    image = captureMachine(stack, stack.take(), into);
    const copy = structuredClone(image);
    stack.renew();
    return stack.continueFrom(restoreMachine(stack, copy));
  };
  const hooks = {
    boundary: () => {
      meter.suspend();
      meter.arm(Number.MAX_SAFE_INTEGER);
      return 0;
    },
  };
  const suspension = { stack, modules: new ContinuationModules(continuations) };
  const instance = instantiateRewritten(new WebAssembly.Module(module), report, {}, meter, hooks, suspension);
  prepare(instance.exports);
  meter.arm(80);
  const result = instance.exports.run();
  return { image: image!, result, stack };
}

describe('the memory of a suspended machine', () => {
  test('is copied to the start of the buffer that is given', () => {
    const into = new Uint8Array(new SharedArrayBuffer(3 * PAGE_BYTES)).fill(0xee);
    const { image, result, stack } = suspended(guest(''), into);
    const { memory } = image.instances[0]!;
    expect(memory!.buffer).toBe(into.buffer);
    expect([memory!.byteOffset, memory!.length]).toEqual([0, 2 * PAGE_BYTES]);
    expect(memory![70_000]).toBeGreaterThan(1);
    expect(into[2 * PAGE_BYTES]).toBe(0xee);
    expect(result).toBe(-20);
    expect(memoryBytes(stack)).toBe(2 * PAGE_BYTES);
  });

  test('has a buffer of its own where it does not fit', () => {
    const into = new Uint8Array(2 * PAGE_BYTES - 1).fill(0xee);
    const { image, result } = suspended(guest(''), into);
    expect(image.instances[0]!.memory!.buffer).not.toBe(into.buffer);
    expect(into.every(byte => byte === 0xee)).toBe(true);
    expect(result).toBe(-20);
  });
});

describe('a table of a suspended machine', () => {
  const ELEMENTS = '(table $t (export "table") 3 funcref) (elem (i32.const 1) $one $two)';
  const CALL = '(call_indirect $t (type $f) (i32.const 1))';

  test('is left out where nobody can have written to it', () => {
    const { image, result } = suspended(guest(ELEMENTS, CALL));
    expect(image.instances[0]!.tables).toEqual([undefined]);
    expect(result).toBe(1 - 20);
  });

  test.each([
    ['table.set', '(table.set $t (i32.const 1) (ref.func $two))'],
    ['table.fill', '(table.fill $t (i32.const 1) (ref.func $two) (i32.const 1))'],
    ['table.copy', '(table.copy $t $u (i32.const 1) (i32.const 0) (i32.const 1))'],
    ['table.init', '(table.init $t $e (i32.const 1) (i32.const 0) (i32.const 1))'],
  ])('is there where the guest writes to it with %s', (_, write) => {
    const others = '(table $u 1 funcref) (elem (table $u) (i32.const 0) func $two) (elem $e func $two)';
    const { image, result } = suspended(guest(`${ELEMENTS} ${others}`, `${write} ${CALL}`));
    const [written, read] = image.instances[0]!.tables;
    expect(written!.length).toBe(3);
    expect(written![0]).toBeNull();
    expect(written![1]).toEqual(written![2]);
    expect(read).toBeUndefined();
    expect(result).toBe(2 - 20);
  });

  test('is there where the guest lets it grow', () => {
    const { image } = suspended(guest(ELEMENTS, `(drop (table.grow $t (ref.null func) (i32.const 2))) ${CALL}`));
    expect(image.instances[0]!.tables[0]!.length).toBe(5);
  });

  test('is there where the host was given it', () => {
    const { image, result } = suspended(guest(ELEMENTS, CALL), undefined, ({ table }) => table.set(1, table.get(2)));
    const [table] = image.instances[0]!.tables;
    expect(table![1]).toEqual(table![2]);
    expect(result).toBe(2 - 20);
  });
});
