// The folders of a WASI program on the plain machine, as the guest's thread has them: operations that go, and completions.
//
// Behind them is the device that a replicated machine has, on a thread of its own. It could not be done on the guest's
// thread: the device is asynchronous, and a second one, synchronous, would be another program to compare with. What a program
// changes in its memory and tells the device later, and what it waits for, is thus the same as on a pair; what a
// pair pays for its folders beyond that is what the figures show.

import { once } from 'node:events';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { DeviceSource } from '../../devices/device-kind.js';
import { EpochvisorError } from '../errors/errors.js';
import type { Operation } from '../protocol/vocabulary.js';
import type { FolderCompletion, FoldersOpened, FolderThreadData } from './folder-messages.js';
import type { FolderDevices, PlainEvent } from './plain-port.js';

export class PlainFolders implements FolderDevices {
  readonly #thread: Worker;
  readonly #port: MessagePort;
  readonly #started: () => void;
  /** Operations started and not ended. */
  #outstanding = 0;

  /**
   * Opens all folders, or none; undefined where there are none to open.
   * @param bell rung when `next` has something
   * @param started called for each operation
   * @throws EpochvisorError as the kind says: DIR_MISSING, DIR_UNUSABLE, DIR_UNREADABLE
   */
  static async open(
    folders: readonly DeviceSource[],
    bell: SharedArrayBuffer,
    started: () => void = () => undefined,
  ): Promise<PlainFolders | undefined> {
    if (folders.length === 0) return undefined;
    const { port1, port2 } = new MessageChannel();
    const workerData: FolderThreadData = { folders, port: port2, bell };
    const url = new URL('./folders-thread.js', import.meta.url);
    const thread = new Worker(url, { workerData, transferList: [port2], stdin: false });
    const [opened] = (await once(thread, 'message')) as [FoldersOpened];
    if (opened === 'opened') return new PlainFolders(thread, port1, started);
    port1.close();
    const { code, message, hint } = opened.refused;
    throw new EpochvisorError(code, message, hint);
  }

  private constructor(thread: Worker, port: MessagePort, started: () => void) {
    this.#thread = thread;
    this.#started = started;
    this.#port = port;
  }

  /** Whether a completion is still to come. */
  get isBusy(): boolean {
    return this.#outstanding > 0;
  }

  start(operation: Operation): void {
    this.#outstanding += 1;
    this.#started();
    this.#port.postMessage(operation);
  }

  /** The next completion, or null where none has come. */
  next(): PlainEvent | null {
    if (this.#outstanding === 0) return null;
    const received = receiveMessageOnPort(this.#port) as { message: FolderCompletion } | undefined;
    if (received === undefined) return null;
    this.#outstanding -= 1;
    const { id, status, data } = received.message;
    return { kind: 'completion', number: id, status, data };
  }

  /** Resolves when everything is given back. */
  async close(): Promise<void> {
    this.#port.postMessage(null);
    await once(this.#thread, 'exit');
  }
}
