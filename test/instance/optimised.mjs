// Run by Node with --allow-natives-syntax: prints whether functions of modules, compiled one after another in the ways that
// are named, are in baseline code after their first call.

import { compileOptimised, compileRewritten } from '../../dist/engine/instance/compile.js';

// (module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (local.get 0))))
const BYTES = Buffer.from('AGFzbQEAAAABBgFgAX8BfwMCAQAHBQEBZgAACgkBBwAgACAAags=', 'base64');
// Natives are no JavaScript: other tools could not read this file.
const isBaseline = new Function('f', 'return %IsLiftoffFunction(f)');
const WAYS = { rewritten: compileRewritten, optimised: compileOptimised };

for (const [serial, way] of process.argv.slice(2).entries()) {
  // A custom section without a name, of one byte more: a module that V8 has not seen.
  const bytes = way.endsWith('again') ? BYTES : Uint8Array.of(...BYTES, 0, 2, 0, serial);
  const { f } = new WebAssembly.Instance(WAYS[way.split(' ')[0]](bytes)).exports;
  f(1);
  console.log(isBaseline(f));
}
