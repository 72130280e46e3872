// The thread of a timed plain run: a guest on the plain machine whose output is counted and not kept.

import { parentPort, workerData } from 'node:worker_threads';
import '../instance/webassembly.js';
import { ProcessDevices } from './plain-devices.js';
import { PlainMachine } from './plain-machine.js';
import { type PlainThreadData, PlainTimes } from './plain-times.js';

const data = workerData as PlainThreadData;
const times = new PlainTimes(data.memory);

/** Output is counted, standard input is empty. */
class CountedDevices extends ProcessDevices {
  #listening = false;
  #ended = false;

  override write(_: 1 | 2, bytes: Uint8Array): void {
    times.printed(bytes.length);
  }

  override listen(): void {
    this.#listening = true;
  }

  override poll(takeInput: boolean): ReturnType<ProcessDevices['poll']> {
    const event = super.poll(takeInput);
    if (event !== null || !this.#listening || this.#ended || !takeInput) return event;
    this.#ended = true;
    return { kind: 'end' };
  }

  override sleep(deadlineNs: bigint): void {
    if (this.#ended || deadlineNs !== 0n) super.sleep(deadlineNs);
    else this.listen();
  }
}

const devices = new CountedDevices(data.arguments, data.disks);
const module = new WebAssembly.Module(data.module);
times.begin();
new PlainMachine(devices).run(module);
times.end();
await devices.close();
parentPort?.postMessage('ended');
