// What a failover test does to a primary from inside, at a place that is known exactly: kills it.

import { writeFileSync } from 'node:fs';
import type { BoundaryHook, HookModule, Place } from '../guest/boundary-hook.js';

/** The primary kills itself at the first safe point at or after this place. */
export type KillPoint =
  | { readonly at: 'epoch'; readonly epoch: number; readonly instruction: number }
  | { readonly at: 'count'; readonly count: number };

interface KillOptions {
  readonly point: KillPoint;
  readonly proofFile: string;
}

/** The primary's own words, on disk before its SIGKILL. */
export interface KillProof {
  readonly epoch: number;
  /** Instructions of that epoch that were executed. */
  readonly instruction: number;
  /** Instructions executed since the guest's start. */
  readonly count: number;
  /** Operations outstanding at the guest. */
  readonly outstanding: number;
  /** The host's monotonic clock, the same for all its processes. */
  readonly atNs: number;
}

/** @param proofFile where the KillProof is written */
export function killHook(point: KillPoint, proofFile: string): HookModule {
  return { module: import.meta.url, options: { point, proofFile } satisfies KillOptions };
}

/** On the guest thread. */
export function newHook({ point, proofFile }: KillOptions): BoundaryHook {
  const wantedCount = (epoch: number, epochStart: number): number => {
    if (point.at === 'count') return point.count;
    if (epoch < point.epoch) return Infinity;
    return epoch === point.epoch ? epochStart + point.instruction : 0;
  };
  return {
    wantedCount,
    boundary: place => {
      if (place.count >= wantedCount(place.epoch, place.epochStart)) killHere(place, proofFile);
    },
  };
}

function killHere({ epoch, epochStart, count, outstanding }: Place, proofFile: string): never {
  const atNs = Number(process.hrtime.bigint());
  const proof: KillProof = { epoch, instruction: count - epochStart, count, outstanding, atNs };
  writeFileSync(proofFile, JSON.stringify(proof));
  process.kill(process.pid, 'SIGKILL');
  // The signal is asynchronous only in theory: nothing of this process runs on after it.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
