// What makes the Ruby of npm a command, as text: an adapter that is its `_start`, and stubs for the bridge to JavaScript.
//
// The adapter initialises the interpreter with the process's own arguments, and has it evaluate one line of Ruby, which
// loads the script and turns whatever ends it into an exit status.

import type { Module } from '../../../engine/wasm/module.js';
import { valueTypeName } from '../../../engine/wasm/types.js';

/** Modules of JavaScript functions that the interpreter imports. */
export const BRIDGES = ['rb-js-abi-host', 'canonical_abi'] as const;

/** A bridge without JavaScript behind it: handles go through as they are, anything else traps. */
export function bridge(ruby: Module, name: (typeof BRIDGES)[number]): string {
  const stubs = ruby.imports.flatMap(item => {
    if (item.module !== name || item.kind !== 0) return [];
    const { params, results } = ruby.types[item.type]!;
    const signature = `(param ${params.map(valueTypeName).join(' ')}) (result ${results.map(valueTypeName).join(' ')})`;
    return [`(func (export "${item.name}") ${signature} ${stubBody(item.name)})`];
  });
  return `(module ${stubs.join('\n')})`;
}

function stubBody(name: string): string {
  if (name.startsWith('resource_new') || name.startsWith('resource_get')) return 'local.get 0';
  return name.startsWith('resource_drop') ? '' : 'unreachable';
}

/** Loads the script that the first argument names; at its end, however it comes, stdout is flushed before the exit. */
const MAIN = [
  'begin; $0 = ARGV.shift; load $0',
  'rescue SystemExit => e; $stdout.flush; exit!(e.status)',
  'rescue Exception => e; $stdout.flush; $stderr.puts e.full_message(highlight: false); exit!(1)',
  'end; $stdout.flush; exit!(0)',
].join('; ');

/** Arguments of the interpreter that stand before the process's own. */
const FIXED = ['ruby.wasm\0', '-EUTF-8\0', '-e_=0\0'];

/** `(local.set LOCAL (allocated SIZE))`, both as text. */
const allocate = (local: string, size: string): string =>
  `(local.set ${local} (call $allocate (i32.const 0) (i32.const 0) (i32.const 4) ${size}))`;

/** Allocates memory for a text and stores it there, a byte at a time: the memory, and the data in it, are Ruby's. */
function place(text: string): string {
  const stores = [...Buffer.from(text)].map(
    (byte, at) => `(i32.store8 offset=${at} (local.get $at) (i32.const ${byte}))`,
  );
  return [allocate('$at', `(i32.const ${stores.length})`), ...stores].join('\n');
}

const fixedArguments = FIXED.map(
  (text, index) => `${place(text)}
    (i32.store offset=${index * 8} (local.get $list) (local.get $at))
    (i32.store offset=${index * 8 + 4} (local.get $list) (i32.const ${text.length}))`,
);

/** $list is an array of (address, length with the zero byte), the fixed arguments first; the process's own argument 0 is left out. */
export const ADAPTER = `(module
  (import "ruby" "memory" (memory 0))
  (import "ruby" "cabi_realloc" (func $allocate (param i32 i32 i32 i32) (result i32)))
  (import "ruby" "_initialize" (func $initialise))
  (import "ruby" "ruby-init: func(args: list<string>) -> ()" (func $start_ruby (param i32 i32)))
  (import "ruby" "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>"
    (func $evaluate (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (func $length (param $text i32) (result i32) (local $n i32)
    (block (loop
      (br_if 1 (i32.eqz (i32.load8_u (i32.add (local.get $text) (local.get $n)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br 0)))
    (local.get $n))
  (func (export "_start")
    (local $at i32) (local $argc i32) (local $argv i32) (local $list i32) (local $i i32) (local $text i32) (local $n i32)
    (call $initialise)
    ${allocate('$at', '(i32.const 8)')}
    (drop (call $args_sizes_get (local.get $at) (i32.add (local.get $at) (i32.const 4))))
    (local.set $argc (i32.load (local.get $at)))
    ${allocate('$argv', '(i32.add (i32.const 4) (i32.mul (i32.const 4) (local.get $argc)))')}
    ${allocate('$text', '(i32.load offset=4 (local.get $at))')}
    (drop (call $args_get (local.get $argv) (local.get $text)))
    ${allocate('$list', `(i32.mul (i32.const 8) (i32.add (i32.const ${FIXED.length}) (local.get $argc)))`)}
    ${fixedArguments.join('\n')}
    (local.set $n (i32.const ${FIXED.length}))
    (local.set $i (i32.const 1))
    (block (loop
      (br_if 1 (i32.ge_u (local.get $i) (local.get $argc)))
      (local.set $at (i32.load (i32.add (local.get $argv) (i32.mul (i32.const 4) (local.get $i)))))
      (local.set $text (i32.add (local.get $list) (i32.mul (i32.const 8) (local.get $n))))
      (i32.store (local.get $text) (local.get $at))
      (i32.store offset=4 (local.get $text) (i32.add (i32.const 1) (call $length (local.get $at))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br 0)))
    (call $start_ruby (local.get $list) (local.get $n))
    ${place(`${MAIN}\0`)}
    (local.set $at (call $evaluate (local.get $at) (i32.const ${MAIN.length})))
    (call $proc_exit (i32.load offset=4 (local.get $at)))
    unreachable))`;
