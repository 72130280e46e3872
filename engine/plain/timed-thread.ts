// The thread of a timed plain run: a guest on the plain machine whose output is counted and not kept, as its operations are.

import { parentPort, workerData } from 'node:worker_threads';
import '../instance/webassembly.js';
import { EpochvisorError } from '../errors/errors.js';
import { Bell } from './bell.js';
import { ProcessDevices } from './plain-devices.js';
import { PlainFolders } from './plain-folders.js';
import { PlainMachine } from './plain-machine.js';
import type { PlainEvent, PlainOperation } from './plain-port.js';
import { PlainSockets } from './plain-sockets.js';
import { type PlainThreadData, type PlainThreadMessage, PlainTimes } from './plain-times.js';
import { PlainWasiMachine } from './plain-wasi-machine.js';

const data = workerData as PlainThreadData;
const times = new PlainTimes(data.memory);

/** Bytes of standard input told at once: what one read of a pipe gives. */
const INPUT_CHUNK_BYTES = 1 << 16;

function say(message: PlainThreadMessage): void {
  parentPort?.postMessage(message);
}

/** Output is counted, standard input is given beforehand. */
class CountedDevices extends ProcessDevices {
  #input = data.input ?? new Uint8Array(0);
  #ended = false;

  override write(_: 1 | 2, bytes: Uint8Array): void {
    times.putOut(bytes.length);
  }

  override start(operation: PlainOperation): number {
    times.putOut(1);
    return super.start(operation);
  }

  override listen(): void {
    this.listens = true;
  }

  override poll(takeInput: boolean): ReturnType<ProcessDevices['poll']> {
    const event = super.poll(takeInput);
    if (event !== null || !this.listens || this.#ended || !takeInput) return event;
    return this.#nextInput();
  }

  #nextInput(): PlainEvent {
    const bytes = this.#input.subarray(0, INPUT_CHUNK_BYTES);
    this.#input = this.#input.subarray(bytes.length);
    this.#ended = bytes.length === 0;
    return this.#ended ? { kind: 'end' } : { kind: 'input', bytes };
  }

  override sleep(deadlineNs: bigint): void {
    // Input is there at once.
    if (!this.listens || this.#ended) super.sleep(deadlineNs);
  }
}

async function openSockets(bell: SharedArrayBuffer): Promise<PlainSockets | undefined> {
  if (data.listen === undefined || data.listen.length === 0) return undefined;
  const sockets = await PlainSockets.open(data.listen, bell);
  say({ type: 'listens', addresses: sockets.addresses });
  return sockets;
}

try {
  const bell = Bell.allocate();
  const folders = await PlainFolders.open(data.folders ?? [], bell, () => times.putOut(1));
  const sockets = await openSockets(bell);
  const devices = new CountedDevices(data.arguments, {
    disks: data.disks,
    bell,
    folders,
    ...(sockets === undefined ? {} : { sockets }),
  });
  const machine = data.wasi === undefined ? new PlainMachine(devices) : new PlainWasiMachine(devices, data.wasi);
  const module = data.module instanceof WebAssembly.Module ? data.module : new WebAssembly.Module(data.module);
  times.begin();
  const outcome = machine.run(module);
  times.end();
  await devices.close();
  say({ type: 'ended', outcome: { kind: outcome.kind, status: outcome.kind === 'exit' ? outcome.status : 0 } });
} catch (error) {
  if (!(error instanceof EpochvisorError)) throw error;
  say({ type: 'refused', code: error.code, message: error.message, hint: error.hint });
}
