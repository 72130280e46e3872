// Many seeds of the simulator, on several cores: some seeds at a time to each thread, and the sums.

import { Worker } from 'node:worker_threads';
import type { RareState } from '../simulator/sometimes.js';
import type { FailedSeed, SeedsDone, SeedsGiven } from './seeds-worker.js';

/** Of one thread at a time: about a quarter of a second. */
const SEEDS_AT_A_TIME = 25;

export interface SeedsOptions {
  /** One of engine/simulator/kinds.ts. */
  readonly kind: string;
  readonly from: number;
  readonly seeds: number;
  readonly threads: number;
  /** So many failures are enough: no more seeds are begun. */
  readonly failuresMax: number;
  /** What was done until then counts. */
  readonly signal?: AbortSignal;
  readonly progress?: (sums: SeedsSums) => void;
}

export interface SeedsSums {
  runs: number;
  finished: number;
  events: number;
  virtualMs: number;
  readonly visited: Map<RareState, number>;
  /** By seed. */
  failures: FailedSeed[];
}

export function noSeeds(): SeedsSums {
  return { runs: 0, finished: 0, events: 0, virtualMs: 0, visited: new Map(), failures: [] };
}

/** @throws what a thread met: a defect of the simulator itself */
export async function simulateSeeds(options: SeedsOptions): Promise<SeedsSums> {
  const { from, seeds, threads, failuresMax, signal, progress } = options;
  const sums = noSeeds();
  let next = from;
  const given = (): SeedsGiven | undefined => {
    const count = Math.min(SEEDS_AT_A_TIME, from + seeds - next);
    if (count <= 0 || sums.failures.length >= failuresMax || signal?.aborted === true) return undefined;
    next += count;
    return { kind: options.kind, from: next - count, count };
  };
  const done = (part: SeedsDone): void => {
    add(sums, part);
    progress?.(sums);
  };
  const count = Math.min(threads, Math.ceil(seeds / SEEDS_AT_A_TIME));
  await Promise.all(Array.from({ length: count }, () => thread(given, done, signal)));
  return sums;
}

function add(sums: SeedsSums, { runs, finished, events, virtualMs, visited, failures }: SeedsDone): void {
  sums.runs += runs;
  sums.finished += finished;
  sums.events += events;
  sums.virtualMs += virtualMs;
  for (const [state, times] of visited) sums.visited.set(state, (sums.visited.get(state) ?? 0) + times);
  sums.failures = [...sums.failures, ...failures].sort((a, b) => a.seed - b.seed);
}

/** Resolves when there is nothing more to be given, or nothing more is wanted. */
async function thread(
  given: () => SeedsGiven | undefined,
  done: (part: SeedsDone) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const first = given();
  if (first === undefined) return;
  const worker = new Worker(new URL('./seeds-worker.js', import.meta.url));
  let enough: () => void = () => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      enough = resolve;
      signal?.addEventListener('abort', enough);
      worker.once('error', reject);
      worker.on('message', (part: SeedsDone) => {
        done(part);
        const more = given();
        if (more === undefined) resolve();
        else worker.postMessage(more);
      });
      worker.postMessage(first);
    });
  } finally {
    signal?.removeEventListener('abort', enough);
    await worker.terminate();
  }
}
