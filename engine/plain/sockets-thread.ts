// The thread that has the plain machine's sockets: its guest's thread blocks, and can't have an event loop.

import { parentPort, workerData } from 'node:worker_threads';
import { SocketListener } from '../../devices/listener/socket-listener.js';
import { EpochvisorError } from '../errors/errors.js';
import { Bell } from './bell.js';
import type { SocketAction, SocketEvent, SocketsOpened, SocketThreadData } from './socket-messages.js';
import { SocketWindows } from './socket-windows.js';

const { addresses, port, bell: memory } = workerData as SocketThreadData;
const bell = new Bell(memory);

/** What comes in one turn of the event loop goes in one message, as soon as all sockets were looked at. */
let gathered: SocketEvent[] = [];

function tell(event: SocketEvent): void {
  if (gathered.length === 0) setImmediate(send);
  gathered.push(event);
}

function send(): void {
  port.postMessage(gathered);
  gathered = [];
  bell.ring();
}

/** Listens; undefined: it can't, and that was told. */
async function open(): Promise<SocketListener | undefined> {
  try {
    return await SocketListener.open(addresses);
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    parentPort?.postMessage({ refused: { message: error.message, hint: error.hint } } satisfies SocketsOpened);
    return undefined;
  }
}

const listener = await open();
if (listener !== undefined) {
  const windows = new SocketWindows(listener, tell);
  port.on('message', (actions: readonly SocketAction[] | null) => {
    for (const action of actions ?? []) windows.perform(action);
    if (actions !== null) return;
    // What was written still leaves; with the last socket the thread ends.
    void listener.close();
    port.close();
  });
  listener.start(windows);
  parentPort?.postMessage({ addresses: listener.addresses } satisfies SocketsOpened);
}
