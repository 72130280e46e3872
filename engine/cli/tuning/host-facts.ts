// What a reader has to know of this host to believe a figure: its processors, and who else uses them.

import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';

export interface HostFacts {
  readonly processor: string;
  readonly parallelism: number;
  /** Mean of the last minute when it began: its own load is not in it. */
  readonly loadBefore: number;
  /** Part of the time that another guest of the hypervisor below had this host's processors; undefined: not told. */
  readonly stealPart: number | undefined;
}

/** Guest and I/O thread of two replicas, and the bus: with fewer processors they take turns. */
const PROCESSORS_OF_A_PAIR = 3;
const BUSY_LOAD = 0.5;
const STEAL_PART = 0.02;

/** Call when measuring begins; what it answers is asked for at its end. */
export function observeHost(): () => HostFacts {
  const before = jiffies();
  const loadBefore = loadavg()[0] ?? 0;
  return () => {
    const after = jiffies();
    const stealPart = before && after && (after.steal - before.steal) / Math.max(1, after.all - before.all);
    const processor = cpus()[0]?.model.trim() ?? 'an unknown processor';
    return { processor, parallelism: availableParallelism(), loadBefore, stealPart };
  };
}

/** Of all processors since the start; undefined where there is no /proc. */
function jiffies(): { readonly steal: number; readonly all: number } | undefined {
  try {
    const fields = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.trim().split(/\s+/).slice(1, 9).map(Number);
    return { steal: fields[7] ?? 0, all: fields.reduce((sum, field) => sum + field, 0) };
  } catch {
    return undefined;
  }
}

/** What this host takes from the replicas, a line each; empty where they have it to themselves. */
export function sharing({ parallelism, loadBefore, stealPart }: HostFacts): string[] {
  const lines: string[] = [];
  if (parallelism < PROCESSORS_OF_A_PAIR) {
    const have = parallelism === 1 ? 'a single processor' : `${parallelism} processors`;
    lines.push(`Primary, backup and bus share ${have} here: on hosts of their own a pair costs less.`);
  }
  if (loadBefore > BUSY_LOAD) {
    lines.push(
      `Other programs kept ${loadBefore.toFixed(1)} processors busy before it began: figures include their share.`,
    );
  }
  if ((stealPart ?? 0) > STEAL_PART) {
    lines.push(`The hypervisor below took ${(100 * stealPart!).toFixed(0)} % of the processors' time.`);
  }
  return lines;
}
