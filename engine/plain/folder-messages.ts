// What the plain machine's two threads say to each other of its folders: operations there, completions back.

import type { MessagePort } from 'node:worker_threads';
import type { DeviceSource } from '../../devices/device-kind.js';
import type { OperationId } from '../protocol/vocabulary.js';

export interface FolderCompletion {
  readonly id: OperationId;
  readonly status: number;
  readonly data: Uint8Array;
}

/** What the folders' thread is given. */
export interface FolderThreadData {
  readonly folders: readonly DeviceSource[];
  /** Operations come from there, completions go there; null: the guest is over. */
  readonly port: MessagePort;
  readonly bell: SharedArrayBuffer;
}

/** The thread's first message to who started it. */
export type FoldersOpened =
  | 'opened'
  | { readonly refused: { readonly code: string; readonly message: string; readonly hint: string } };
