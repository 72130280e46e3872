// A guest that reads its clocks: what it gets is what is logged, and time goes forward however it is read.

import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { Guest } from '../../engine/guest/guest.js';
import type { MachineOptions } from '../../engine/guest/machine-options.js';
import type { GuestThreadData } from '../../engine/guest/thread-data.js';
import { Meter } from '../../engine/instance/meter.js';
import { SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../../engine/protocol/clock.js';
import type { LogEntry } from '../../engine/protocol/vocabulary.js';
import { SharedBlock, WORD_IO_POLLING } from '../../engine/threads/shared.js';
import { EntryDecoder } from '../../engine/wire/log-entries.js';
import { readLog } from '../../engine/wire/records.js';

const OPTIONS: MachineOptions = {
  epochLength: 1000,
  variant: 'deferred',
  counting: 'block',
  operationIds: true,
  maxMemory: 1 << 20,
  arguments: ['program'],
  devices: [],
  // Long enough ago that the time in ns takes more than 32 bits.
  bornMs: Date.now() - 100_000,
};

function newPrimary() {
  const memory = SharedBlock.allocate();
  const shared = new SharedBlock(memory);
  shared.words[WORD_IO_POLLING] = 1;
  const data: GuestThreadData = {
    memory,
    module: new Uint8Array(0),
    options: OPTIONS,
    role: 'primary',
    moduleCache: false,
    restores: false,
    port: new MessageChannel().port1,
  };
  const guest = new Guest(data, shared, new Meter(), () => 1n);
  const decoder = new EntryDecoder();
  const logged = (): LogEntry[] => {
    const entries: LogEntry[] = [];
    const readOne = () =>
      shared.toIo.read((_, bytes, at, length) => {
        entries.push(...decoder.decode(readLog(bytes, at, length).part));
      });
    while (readOne());
    return entries;
  };
  return { guest, logged };
}

describe('P0: a clock read into memory', () => {
  it('gives the guest the value that is logged, for either clock and in either way', () => {
    const { guest, logged } = newPrimary();
    const view = new DataView(new ArrayBuffer(24));
    const given: { source: number; value: bigint }[] = [];
    for (let round = 0; round < 50; round++) {
      // The first read after the end of an epoch logs that first, and takes the long way.
      if (round % 10 === 9) guest.boundary((round + 1) * 1000);
      for (const source of [SOURCE_MONOTONIC, SOURCE_REAL_TIME] as const) {
        guest.clock(source, view, 8);
        given.push({ source, value: view.getBigUint64(8, true) });
        given.push({ source, value: guest.environment(source) });
      }
    }
    // FL: at the latest, what was logged goes with the boundary.
    guest.boundary(51_000);
    expect(view.getBigUint64(0, true)).toBe(0n);
    expect(view.getBigUint64(16, true)).toBe(0n);
    const values = logged().flatMap(entry => (entry.type === 'value' ? [entry] : []));
    expect(values.map(({ source, value }) => ({ source, value }))).toEqual(given);
    for (const source of [SOURCE_MONOTONIC, SOURCE_REAL_TIME]) {
      const times = given.filter(each => each.source === source).map(({ value }) => value);
      expect(times).toEqual(times.toSorted((one, other) => (one < other ? -1 : one > other ? 1 : 0)));
      expect(times[0]).toBeGreaterThan(2n ** 32n);
    }
  });
});
