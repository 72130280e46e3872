// The guest of a test: the path of its module, or its bytes.

import { basename } from 'node:path';
import { type GuestFile, readGuest } from '../cli/machine-flags.js';
import { checkLimit, ENGINE_LIMITS } from '../wasm/engine-limits.js';

export type TestGuest = string | Uint8Array;

/** Argument 0 of a guest that has no file. */
const NAMELESS = 'guest.wasm';

/** @throws EpochvisorError GUEST_MISSING, MODULE_TOO_LARGE */
export function guestFile(guest: TestGuest): GuestFile {
  if (typeof guest === 'string') return readGuest(guest);
  checkLimit(ENGINE_LIMITS.moduleBytes, guest.length, NAMELESS, 'as it is');
  return { path: NAMELESS, module: Buffer.from(guest) };
}

/** For people. */
export function guestName(guest: TestGuest): string {
  return typeof guest === 'string' ? basename(guest) : 'a guest in memory';
}
