// The thread of a timed plain run: a guest on the plain machine whose output is counted and not kept.

import { parentPort, workerData } from 'node:worker_threads';
import '../instance/webassembly.js';
import { Bell } from './bell.js';
import { ProcessDevices } from './plain-devices.js';
import { PlainFolders } from './plain-folders.js';
import { PlainMachine } from './plain-machine.js';
import { type PlainThreadData, PlainTimes } from './plain-times.js';
import { PlainWasiMachine } from './plain-wasi-machine.js';

const data = workerData as PlainThreadData;
const times = new PlainTimes(data.memory);

/** Output is counted, standard input is empty. */
class CountedDevices extends ProcessDevices {
  #ended = false;

  override write(_: 1 | 2, bytes: Uint8Array): void {
    times.printed(bytes.length);
  }

  override listen(): void {
    this.listens = true;
  }

  override poll(takeInput: boolean): ReturnType<ProcessDevices['poll']> {
    const event = super.poll(takeInput);
    if (event !== null || !this.listens || this.#ended || !takeInput) return event;
    this.#ended = true;
    return { kind: 'end' };
  }
}

const bell = Bell.allocate();
const folders = await PlainFolders.open(data.folders ?? [], bell);
const devices = new CountedDevices(data.arguments, { disks: data.disks, bell, folders });
const machine = data.wasi === undefined ? new PlainMachine(devices) : new PlainWasiMachine(devices, data.wasi);
const module = new WebAssembly.Module(data.module);
times.begin();
machine.run(module);
times.end();
await devices.close();
parentPort?.postMessage('ended');
