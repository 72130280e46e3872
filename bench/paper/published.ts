// What the paper measured (Bressoud and Schneider, SOSP 1995, sections 4.1 to 4.3): time with a live backup over time on
// the bare machine, for its two workloads.

export interface Published {
  readonly original?: number;
  readonly revised?: number;
}

export type Workload = 'cpu' | 'write' | 'read';

/** By epoch length in instructions. Of 32,000 and 385,000 their model says it. */
export const PUBLISHED: Readonly<Record<Workload, Readonly<Record<number, Published>>>> = {
  cpu: {
    1000: { original: 22.24, revised: 11.67 },
    2000: { original: 11.83, revised: 4.49 },
    4000: { original: 6.5, revised: 3.21 },
    8000: { original: 3.83, revised: 2.2 },
    32000: { original: 1.84 },
    385000: { original: 1.24 },
  },
  write: {
    1000: { original: 1.87, revised: 1.7 },
    2000: { original: 1.71, revised: 1.66 },
    4000: { original: 1.67, revised: 1.66 },
    8000: { original: 1.64, revised: 1.64 },
  },
  read: {
    1000: { original: 2.32, revised: 1.92 },
    2000: { original: 2.1, revised: 1.76 },
    4000: { original: 2.03, revised: 1.72 },
    8000: { original: 1.98, revised: 1.7 },
  },
};

/** Of one operation of its disk, ms. */
export const DISK_MS = { write: 26, read: 24.2 } as const;
/** Of its machine, 50 MIPS. */
export const INSTRUCTIONS_PER_MS = 50_000;

/** One line for both directions. */
export interface SlowChannel {
  readonly roundTripMs: number;
  readonly bitsPerMs: number;
}

/** Its Ethernet; what its boundary costs is taken here as the round trip, half of it each way. */
export const PAPER_CHANNEL: SlowChannel = { roundTripMs: 0.443, bitsPerMs: 10_000 };
/** Tells replicas what their channel is like. */
export const SLOW_CHANNEL_VARIABLE = 'EPOCHVISOR_SLOW_CHANNEL';
