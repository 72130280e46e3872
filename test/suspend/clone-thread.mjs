// A guest thread whose clones are made by a thread beside it. Plain JavaScript, because it is loaded by Node and not by the
// test runner. Posts what happened: a snapshot as soon as the other thread is ready, then whatever the stack asks for.

import { parentPort, workerData } from 'node:worker_threads';
import { instantiateRewritten } from '../../dist/engine/instance/instance.js';
import { Meter } from '../../dist/engine/instance/meter.js';
import { instrument } from '../../dist/engine/instrument/instrument.js';
import { CloneThread } from '../../dist/engine/suspend/clone-thread.js';
import { ContinuationModules } from '../../dist/engine/suspend/continuation-modules.js';
import { SuspendedStack } from '../../dist/engine/suspend/suspended-stack.js';

const EPOCH_LENGTH = 100_000;
const { bytes, optimises, stays } = workerData;
const options = { suspendable: true };
const { module, report, facts } = instrument(bytes, options);
const maker = new CloneThread(bytes, options, facts, undefined, stays);
const meter = new Meter();
const stack = new SuspendedStack(meter);
const rest = maker.rest.bind(maker);
maker.rest = () => {
  seen.rests++;
  rest();
};
const seen = { readyAtFirst: maker.ready, snapshots: 0, improvements: 0, rests: 0, failure: undefined };
let snapshot = false;
let due = EPOCH_LENGTH;
stack.onSuspended = () => {
  if (snapshot) {
    seen.snapshots++;
    if (optimises !== 'never') stack.optimise(optimises);
  } else seen.improvements++;
  snapshot = false;
  return stack.continueFrom(stack.take());
};
const hooks = {
  boundary: count => {
    due += EPOCH_LENGTH;
    meter.arm(due, count);
    if (seen.snapshots === 0) stack.prepare();
    snapshot = seen.snapshots === 0 && stack.ready;
    if (snapshot || stack.improvable) meter.suspend();
    return 0;
  },
};
/** Until the snapshot has been taken, and the clones are optimised where they are to be. */
const more = () => (seen.snapshots === 0 || (optimises === 'later' && seen.rests === 0) ? 1 : 0);
const suspension = { stack, modules: new ContinuationModules(maker) };
const instance = instantiateRewritten(
  new WebAssembly.Module(module),
  report,
  { host: { more } },
  meter,
  hooks,
  suspension,
);
meter.arm(due);
seen.result = instance.exports.run();
seen.readyAtLast = maker.ready;
try {
  maker.make([{ function: facts.firstFunction, point: 1_000_000, state: 'here' }], false);
} catch (error) {
  seen.failure = error.message.split('\n')[0];
}
maker.end();
parentPort.postMessage(seen);
