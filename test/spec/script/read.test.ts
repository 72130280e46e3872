// Core test scripts are read: modules, commands, values, and what is to be refused.

import { expect, test } from 'vitest';
import type { Command } from '../commands.js';
import { readScript } from './read.js';

const read = (text: string): Command[] => readScript(Buffer.from(text, 'latin1'));
const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** What `text` expects of a function without arguments: the value in bits. */
function expectedOf(text: string): unknown {
  const [, command] = read(`(module (func (export "f")))\n(assert_return (invoke "f") ${text})`);
  return command!.type === 'assert_return' ? command!.expected[0] : undefined;
}

test.each([
  ['(i32.const -1)', { type: 'i32', value: '4294967295' }],
  ['(i64.const 0x8000_0000_0000_0000)', { type: 'i64', value: '9223372036854775808' }],
  ['(f32.const -0x1.fffffep+127)', { type: 'f32', value: '4286578687' }],
  ['(f32.const nan:0x200000)', { type: 'f32', value: '2141192192' }],
  // Halfway between two floats in decimal: rounded once, not to a double first.
  ['(f32.const 1.00000017881393432617187499)', { type: 'f32', value: '1065353217' }],
  ['(f64.const inf)', { type: 'f64', value: '9218868437227405312' }],
  ['(f64.const nan:canonical)', { type: 'f64', value: 'nan:canonical' }],
  ['(v128.const i16x8 0 1 -1 3 4 5 6 7)', { type: 'v128', lane_type: 'i16', value: [...'01', '65535', ...'34567'] }],
  [
    '(v128.const f64x2 nan:arithmetic 1)',
    { type: 'v128', lane_type: 'f64', value: ['nan:arithmetic', '4607182418800017408'] },
  ],
  ['(ref.null func)', { type: 'funcref', value: 'null' }],
  ['(ref.extern 7)', { type: 'externref', value: '7' }],
  ['(ref.func)', { type: 'funcref' }],
])('%s is its bits', (text, value) => {
  expect(expectedOf(text)).toEqual(value);
});

test('modules are texts, bytes, quoted texts, or fields without the word', () => {
  const bytes = new Uint8Array(HEADER);
  expect(read('(module)')).toEqual([{ type: 'module', line: 1, bytes }]);
  expect(read('\n(module $M binary "\\00asm" "\\01\\00\\00\\00")')).toEqual([
    { type: 'module', line: 2, name: '$M', bytes },
  ]);
  expect(read('(module quote "(mod" "ule)")')).toEqual([{ type: 'module', line: 1, bytes }]);
  expect(read('(func) (memory 0)')).toMatchObject([{ type: 'module', line: 1 }]);
});

test('comments, escapes and parentheses in strings are not structure', () => {
  const [, command] = read(
    '(module (func (export "a)\\"\\u{e9}\\t")));; ) \n(; (; ) ;) " ;)(invoke "a)\\"\\c3\\a9\\09")',
  );
  expect(command).toEqual({
    type: 'action',
    line: 2,
    action: { type: 'invoke', field: 'a)"é\t', args: [] },
    expected: [],
  });
});

test('a command that expects no values has the types of its function, found in the module that it means', () => {
  const commands = read(`
    (module $A (func (export "f") (result f32 funcref) (unreachable)))
    (module (func (export "f") (param i32) (result i64) (unreachable)) (global (export "g") v128 (v128.const i64x2 0 0)))
    (assert_trap (invoke "f" (i32.const 1)) "unreachable")
    (assert_exhaustion (invoke $A "f") "call stack exhausted")
    (get "g")
    (register "a" $A)`);
  expect(commands.slice(2)).toEqual([
    {
      type: 'assert_trap',
      line: 4,
      action: { type: 'invoke', field: 'f', args: [{ type: 'i32', value: '1' }] },
      text: 'unreachable',
      expected: [{ type: 'i64' }],
    },
    {
      type: 'assert_exhaustion',
      line: 5,
      action: { type: 'invoke', module: '$A', field: 'f', args: [] },
      text: 'call stack exhausted',
      expected: [{ type: 'f32' }, { type: 'funcref' }],
    },
    { type: 'action', line: 6, action: { type: 'get', field: 'g' }, expected: [{ type: 'v128' }] },
    { type: 'register', line: 7, name: '$A', as: 'a' },
  ]);
});

test('what is to be refused is kept, valid or not; a text that is malformed is not assembled', () => {
  expect(read('(assert_malformed (module quote "(nonsense") "unexpected token")')).toEqual([
    { type: 'assert_malformed', line: 1, text: 'unexpected token', module_type: 'text' },
  ]);
  expect(read('(assert_invalid (module (func (result i32))) "type mismatch")')).toMatchObject([
    { type: 'assert_invalid', text: 'type mismatch', module_type: 'binary' },
  ]);
  expect(read('(assert_trap (module (func $f unreachable) (start $f)) "unreachable")')).toMatchObject([
    { type: 'assert_uninstantiable', module_type: 'binary' },
  ]);
});

test.each([
  ['(module', 'line 1: unexpected'],
  ['(module)\n(; never closed', 'line 2: unexpected'],
  ['(module) "stray"', 'line 1: unexpected'],
  ['(module)\n(assert_nothing (invoke "f"))', 'line 2: assert_nothing is no command'],
  ['(module)\n(assert_return (invoke "f") (i31.const 1))', 'line 2: i31.const 1 is no constant'],
  ['(module)\n(assert_trap (invoke "f") "x")', 'line 2: f is not exported'],
  ['(module)\n(assert_return (invoke f))', 'line 2: a string is missing'],
])('%j is no script: %s', (text, complaint) => {
  expect(() => read(text)).toThrow(complaint);
});
