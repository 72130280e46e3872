// A worker with a stack as large as a guest thread's: runs `run` of a rewritten module until its stack is used up, and
// posts how deep that was. Plain JavaScript, because it is loaded by Node and not by the test runner.

import { parentPort, workerData } from 'node:worker_threads';

const { bytes, names, room } = workerData;
const counter = new WebAssembly.Global({ value: 'i32', mutable: true }, 2 ** 30);
const trap = new WebAssembly.RuntimeError('the allowance is used up');
const machine = {
  [names.counter]: counter,
  [names.stackRoom]: new WebAssembly.Global({ value: 'i32' }, room),
  [names.stackOverflow]: () => {
    throw trap;
  },
};
const unused = () => {
  throw new Error('not expected');
};
const module = new WebAssembly.Module(bytes);
for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
  if (from === names.machine && kind === 'function') machine[name] ??= unused;
}
const { exports } = new WebAssembly.Instance(module, { [names.machine]: machine });
let end = 'returned';
try {
  exports.run();
} catch (error) {
  end = error === trap ? 'the allowance is used up' : String(error);
}
parentPort.postMessage({ end, deepest: exports.deepest.value, count: 2 ** 30 - counter.value });
