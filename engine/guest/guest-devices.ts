// What stands between guest and machine: the virtual hardware of bare guests, or the kernel of WASI programs.

import type { Interrupt } from '../protocol/vocabulary.js';
import type { Dispatch } from './interrupt-controller.js';

export interface GuestDevices {
  /** At a boundary: data enters guest-visible state; answers what the guest's handler is to be called with, if it is. */
  deliver(interrupt: Interrupt): Dispatch | undefined;
  /** At the end of each boundary at which something was delivered: may ask the machine for anything but the environment. */
  settle(): void;
  /** No code of the guest is left to run; once. */
  end?(): void;
  /** Whether a guest that has ended has nothing left to be done. */
  readonly idle: boolean;
  /** Bytes of file contents, which `save` hands to `copy`. */
  readonly contentBytes: number;
  /**
   * Plain data that differs where the state does: all that is small, and of what is large a part.
   *
   * @param turn another number, another part
   */
  sample(turn: number): unknown;
  /** All state, as plain data. */
  save(copy: (bytes: Uint8Array) => Uint8Array): unknown;
}
