// Where a replay is to stop: a hook (guest/boundary-hook.ts) that says what the guest's state is there, and lets it go no further.

import { createHash } from 'node:crypto';
import type { BoundaryHook, HookedReplica, HookModule } from '../guest/boundary-hook.js';

/** An instruction: so many of the epoch's have been executed. */
export interface Instruction {
  readonly epoch: number;
  readonly instruction: number;
}

/** The first safe point at or after an instruction, and the guest's state there. */
export interface StateThere extends Instruction {
  /** Instructions executed since the machine's start. */
  readonly count: number;
  readonly outstanding: number;
  /** SHA-256 of the guest's memory, hexadecimal, and its size in bytes. */
  readonly digest: string;
  readonly memoryBytes: number;
}

//   report   i32 there | padding | f64 epoch, instruction, count, outstanding, bytes of memory | 32 bytes digest
const NUMBERS_AT = 8;
const NUMBERS = 5;
const DIGEST_AT = NUMBERS_AT + 8 * NUMBERS;
const DIGEST_BYTES = 32;

/** One end of the report, for who waits for it: it is what the hook is given of its replica. */
export class StopReport {
  readonly #memory = new SharedArrayBuffer(DIGEST_AT + DIGEST_BYTES);

  hook(to: Instruction): HookModule & { readonly replica: HookedReplica } {
    return { module: import.meta.url, options: to, replica: { incarnation: 'replay', shared: this.#memory } };
  }

  /** Undefined: it was not reached so far. */
  get there(): StateThere | undefined {
    if (Atomics.load(new Int32Array(this.#memory, 0, 1), 0) === 0) return undefined;
    const [epoch, instruction, count, outstanding, memoryBytes] = new Float64Array(this.#memory, NUMBERS_AT, NUMBERS);
    const digest = Buffer.from(new Uint8Array(this.#memory, DIGEST_AT)).toString('hex');
    return {
      epoch: epoch!,
      instruction: instruction!,
      count: count!,
      outstanding: outstanding!,
      digest,
      memoryBytes: memoryBytes!,
    };
  }
}

/** On the guest thread. */
export function newHook({ epoch, instruction }: Instruction, { shared: report }: HookedReplica): BoundaryHook {
  const wantedCount = (present: number, epochStart: number): number => {
    if (present < epoch) return Infinity;
    return present === epoch ? epochStart + instruction : 0;
  };
  return {
    wantedCount,
    boundary: (place, memory) => {
      if (place.count < wantedCount(place.epoch, place.epochStart)) return;
      const bytes = memory();
      const { count, epochStart, outstanding } = place;
      const numbers = new Float64Array(report, NUMBERS_AT, NUMBERS);
      numbers.set([place.epoch, count - epochStart, count, outstanding, bytes.length]);
      new Uint8Array(report, DIGEST_AT).set(createHash('sha256').update(bytes).digest());
      const there = new Int32Array(report, 0, 1);
      Atomics.store(there, 0, 1);
      // Until its thread is ended.
      Atomics.wait(there, 0, 1);
    },
  };
}
