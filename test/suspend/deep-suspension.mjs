// A worker with the stack of a guest thread: suspends a recursion at its deepest point, and posts what it returned. Plain
// JavaScript, because it is loaded by Node and not by the test runner.

import { parentPort, workerData } from 'node:worker_threads';
import { instantiate } from '../../dist/engine/index.js';

const { bytes, frames, epochLength } = workerData;
const { exports, epoch } = instantiate(bytes, {}, { epochLength, suspendAt: 'every-boundary' });
let end;
try {
  end = exports.run(frames);
} catch (error) {
  end = String(error);
}
parentPort.postMessage({ end, epochs: epoch() });
