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
  ['a struct', [0xfb, 0x00, 0x00], 'garbage collection', 'which is not supported yet', /linear memory/],
  ['a call by reference', [0x14, 0x00], 'typed function references', 'which are not supported yet', /WebAssembly 2\.0/],
  ['a sum of 128 bits', [0xfc, 0x13], 'wide arithmetic', 'which is not supported yet', /-mwide-arithmetic/],
  ['a switch of stacks', [0xe0, 0x00], 'stack switching', 'which is not supported yet', /WebAssembly 2\.0/],
])(
  '%s is refused by feature, function and byte offset, with the reason and a way out',
  (_, code, feature, why, hint) => {
    const error = refusal(body(...code));
    expect(error.code).toBe('MODULE_UNSUPPORTED');
    expect(error.message).toContain(`function 0 uses ${feature} at byte 23, `);
    expect(error.message).toContain(why);
    expect(error.hint).toMatch(hint);
  },
);

test.each([
  ['a null exception', [1, 5, 1, 0x60, 1, 0x74, 0], /the type nullexnref at byte 13, which is not supported yet/],
  ['a table of exceptions', [4, 4, 1, 0x69, 0, 1], /references to exceptions in tables.* at byte 11, which are not/],
  ['a global with an exception', [6, 6, 1, 0x69, 0, 0xd0, 0x69, 0x0b], /references to exceptions in .* at byte 11/],
  ['a segment of exceptions', [9, 4, 1, 5, 0x69, 0], /references to exceptions in .* at byte 12/],
  [
    'an imported function that takes an exception',
    [1, 5, 1, 0x60, 1, 0x69, 0, 2, 5, 1, 0, 0, 0, 0],
    /import or export/,
  ],
  ['an exception in an exception', [1, 5, 1, 0x60, 1, 0x69, 0, 13, 3, 1, 0, 0], /other exceptions/],
  ['a reference to anything', [1, 5, 1, 0x60, 1, 0x6e, 0], /garbage collection at byte 13, which is not supported yet/],
  ['a reference of a type', [1, 6, 1, 0x60, 1, 0x64, 0, 0], /typed function references at byte 13/],
  ['a recursive type', [1, 3, 1, 0x4e, 0], /garbage collection at byte 11/],
  ['an imported tag', [2, 6, 1, 0, 0, 4, 0, 0], /exceptions of another module \(an imported tag\) at byte 13/],
  ['a 64-bit memory', [5, 3, 1, 4, 1], /64-bit memories at byte 11, which are not supported yet/],
  ['two memories', [5, 5, 2, 0, 1, 0, 1], /more than one memory at byte \d+, which is not supported yet/],
  [
    'data of a second memory',
    [5, 5, 2, 0, 1, 0, 1, 11, 7, 1, 2, 1, 0x41, 0, 0x0b, 0],
    /more than one memory at byte 19/,
  ],
  ['a table with a first element', [4, 8, 1, 0x40, 0, 0x70, 0, 1, 0xd0, 0x0b], /typed function references at byte 11/],
])('%s is refused by feature and byte offset', (_, sections, says) => {
  const error = refusal(Uint8Array.from([...HEADER, ...sections]));
  expect(error.code).toBe('MODULE_UNSUPPORTED');
  expect(error.message).toMatch(says);
  expect(error.hint).not.toBe('');
});

test('the name section names the function that is refused', () => {
  const module = wat('(module (func $spin (nop) (nop) (nop)))');
  // A sum of 128 bits in place of two of the instructions.
  const at = module.findIndex(
    (byte, index) => byte === 0x01 && module[index + 1] === 0x01 && module[index + 2] === 0x01,
  );
  module.set([0xfc, 0x13], at);
  expect(refusal(module).message).toContain('function 0 (spin) uses wide arithmetic');
});

test.each([
  [
    'an atomic access without a memory',
    [0x41, 0, 0xfe, 0x10, 2, 0, 0x1a],
    'MODULE_INVALID',
    /unknown memory in function 0 at byte 25/,
  ],
  ['an unknown atomic', [0xfe, 0x4f], 'MODULE_MALFORMED', /illegal opcode fe at byte 23|byte 23/],
  ['an unknown relaxed operation', [0xfd, 0x94, 0x02], 'MODULE_MALFORMED', /byte 23/],
  ['a vector operation far beyond all', [0xfd, 0x80, 0x80, 0x04], 'MODULE_MALFORMED', /byte 23/],
  [
    'a relaxed operation without operands',
    [0xfd, 0x85, 0x02, 0x1a],
    'MODULE_INVALID',
    /operand is missing in function 0 at byte 23/,
  ],
  ['a fence with another byte', [0xfe, 0x03, 0x01], 'MODULE_MALFORMED', /zero byte expected/],
  [
    'an atomic access that is aligned otherwise',
    [0x41, 0, 0xfe, 0x10, 1, 0, 0x1a],
    'MODULE_MALFORMED',
    /alignment must be natural/,
  ],
])('%s is refused with its place', (_, code, error, says) => {
  expect(refusal(body(...code)).code).toBe(error);
  expect(refusal(body(...code)).message).toMatch(says);
});

test.each([
  ['an operand is missing', [0x1a]],
  ['operands are left over', [0x41, 0x00]],
  ['a label is unknown', [0x0c, 0x05]],
  ['a local is unknown', [0x20, 0x00, 0x1a]],
  ['a function is unknown', [0x10, 0x07]],
  ['there is no memory', [0x41, 0x00, 0x28, 0x02, 0x00, 0x1a]],
  ['types differ', [0x41, 0x00, 0x42, 0x00, 0x6a, 0x1a]],
  ['a tag is unknown', [0x08, 0x00]],
  ['a catch stands outside a try', [0x02, 0x40, 0x19, 0x0b]],
  ['a catch follows a catch_all', [0x06, 0x40, 0x19, 0x19, 0x0b]],
  ['a delegate ends a block', [0x02, 0x40, 0x18, 0x00]],
  ['a delegate leads nowhere', [0x06, 0x40, 0x18, 0x01]],
  ['a handler follows a delegate', [0x06, 0x40, 0x18, 0x00, 0x19, 0x0b]],
  ['a rethrow names no handler', [0x06, 0x40, 0x09, 0x00, 0x0b]],
  ['a catch clause leads nowhere', [0x1f, 0x40, 0x01, 0x02, 0x05, 0x0b]],
  ['a catch clause brings a reference where none is taken', [0x1f, 0x40, 0x01, 0x03, 0x00, 0x0b]],
  ['nothing is thrown again', [0x0a]],
])('a body is refused where %s', (_, code) => {
  expect(refusal(body(...code)).code).toBe('MODULE_INVALID');
});

test.each([
  ['an instruction that only lowering writes', [0x16, 0x00]],
  ['the other one', [0x17]],
  ['a catch clause of an unknown kind', [0x1f, 0x40, 0x01, 0x04, 0x00, 0x0b]],
  ['more catch clauses than bytes', [0x1f, 0x40, 0xff, 0xff, 0xff, 0xff, 0x0f]],
  ['a try without an end', [0x06, 0x40, 0x19]],
])('%s is malformed', (_, code) => {
  expect(refusal(body(...code)).code).toBe('MODULE_MALFORMED');
});

test('a tag with results, a tag of an attribute or of a type that there is not', () => {
  const tag = (...bytes: number[]) => Uint8Array.from([...HEADER, 1, 5, 1, 0x60, 0, 1, 0x7f, 13, 3, 1, ...bytes]);
  expect(refusal(tag(0, 0)).message).toContain('non-empty tag result type');
  expect(refusal(tag(1, 0)).code).toBe('MODULE_MALFORMED');
  expect(refusal(tag(0, 1)).code).toBe('MODULE_INVALID');
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
