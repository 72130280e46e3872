// What a guest thread is started with, the port between it and the I/O thread, and the name that it goes by.

import { writeFileSync } from 'node:fs';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { ModuleCache } from '../cache/rewritten-modules.js';
import type { StatePort } from '../threads/thread-ports.js';
import type { HookedReplica, HookModule } from './boundary-hook.js';
import type { MachineOptions } from './machine-options.js';

export interface GuestThreadData {
  readonly memory: SharedArrayBuffer;
  readonly module: Uint8Array;
  readonly options: MachineOptions;
  readonly role: 'primary' | 'backup';
  readonly moduleCache: ModuleCache;
  /**
   * Whether clones are made by a thread beside the guest's, which takes a moment to get ready before a snapshot, so that the
   * guest stands still the shorter; `always`: snapshots are taken again and again, it stays ready. Default: by the guest thread
   * itself, at once.
   */
  readonly clonesBeside?: 'when asked' | 'always';
  /** What a test does at this guest's boundaries. */
  readonly hook?: HookModule & { readonly replica: HookedReplica };
  /** The guest goes on from a GuestState, which is in `port` when the guest may begin. */
  readonly restores: boolean;
  /** Moves snapshots: memory to put them into one way, states both ways. */
  readonly port: MessagePort;
}

/** The port of one end. */
export function statePort(port: MessagePort): StatePort {
  return {
    post: message => port.postMessage(message),
    take: () => (receiveMessageOnPort(port) as { message: unknown } | undefined)?.message,
  };
}

/** As `top -H` and /proc show it: whoever measures finds the thread by it. */
export const GUEST_THREAD_NAME = 'guest';

/** Names the calling thread. */
export function nameGuestThread(): void {
  try {
    writeFileSync('/proc/thread-self/comm', GUEST_THREAD_NAME);
  } catch {
    // Linux alone has names there, and a sandbox may forbid them: nothing but a measurement depends on it.
  }
}
