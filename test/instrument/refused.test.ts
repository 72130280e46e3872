// Modules that are refused: the code, and what the message names.

import { expect, test } from 'vitest';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { instrument } from '../../engine/instrument/instrument.js';
import { wat } from '../building/wat.js';

function refusal(bytes: Uint8Array, options = {}): EpochvisorError {
  try {
    instrument(bytes, options);
  } catch (error) {
    if (error instanceof EpochvisorError) return error;
    throw error;
  }
  throw new Error('the module was accepted');
}

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** A module with one function of type () -> () whose code is these bytes. */
function body(...code: number[]): Uint8Array {
  const content = [0x01, code.length + 2, 0x00, ...code, 0x0b];
  return Uint8Array.from([...HEADER, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, content.length, ...content]);
}

test.each([
  ['nothing', [], 'NOT_WASM'],
  ['text', [...Buffer.from('(module)')], 'NOT_WASM'],
  ['the magic alone', [0x00, 0x61, 0x73, 0x6d], 'MODULE_MALFORMED'],
  ['a component', [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00], 'MODULE_UNSUPPORTED'],
  ['a section longer than the file', [...HEADER, 1, 200, 1], 'MODULE_MALFORMED'],
  ['a count that the section cannot hold', [...HEADER, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f], 'MODULE_MALFORMED'],
  ['sections out of order', [...HEADER, 3, 1, 0, 1, 1, 0], 'MODULE_MALFORMED'],
  ['functions without bodies', [...HEADER, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0], 'MODULE_MALFORMED'],
  ['a number of six bytes', [...HEADER, 1, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 'MODULE_MALFORMED'],
])('%s is refused', (_, bytes, code) => {
  expect(refusal(Uint8Array.from(bytes)).code).toBe(code);
});

test.each([
  ['an atomic access', [0xfe, 0x10, 2, 0], 'threads'],
  ['a relaxed vector operation', [0xfd, 0x80, 0x02], 'relaxed SIMD'],
  ['a try block', [0x06, 0x40, 0x0b], 'exceptions'],
  ['a struct', [0xfb, 0x00, 0x00], 'garbage collection'],
  ['a call by reference', [0x14, 0x00], 'typed function references'],
])('%s is refused by feature, function and byte offset', (_, code, feature) => {
  const error = refusal(body(...code));
  expect(error.code).toBe('MODULE_UNSUPPORTED');
  expect(error.message).toContain(feature);
  expect(error.message).toContain('function 0');
  expect(error.message).toContain('byte 23');
});

test('the name section names the function that is refused', () => {
  const module = wat(`(module (memory 1 1 shared) (func $spin (drop (i32.atomic.load (i32.const 0)))))`);
  expect(refusal(module).message).toContain('threads');
  const unnamed = wat(`(module (memory 1) (func $spin (drop (i32.atomic.load (i32.const 0)))))`.replace('.atomic', ''));
  expect(() => instrument(unnamed)).not.toThrow();
});

test.each([
  ['an operand is missing', [0x1a]],
  ['operands are left over', [0x41, 0x00]],
  ['a label is unknown', [0x0c, 0x05]],
  ['a local is unknown', [0x20, 0x00, 0x1a]],
  ['a function is unknown', [0x10, 0x07]],
  ['there is no memory', [0x41, 0x00, 0x28, 0x02, 0x00, 0x1a]],
  ['types differ', [0x41, 0x00, 0x42, 0x00, 0x6a, 0x1a]],
])('a body is refused where %s', (_, code) => {
  expect(refusal(body(...code)).code).toBe('MODULE_INVALID');
});

test('names of the instrumenter are refused, so that nothing is instrumented twice', () => {
  const once = instrument(wat('(module (func (export "f")))')).module;
  expect(refusal(once).code).toBe('NAME_RESERVED');
  expect(refusal(wat('(module (func (export "epochvisor:start")))')).code).toBe('NAME_RESERVED');
});

test('an interrupt handler of another type is refused, a missing one is none', () => {
  const wrong = wat('(module (func (export "interrupt") (param i32)))');
  expect(refusal(wrong, { interruptHandler: 'interrupt' }).code).toBe('INTERRUPT_HANDLER_TYPE');
  expect(instrument(wrong, { interruptHandler: 'other' }).report.interruptHandler).toBe(false);
});

test('a memory that begins above the limit is refused', () => {
  expect(refusal(wat('(module (memory 3))'), { maxMemory: 2 * 65536 }).code).toBe('MEMORY_LIMIT');
});

test('blocks nested a hundred thousand deep are no danger', () => {
  const depth = 100_000;
  const code = [...Array(depth).fill([0x02, 0x40]).flat(), ...Array(depth).fill(0x0b)];
  const size = [...leb(code.length + 2)];
  const content = [0x01, ...size, 0x00, ...code, 0x0b];
  const bytes = Uint8Array.from([...HEADER, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, ...leb(content.length), ...content]);
  expect(instrument(bytes).report.functions).toBe(1);
});

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}
