// Runs a random program and writes down everything that a host can see of it.

import { createHash } from 'node:crypto';
import { instantiate } from '../../engine/index.js';
import { isException } from '../spec/traps.js';

/** What the host saw: calls with their values, how the program ended, memory, and counts where there is a counter. */
export interface Outcome {
  readonly calls: readonly string[];
  readonly end: string;
  /** SHA-256 of memory; undefined when the start function trapped. */
  readonly memory: string | undefined;
  /** The instruction count at each call and at the end; before instantiation is over it is not known: -1. */
  readonly counts: readonly number[];
}

type Exports = Readonly<Record<string, unknown>>;
interface Running {
  readonly exports: Exports;
  instructionCount(): number;
}

function observe(start: (imports: Record<string, Record<string, unknown>>) => Running): Outcome {
  const calls: string[] = [];
  const counts: number[] = [];
  let running: Running | undefined;
  let asked = 0;
  const note = (call: string): void => {
    calls.push(call);
    counts.push(running?.instructionCount() ?? -1);
  };
  const host = {
    see32: (value: number) => note(`see32 ${value}`),
    see64: (value: bigint) => note(`see64 ${value}`),
    ask: () => {
      note('ask');
      // Environment values: any sequence does, if it is always the same.
      asked = (Math.imul(asked, 0x19660d) + 0x3c6ef35f) | 0;
      return asked >> 8;
    },
  };
  let end = 'returned';
  try {
    running = start({ host });
    (running.exports.run as () => void)();
  } catch (error) {
    // An exception that got out of the start function; to us it is a trap.
    if (isException(error)) end = 'uncaught exception';
    else if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) end = error.message;
    else throw error;
  }
  counts.push(running?.instructionCount() ?? -1);
  return { calls, end, memory: running && digest(running.exports.memory as WebAssembly.Memory), counts };
}

function digest(memory: WebAssembly.Memory): string {
  return createHash('sha256').update(new Uint8Array(memory.buffer)).digest('hex');
}

/** On V8 as it is. A program that counts itself gives the counts of its own global. */
export function runPlain(bytes: Uint8Array<ArrayBuffer>): Outcome {
  return observe(imports => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
    const counted = exports.counted as WebAssembly.Global | undefined;
    return { exports, instructionCount: () => Number(counted?.value ?? 0n) };
  });
}

export function runRewritten(
  bytes: Uint8Array<ArrayBuffer>,
  counting: 'block' | 'exact',
  epochLength: number,
  onBoundary: () => void = () => {},
): Outcome {
  return observe(imports => instantiate(bytes, imports, { epochLength, counting, onBoundary }));
}

/** Unwound at every boundary and continued. */
export function runSuspended(
  bytes: Uint8Array<ArrayBuffer>,
  counting: 'block' | 'exact',
  epochLength: number,
  continueIn: 'same-instance' | 'fresh-instance' = 'same-instance',
): Outcome {
  const options = { epochLength, counting, suspendAt: 'every-boundary', continueIn } as const;
  return observe(imports => instantiate(bytes, imports, options));
}
