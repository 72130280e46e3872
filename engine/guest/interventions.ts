// What a failover test does to a replica from inside, at a place that is known exactly: kills it, or changes its memory.

import { writeFileSync } from 'node:fs';
import { assert } from '../errors/errors.js';
import type { BitFlip, KillPoint } from './machine-options.js';
import type { GuestThreadData } from './thread-data.js';

/** Where the guest is. */
export interface Place {
  readonly epoch: number;
  readonly epochStart: number;
  readonly count: number;
  readonly outstanding: number;
}

type Kill = NonNullable<GuestThreadData['kill']>;

/** The count at which the primary is to die, as far as it is known in this epoch. */
export function killCount(point: KillPoint, epoch: number, epochStart: number): number {
  if (point.at === 'count') return point.count;
  if (epoch < point.epoch) return Infinity;
  return epoch === point.epoch ? epochStart + point.instruction : 0;
}

/** SIGKILL, at the first boundary at or after the count; the proof is on disk before. */
export function killAt(kill: Kill, { epoch, epochStart, count, outstanding }: Place): void {
  if (count < killCount(kill.point, epoch, epochStart)) return;
  /** `atNs`: the host's monotonic clock, the same for all its processes. */
  const atNs = Number(process.hrtime.bigint());
  writeFileSync(kill.proofFile, JSON.stringify({ epoch, instruction: count - epochStart, count, outstanding, atNs }));
  process.kill(process.pid, 'SIGKILL');
  // The signal is asynchronous only in theory: nothing of this process runs on after it.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** A bit of the guest's memory changes, as it might by a fault of this host. */
export function flipBit({ address, bit }: BitFlip, memory: Uint8Array): void {
  assert(address < memory.length && bit >= 0 && bit < 8, 'the bit to flip lies in the memory of the guest');
  memory[address]! ^= 1 << bit;
}
