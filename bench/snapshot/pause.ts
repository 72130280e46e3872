// How long a guest stands still while a snapshot of it is taken, as the guest itself sees it: a real guest thread runs a
// guest that fills its memory and then reads the clock over and over, and tells the longest time between two readings.

import { FIRST_DISK } from '../../devices/disk/disk-commands.js';
import { DISK_KIND } from '../../devices/disk/disk-kind.js';
import type { GuestState } from '../../engine/guest/guest-state.js';
import type { MachineOptions } from '../../engine/guest/machine-options.js';
import { ThreadHost } from '../../engine/replica/thread-host.js';
import { encodeSnapshot } from '../../engine/snapshot/snapshot-encoder.js';
import { medianOf } from './median.js';

export interface Pause {
  readonly mebibytes: number;
  /** Longest time between two readings without a snapshot and with one, medians, ms. */
  readonly undisturbed_ms: number;
  readonly snapshot_ms: number;
  /** What the I/O thread takes afterwards to make the snapshot's bytes. */
  readonly encoding_ms: number;
  /** Longest time of a piece of them: what the I/O thread does not look at its sockets for. */
  readonly step_ms: number;
}

const MIB = 2 ** 20;

// (module (import "epochvisor" "clock" (func $clock (param i32) (result i64)))
//   (import "epochvisor" "device_size" (func $size (param i32) (result i64)))
//   (import "epochvisor" "stream_write" (func $write (param i32 i32 i32) (result i32))) (memory (export "memory") 1)
//   (func (export "_start") (local $end i64) (local $last i64) (local $now i64) (local $longest i64)
//     (drop (memory.grow (i32.wrap_i64 (i64.shr_u (call $size (i32.const 0x100)) (i64.const 16)))))
//     (memory.fill (i32.const 0) (i32.const 0x55) (i32.shl (memory.size) (i32.const 16)))
//     (i64.store (i32.const 8) (i64.const 1)) (drop (call $write (i32.const 1) (i32.const 8) (i32.const 8)))
//     (local.set $last (call $clock (i32.const 1)))
//     (local.set $end (i64.add (local.get $last) (i64.const 2000000000)))
//     (loop $again (local.set $now (call $clock (i32.const 1)))
//       (if (i64.gt_u (i64.sub (local.get $now) (local.get $last)) (local.get $longest))
//         (then (local.set $longest (i64.sub (local.get $now) (local.get $last)))))
//       (local.set $last (local.get $now)) (br_if $again (i64.lt_u (local.get $now) (local.get $end))))
//     (i64.store (i32.const 0) (local.get $longest)) (drop (call $write (i32.const 1) (i32.const 0) (i32.const 8)))))
const GUEST = Buffer.from(
  'AGFzbQEAAAABEANgAX8BfmADf39/AX9gAAACRwMKZXBvY2h2aXNvcgVjbG9jawAACmVwb2Nodmlzb3ILZGV2aWNlX3NpemUAAAplcG9jaHZpc29yDHN0cmVhbV93cml0ZQABAwIBAgUDAQABBxMCBm1lbW9yeQIABl9zdGFydAADCnYBdAEEfkGAAhABQhCIp0AAGkEAQdUAPwBBEHT8CwBBCEIBNwMAQQFBCEEIEAIaQQEQACEBIAFCgKjWuQd8IQADQEEBEAAhAiACIAF9IANWBEAgAiABfSEDCyACIQEgAiAAVA0AC0EAIAM3AwBBAUEAQQgQAhoL',
  'base64',
);

interface Round {
  readonly longest_ms: number;
  readonly encoding_ms: number;
  readonly step_ms: number;
}

function round(mebibytes: number, snapshot: boolean): Promise<Round> {
  const options: MachineOptions = {
    epochLength: 100_000,
    variant: 'deferred',
    counting: 'block',
    operationIds: true,
    maxMemory: 1024 * MIB,
    arguments: ['pause'],
    devices: [{ number: FIRST_DISK, kind: DISK_KIND.name, sizeBytes: (mebibytes - 1) * MIB }],
    bornMs: Date.now(),
  };
  const thread = new ThreadHost({
    module: GUEST,
    role: 'primary',
    moduleCache: false,
    clonesBeside: 'when asked',
    options,
  });
  let [position, outputs, encoding_ms, step_ms] = [0, 0, 0, 0];
  return new Promise((resolve, reject) => {
    const taken = (_: number, guest: GuestState) => {
      const begun = performance.now();
      let last = begun;
      for (const _ of encodeSnapshot({ machine: '', moduleHash: '', options, origin: null, guest })) {
        const now = performance.now();
        step_ms = Math.max(step_ms, now - last);
        last = now;
      }
      encoding_ms = last - begun;
    };
    thread.listen({
      logged: (_, entries) => {
        position += entries;
        thread.setAcknowledged(position, false);
      },
      output: (_, output) => {
        if (output.type !== 'stream') return;
        outputs += 1;
        // The first says that the memory is full, the second is the answer.
        if (outputs === 1) {
          if (snapshot) thread.requestSnapshot({ join: true, taken, failed: reject });
          return;
        }
        if (snapshot && encoding_ms === 0) reject(new Error('the guest came to its end before the snapshot'));
        const longest_ms = Number(Buffer.from(output.bytes).readBigUInt64LE()) / 1e6;
        void thread.terminate().then(() => resolve({ longest_ms, encoding_ms, step_ms }));
      },
      diverged: message => reject(new Error(message)),
      failed: message => reject(new Error(message)),
      loaded: () => thread.begin(),
      running: () => undefined,
      live: () => undefined,
      drained: () => undefined,
      congested: () => false,
    });
  });
}

async function pauseOf(mebibytes: number, turns: number): Promise<Pause> {
  const quiet: Round[] = [];
  const taken: Round[] = [];
  for (let count = 0; count < turns; count++) {
    quiet.push(await round(mebibytes, false));
    taken.push(await round(mebibytes, true));
  }
  return {
    mebibytes,
    undisturbed_ms: medianOf(quiet.map(({ longest_ms }) => longest_ms)),
    snapshot_ms: medianOf(taken.map(({ longest_ms }) => longest_ms)),
    encoding_ms: medianOf(taken.map(({ encoding_ms }) => encoding_ms)),
    step_ms: medianOf(taken.map(({ step_ms }) => step_ms)),
  };
}

export async function measurePauses(mebibytes: readonly number[], turns: number): Promise<readonly Pause[]> {
  const pauses: Pause[] = [];
  for (const each of mebibytes) pauses.push(await pauseOf(each, turns));
  return pauses;
}
