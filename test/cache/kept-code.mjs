// `node kept-code.mjs DO...`: one module with the cache of EPOCHVISOR_CACHE, in a process of its own,
// for V8 remembers a module's code for as long as its process lives. Prints a line for each thing done.
//
//   look    whether the function of the compiled module is optimised before it was called, and what it gives
//   work    has V8 optimise it, and keeps that
//   whole   has V8 optimise all of it, and keeps that
//   idle    keeps what there is, which is nothing

import { setFlagsFromString } from 'node:v8';
import { rewriteCached } from '../../dist/engine/cache/rewritten-modules.js';

// (module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))
//         (func (export "g") (param i32) (result i32) (i32.mul (local.get 0) (local.get 0))))
const BYTES = Buffer.from('AGFzbQEAAAABBgFgAX8BfwMDAgAABwkCAWYAAAFnAAEKEQIHACAAIABqCwcAIAAgAGwL', 'base64');
// Natives are no JavaScript: other tools could not read this file.
function native(name, f) {
  setFlagsFromString('--allow-natives-syntax');
  return new Function('f', `return %${name}(f)`)(f);
}

const { code } = await rewriteCached(BYTES, {}, { cache: process.env.EPOCHVISOR_CACHE !== 'none' });
const module = code.compile();
const machine = {
  counter: new WebAssembly.Global({ value: 'i32', mutable: true }, 1000),
  stack_room: new WebAssembly.Global({ value: 'i32' }, 1000),
};
for (const name of ['boundary', 'cannot_allocate', 'interrupt', 'stack_overflow']) machine[name] = () => 0;
const { f, g } = new WebAssembly.Instance(module, { 'epochvisor:machine': machine }).exports;
for (const what of process.argv.slice(2)) {
  if (what === 'look') console.log(native('IsTurboFanFunction', f), f(21));
  else if (what === 'whole') console.log(code.optimise());
  else {
    if (what === 'work') native('WasmTierUpFunction', f);
    code.keep(module, g);
    console.log('kept');
  }
}
