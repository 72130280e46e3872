// Sections in memory, and what the rewriting keeps of them.

import { expect, test } from 'vitest';
import { instrument } from '../../engine/instrument/instrument.js';
import { decodeModule } from '../../engine/wasm/decode.js';
import { indexSpaces } from '../../engine/wasm/module.js';
import { functionNames } from '../../engine/wasm/names.js';
import { opcodeImmediate, opcodeName } from '../../engine/wasm/opcodes.js';
import { wat } from '../building/wat.js';

const EVERYTHING = wat(`
  (module
    (type $t (func (param i32 i64) (result f32 f64)))
    (import "a" "f" (func $imported (type $t)))
    (import "a" "t" (table $importedTable 1 10 externref))
    (import "a" "m" (memory 1 2))
    (import "a" "g" (global $importedGlobal i32))
    (table $table 4 funcref)
    (global $own (mut i64) (i64.const 5))
    (func $defined (param $p i32) (local $q i64) (data.drop $passive))
    (export "d" (func $defined))
    (start $started)
    (func $started)
    (elem $active (table $table) (offset (global.get $importedGlobal)) func $defined $imported)
    (elem $expressions externref (ref.null extern))
    (elem $declared declare func $defined)
    (data $bytes (i32.const 8) "abc")
    (data $passive "xyz"))`);

test('every section is decoded', () => {
  const module = decodeModule(EVERYTHING);
  expect(module.imports.map(item => `${item.module}.${item.name} ${item.kind}`)).toEqual([
    'a.f 0',
    'a.t 1',
    'a.m 2',
    'a.g 3',
  ]);
  expect(module.types[0]).toEqual({ params: [0x7f, 0x7e], results: [0x7d, 0x7c] });
  expect(module.exports).toEqual([{ name: 'd', kind: 0, index: 1 }]);
  expect(module.start).toBe(2);
  expect(
    module.elements.map(element => `${element.mode} ${element.table} ${element.form} ${element.items.length}`),
  ).toEqual(['active 1 functions 2', 'passive 0 expressions 2', 'declarative 0 functions 1']);
  expect(module.dataCount).toBe(2);
  expect(
    module.data.map(({ content }) => Buffer.from(EVERYTHING.subarray(content.start, content.end)).toString()),
  ).toEqual(['abc', 'xyz']);
  expect(functionNames(module)).toEqual(
    new Map([
      [0, 'imported'],
      [1, 'defined'],
      [2, 'started'],
    ]),
  );
});

test('rewriting keeps sections and moves what refers to functions and globals', () => {
  const module = decodeModule(instrument(EVERYTHING).module);
  const names = functionNames(module);
  const spaces = indexSpaces(module);
  expect(module.imports.slice(0, 4)).toEqual(decodeModule(EVERYTHING).imports);
  expect(module.exports.map(item => item.name)).toEqual(['d', 'epochvisor:start']);
  expect(module.start).toBeUndefined();
  expect([...module.elements[0]!.items].map(index => names.get(index))).toEqual(['defined', 'epochvisor:import:a:f']);
  expect(spaces.globals.at(-1)).toEqual({ value: 0x7e, mutable: true });
  expect(module.data).toHaveLength(2);
});

test('custom sections stay, byte for byte and in their places', () => {
  // A custom section "x" with content 01 02 before the first section and another after the last.
  const custom = [0, 4, 1, 0x78, 1, 2];
  const plain = wat('(module (func (export "f")))');
  const bytes = Uint8Array.from([...plain.subarray(0, 8), ...custom, ...plain.subarray(8), ...custom]);
  const rewritten = instrument(bytes).module;
  expect([...rewritten.subarray(8, 14)]).toEqual(custom);
  const kept = decodeModule(rewritten).customs.filter(section => section.name === 'x');
  expect(kept.map(({ content }) => [...rewritten.subarray(content.start, content.end)])).toEqual([
    [1, 2],
    [1, 2],
  ]);
});

test('a broken name section is no reason to refuse', () => {
  const plain = wat('(module (func (export "f")))');
  const names = [0, 7, 4, ...Buffer.from('name'), 1, 0x7f];
  const end = plain.length;
  expect(() => instrument(Uint8Array.from([...plain.subarray(0, end), ...names]))).not.toThrow();
});

test('every opcode of WebAssembly 2.0 has a name exactly where it has immediates', () => {
  const named = opcodeName.filter(name => name !== '').length;
  // 26 control, parametric and variable, 2 + 8 tables and references, 25 memory, 4 + 128 numeric, 8 + 10 of 0xfc, 236 of SIMD,
  // 20 of relaxed SIMD; 4 + 7 * 9 atomics.
  expect(named).toBe([...opcodeImmediate].filter(immediate => immediate !== 0).length);
  expect(opcodeName.slice(0x200, 0x300).filter(name => name !== '')).toHaveLength(236);
  expect(opcodeName.slice(0x300, 0x400).filter(name => name !== '')).toHaveLength(20);
  expect(opcodeName.slice(0x400).filter(name => name !== '')).toHaveLength(67);
  expect(opcodeName.slice(0x100, 0x200).filter(name => name !== '')).toHaveLength(18);
});
