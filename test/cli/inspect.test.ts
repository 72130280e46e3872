// What `epochvisor inspect` says of a module, as text and as JSON.

import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { inspectCommand, inspectionText } from '../../engine/cli/inspect.js';
import { inspectModule } from '../../engine/cli/inspection.js';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { TestFolder } from '../building/test-folder.js';
import { wat } from '../building/wat.js';

const GUEST = wat(`(module
  (import "epochvisor" "clock" (func $clock (param i32) (result i64)))
  (import "epochvisor" "limit" (global i32))
  (memory 1)
  (func $spin (param i32)
    (loop $again (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func $pair (param i32 i64) (result i64 i32)
    (call $spin (i32.extend8_s (local.get 0)))
    (drop (call $clock (i32.const 0)))
    (local.get 1) (i32.trunc_sat_f64_s (f64.const 1)))
  (func (export "lanes") (param v128) (result i32)
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))
    (i32x4.extract_lane 1 (local.get 0))))`);

/** Two of its functions have a sum of 128 bits, which the assembler does not know, in place of what does nothing. */
const REFUSED = wat(`(module
  (func $fine (result i32) (i32.const 1))
  (func $sum (nop) (nop) (nop) (nop))
  (func $add (nop) (nop) (nop) (nop)))`);
for (let at = 0; at < REFUSED.length; at++) {
  if (REFUSED.subarray(at, at + 4).every(byte => byte === 0x01)) REFUSED.set([0xfc, 0x13], at);
}

/** Built for threads, of which it has one. */
const THREADED = wat(`(module
  (memory 1)
  (func $wake (result i32) (memory.atomic.notify (i32.const 0) (i32.const 1)))
  (func $relax (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))`);

const folder = new TestFolder();

function save(bytes: Uint8Array): string {
  const path = folder.file('guest.wasm');
  writeFileSync(path, bytes);
  return path;
}

function printed(args: string[]): string {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  inspectCommand().parse(args, { from: 'user' });
  return write.mock.calls.map(([text]) => String(text)).join('');
}

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

describe('inspect', () => {
  test('tells imports with their types, features, and what rewriting makes of the module', () => {
    const inspection = inspectModule(GUEST);
    expect(inspection).toMatchObject({
      imports: [
        { module: 'epochvisor', name: 'clock', type: '(i32) -> (i64)' },
        { module: 'epochvisor', name: 'limit', type: 'global i32' },
      ],
      features: ['sign extension', 'saturating conversions', 'multiple values', 'bulk memory', 'SIMD'],
      refused: [],
      functions: 3,
      loops: 1,
      calls: 2,
      bytesBefore: GUEST.length,
    });
    expect(inspection.bytesAfter).toBeGreaterThan(GUEST.length);
    expect(inspection.safePoints).toBeGreaterThanOrEqual(1);
  });

  test('tells where a snapshot may be impossible', () => {
    const held = wat(`(module (func $hold (param externref) (param i32) (result externref)
      (loop $l (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))) (local.get 0)))`);
    expect(inspectModule(held).referencePoints).toBe(1);
    expect(inspectModule(GUEST).referencePoints).toBe(0);
    expect(inspectionText(inspectModule(GUEST))).toMatch(/^snapshots +at every safe point$/m);
    expect(inspectModule(REFUSED).referencePoints).toBeUndefined();
    expect(inspectionText(inspectModule(REFUSED))).not.toMatch(/^snapshots/m);
  });

  test('names every function that uses what is refused, and where', () => {
    const { refused, bytesAfter } = inspectModule(REFUSED);
    expect(refused.map(({ code }) => code)).toEqual(['MODULE_UNSUPPORTED', 'MODULE_UNSUPPORTED']);
    expect(refused[0]!.message).toMatch(/^function 1 \(sum\) uses wide arithmetic at byte \d+/);
    expect(refused[1]!.message).toMatch(/^function 2 \(add\) uses wide arithmetic at byte \d+/);
    expect(bytesAfter).toBeUndefined();
  });

  test('names atomics and relaxed vector operations among the features', () => {
    const { features, refused } = inspectModule(THREADED);
    expect(features).toEqual(['relaxed SIMD', 'atomics']);
    expect(refused).toEqual([]);
  });

  test('prints aligned text', () => {
    const text = inspectionText({
      imports: [
        { module: 'wasi_snapshot_preview1', name: 'fd_write', type: '(i32 i32 i32 i32) -> (i32)' },
        { module: 'env', name: 'memory', type: 'memory 1 or more pages' },
      ],
      features: [],
      refused: [],
      functions: 1200,
      loops: 7,
      calls: 31,
      safePoints: 38,
      referencePoints: 2,
      bytesBefore: 1000,
      bytesAfter: 1500,
      rewriting_ms: 0.25,
    });
    expect(text).toBe(
      [
        'imports      wasi_snapshot_preview1.fd_write (i32 i32 i32 i32) -> (i32)',
        '             env.memory memory 1 or more pages',
        'features     none',
        'functions    1,200',
        'loops        7',
        'calls        31',
        'safe points  38',
        'snapshots    perhaps not at 2 safe points, where a function holds a reference',
        'size         1,000 bytes',
        'rewritten    1,500 bytes (1.50 times), in 0.3 ms',
        'refused      none',
        '',
      ].join('\n'),
    );
  });

  test('prints JSON of the same content with --json', () => {
    const { rewriting_ms: _, ...rest } = inspectModule(GUEST);
    expect(JSON.parse(printed(['--json', save(GUEST)]))).toMatchObject(rest);
    expect(process.exitCode).toBeUndefined();
  });

  test('exits with status 2 for a module that is refused', () => {
    expect(printed([save(REFUSED)])).toContain('function 2 (add) uses wide arithmetic');
    expect(process.exitCode).toBe(2);
  });

  test.each([
    ['a file that is missing', () => '/nowhere/guest.wasm', 'GUEST_MISSING'],
    ['a file that is not WebAssembly', () => save(new TextEncoder().encode('#!/bin/sh\n')), 'NOT_WASM'],
    ['a module that is cut short', () => save(GUEST.slice(0, 60)), 'MODULE_MALFORMED'],
  ])('refuses %s with a typed error', (_what, path, code) => {
    expect(() => printed([path()])).toThrow(expect.objectContaining({ code }));
    expect(() => printed([path()])).toThrow(EpochvisorError);
  });
});
