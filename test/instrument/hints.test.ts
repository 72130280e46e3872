// Which functions are to be optimised before they run, and that V8 takes the section that says so.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { followHints } from '../../engine/instance/compile.js';
import { HINTS_SECTION, optimisedFirst } from '../../engine/instrument/hints.js';
import { instrument } from '../../engine/instrument/instrument.js';
import { scanBodies } from '../../engine/instrument/scan.js';
import { decodeModule } from '../../engine/wasm/decode.js';
import { indexSpaces } from '../../engine/wasm/module.js';
import { functionNames } from '../../engine/wasm/names.js';
import { wat } from '../building/wat.js';

const LOOP = '(loop (br_if 0 (i32.const 0)))';

/** Names of the functions to be optimised first. */
function optimised(source: string): string[] {
  const module = decodeModule(wat(source));
  const spaces = indexSpaces(module);
  const names = functionNames(module);
  const scan = scanBodies(module, spaces, names, true);
  return optimisedFirst(module, spaces, scan).map(index => names.get(index + spaces.importedFunctions)!);
}

/** The custom sections of the rewritten module that hold hints. */
function hints(bytes: Uint8Array): Uint8Array[] {
  const { customs } = decodeModule(bytes);
  return customs
    .filter(({ name }) => name === HINTS_SECTION)
    .map(({ content }) => bytes.subarray(content.start, content.end));
}

describe('optimised before it runs', () => {
  it('is what is exported, called by nobody, and has a loop', () => {
    const source = `(module
      (import "host" "f" (func $f))
      (func $start (export "_start") ${LOOP})
      (func $other (export "other")))`;
    expect(optimised(source)).toEqual(['start']);
  });

  it('is what such a function alone calls, from one place', () => {
    const source = `(module
      (func $start (export "_start") (call $main) (call $twice) (call $twice))
      (func $main (call $solve) ${LOOP})
      (func $solve ${LOOP})
      (func $twice (call $inner) ${LOOP})
      (func $inner ${LOOP}))`;
    // What is called from two places may be called often, and then V8 optimises it in time; so is what it calls.
    expect(optimised(source)).toEqual(['main', 'solve']);
  });

  it('is nothing that recurs', () => {
    const source = `(module
      (func $start (export "_start") (call $one))
      (func $one (call $other) ${LOOP})
      (func $other (call $one) ${LOOP}))`;
    expect(optimised(source)).toEqual([]);
    expect(optimised(`(module (func $f (export "f") (call $f) ${LOOP}))`)).toEqual([]);
  });

  it('is the start function', () => {
    expect(optimised(`(module (func $f ${LOOP}) (start $f))`)).toEqual(['f']);
  });

  it('is what is called by address alone, where that is little', () => {
    const filler = (bytes: number) => '(nop)'.repeat(bytes);
    const source = (bytes: number) => `(module (table 2 funcref) (elem (i32.const 0) $main $named)
      (func $start (export "_start") (call_indirect (i32.const 0)) (call $named) ${LOOP})
      (func $main (call $callee) ${filler(bytes)} ${LOOP})
      (func $named ${LOOP})
      (func $callee ${LOOP}))`;
    expect(optimised(source(10))).toEqual(['start', 'main', 'callee']);
    expect(optimised(source(40_000))).toEqual(['start']);
  });

  it('is nothing where there is too much of it', () => {
    expect(optimised(`(module (func $f (export "f") ${LOOP} ${'(nop)'.repeat(40_000)}))`)).toEqual([]);
  });
});

describe('the section of hints', () => {
  it('has a byte for each function of the rewritten module, and is left out where nothing is said', () => {
    const source = `(module (import "host" "f" (func)) (func (export "a")) (func (export "b") ${LOOP}))`;
    const { module } = instrument(wat(source));
    const [section] = hints(module);
    const functions = decodeModule(module).functions.length;
    expect([...section!]).toEqual([functions, 0, 0x28, ...Array(functions - 2).fill(0)]);
    expect(hints(instrument(wat('(module (func (export "a")))')).module)).toEqual([]);
  });

  it('takes the place of one that the module had', () => {
    const name = [...Buffer.from(HINTS_SECTION)];
    const plain = wat('(module (func (export "a")))');
    const own = Uint8Array.from([...plain, 0, name.length + 3, name.length, ...name, 1, 0]);
    expect(hints(own)).toHaveLength(1);
    expect(hints(instrument(own).module)).toEqual([]);
  });

  it('is taken by V8, with every guest; V8 reads it where it is told to and can', () => {
    followHints();
    const guests = resolve('guest', 'build');
    for (const file of readdirSync(guests).filter(file => file.endsWith('.wasm'))) {
      const { module } = instrument(readFileSync(join(guests, file)), { interruptHandler: 'interrupt' });
      expect(hints(module), file).toHaveLength(1);
      expect(() => new WebAssembly.Module(module as Uint8Array<ArrayBuffer>), file).not.toThrow();
    }
    const { module } = instrument(wat(`(module (func (export "f") ${LOOP}))`));
    const content = hints(module)[0]!;
    // A wrong number of hints: seen by those who read them.
    content[content.length - 1] = 0xff;
    const reads = ['11', '12'].includes(process.versions.v8.split('.')[0]!);
    const compile = () => new WebAssembly.Module(module as Uint8Array<ArrayBuffer>);
    if (reads) expect(compile).toThrow(/hint/i);
    else expect(compile).not.toThrow();
  });
});
