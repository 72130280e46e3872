// What the guest thread logs, as the I/O thread finds it in the ring: when it comes, in which order, and that nothing is lost.

import { describe, expect, it } from 'vitest';
import { SOURCE_MONOTONIC } from '../../engine/protocol/clock.js';
import type { LogEntry } from '../../engine/protocol/machine.js';
import { GuestEnd } from '../../engine/threads/guest-end.js';
import { SharedBlock, WORD_ALONE, WORD_IO_POLLING, WORD_TO_IO_BELL } from '../../engine/threads/shared.js';
import { EntryDecoder } from '../../engine/wire/entries.js';
import { RECORD_LOG, RECORD_OUTPUT, readLog } from '../../engine/wire/records.js';

interface Record {
  readonly type: number;
  readonly entries: LogEntry[];
}

/** Both ends in one thread: what is in the ring stays there until the test takes it. */
function newLink(polling: boolean) {
  const shared = new SharedBlock(SharedBlock.allocate());
  shared.words[WORD_IO_POLLING] = polling ? 1 : 0;
  const decoder = new EntryDecoder();
  const take = (): Record[] => {
    const records: Record[] = [];
    const readOne = () =>
      shared.toIo.read((type, bytes, at, length) => {
        if (type !== RECORD_LOG) {
          records.push({ type, entries: [] });
          return;
        }
        const { entries, part } = readLog(bytes, at, length);
        const decoded = decoder.decode(part);
        expect(entries).toBe(decoded.length);
        records.push({ type, entries: decoded });
      });
    while (readOne());
    return records;
  };
  return { link: new GuestEnd(shared), shared, take, bell: () => shared.words[WORD_TO_IO_BELL] };
}

const value = (number: number): LogEntry => ({ type: 'value', source: SOURCE_MONOTONIC, value: BigInt(number) });

const delivery = (bytes: number): LogEntry => ({
  type: 'end',
  epoch: 0,
  digest: { count: 7, submitted: 0, consumed: 0 },
  timeNs: 3,
  interrupts: [{ kind: 'stream', stream: 0, offset: 0, bytes: new Uint8Array(bytes).fill(9), end: false }],
});

describe('FL: what the guest thread logs', () => {
  it('goes at once, with a bell, where the I/O thread does not look by itself', () => {
    const { link, take, bell } = newLink(false);
    link.log(value(1));
    expect(bell()).toBe(1);
    expect(take()).toEqual([{ type: RECORD_LOG, entries: [value(1)] }]);
  });

  it('is gathered where it does, and goes with the boundary in one record and no bell', () => {
    const { link, take, bell } = newLink(true);
    link.log(value(1));
    link.logClock(SOURCE_MONOTONIC, 2, 0);
    link.log(value(3));
    expect(take()).toEqual([]);
    link.ship();
    expect(take()).toEqual([{ type: RECORD_LOG, entries: [value(1), value(2), value(3)] }]);
    expect(bell()).toBe(0);
    link.ship();
    expect(take()).toEqual([]);
  });

  it('goes before an output, and before whatever else is told', () => {
    const { link, take } = newLink(true);
    link.log(value(1));
    link.output(link.logged, { type: 'releaseInput', stream: 0, offset: 1 });
    link.log(value(2));
    link.tellLive(1, 2);
    link.log(value(3));
    link.tell(99, 'text');
    expect(take().map(({ type, entries }) => [type === RECORD_OUTPUT, entries.length])).toEqual([
      [false, 1],
      [true, 0],
      [false, 1],
      [false, 0],
      [false, 1],
      [false, 0],
    ]);
  });

  it('goes by itself when there is much of it, in order, whatever its size', () => {
    const { link, take } = newLink(true);
    const entries: LogEntry[] = [];
    for (let number = 0; number < 5000; number++) {
      const entry = number % 1000 === 999 ? delivery(number === 999 ? 100 : 70_000) : value(number * 1000);
      entries.push(entry);
      link.log(entry);
    }
    const before = take();
    expect(before.length).toBeGreaterThan(5);
    link.flush();
    expect([...before, ...take()].flatMap(record => record.entries)).toEqual(entries);
    expect(link.logged).toBe(entries.length);
  });

  it('goes with a bell when the I/O thread has stopped looking meanwhile', () => {
    const { link, shared, take, bell } = newLink(true);
    link.log(value(1));
    shared.words[WORD_IO_POLLING] = 0;
    link.ship();
    expect(bell()).toBe(1);
    expect(take()).toHaveLength(1);
  });

  it('is counted and thrown away where nobody takes the log', () => {
    const { link, shared, take } = newLink(true);
    shared.words[WORD_ALONE] = 1;
    link.log(value(1));
    link.logClock(SOURCE_MONOTONIC, 2, 0);
    link.flush();
    expect(take()).toEqual([]);
    expect(link.logged).toBe(2);
  });
});
