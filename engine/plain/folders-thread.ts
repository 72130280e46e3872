// The thread that has the plain machine's folders: their device answers by an event loop, which a guest's thread can't have.

import { parentPort, workerData } from 'node:worker_threads';
import { closeDevices, type OpenedDevices, openDevices } from '../../devices/opening.js';
import { EpochvisorError } from '../errors/errors.js';
import type { Operation } from '../protocol/vocabulary.js';
import { Bell } from './bell.js';
import type { FolderCompletion, FoldersOpened, FolderThreadData } from './folder-messages.js';

const { folders, port, bell: memory } = workerData as FolderThreadData;
const bell = new Bell(memory);

type Devices = OpenedDevices['devices'];

/** Undefined: they can't be opened, and that was told. */
async function open(): Promise<Devices | undefined> {
  try {
    return (await openDevices(folders)).devices;
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    const { code, message, hint } = error;
    parentPort?.postMessage({ refused: { code, message, hint } } satisfies FoldersOpened);
    return undefined;
  }
}

async function perform(devices: Devices, operation: Operation): Promise<void> {
  const { status, data } = await devices.get(operation.device)!.perform(operation);
  port.postMessage({ id: operation.id, status, data } satisfies FolderCompletion);
  bell.ring();
}

const devices = await open();
if (devices !== undefined) {
  port.on('message', (operation: Operation | null) => {
    if (operation !== null) void perform(devices, operation);
    else void closeDevices(devices).then(() => port.close());
  });
  parentPort?.postMessage('opened' satisfies FoldersOpened);
}
