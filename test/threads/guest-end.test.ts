// What the guest thread logs, as the I/O thread finds it in the ring: when it comes, in which order, and that nothing is lost.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import { SOURCE_MONOTONIC } from '../../engine/protocol/clock.js';
import type { LogEntry, Output } from '../../engine/protocol/vocabulary.js';
import { GuestEnd } from '../../engine/threads/guest-end.js';
import { SharedBlock, WORD_ALONE, WORD_IO_POLLING, WORD_TO_IO_BELL } from '../../engine/threads/shared.js';
import { EntryDecoder } from '../../engine/wire/log-entries.js';
import { RECORD_LIVE, RECORD_LOG, RECORD_OUTPUT, readLog, readOutputRecord } from '../../engine/wire/records.js';

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

  it('is gathered where the I/O thread looks by itself, and goes with the boundary in one record and no bell', () => {
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

  it('is rung for once, and a release with what comes after it, or at the boundary', () => {
    const { link, bell, take } = newLink(true);
    const release: Output = { type: 'releaseInput', stream: 0, offset: 1 };
    link.flush();
    expect(bell()).toBe(0);
    link.log(value(1));
    link.flush();
    link.flush();
    expect(bell()).toBe(1);
    link.output(link.logged, release, 'epoch');
    expect(bell()).toBe(1);
    link.output(link.logged, { type: 'stream', stream: 1, offset: 0, bytes: new Uint8Array(3) });
    link.ship();
    link.flush();
    expect(bell()).toBe(2);
    link.output(link.logged, release, 'epoch');
    link.ship();
    expect(bell()).toBe(3);
    link.output(link.logged, release, 'look');
    link.ship();
    expect(bell()).toBe(3);
    link.flush();
    expect(bell()).toBe(4);
    expect(take()).toHaveLength(5);
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

describe('a ring that is full', () => {
  /** An entry of up to 500 bytes just fits half of it; what is gathered is smaller than many entries, and than the ring. */
  const RING_BYTES = 1024;
  const bounds = { ...BOUNDS, gatheredBytes: 128, streamPieceBytes: 256 };

  function newFull() {
    const shared = new SharedBlock(SharedBlock.allocate(RING_BYTES));
    const link = new GuestEnd(shared, undefined, bounds);
    const decoder = new EntryDecoder();
    /** The oldest record, as what is in it. */
    const read = (): unknown[] => {
      let items: unknown[] = [];
      shared.toIo.read((type, bytes, at, length) => {
        if (type === RECORD_LOG) items = decoder.decode(readLog(bytes, at, length).part);
        else if (type === RECORD_OUTPUT) items = [readOutputRecord(bytes, at, length)];
        else items = [new DataView(bytes.buffer, bytes.byteOffset + at, length).getFloat64(0, true)];
      });
      return items;
    };
    const readAll = (): unknown[] => {
      const items: unknown[] = [];
      for (let more = read(); more.length > 0; more = read()) items.push(...more);
      return items;
    };
    return { shared, link, read, readAll };
  }

  const text = (offset: number, length: number): Output => {
    return { type: 'stream', stream: 1, offset, bytes: new Uint8Array(length).fill(length) };
  };

  it('stops the guest and rings the bell, and nothing waits here: the rest is written when there is room', () => {
    const { shared, link, readAll } = newFull();
    for (let at = 0; at < 6; at++) link.output(0, text(at, 200));
    expect(link.full).toBe(true);
    const bell = shared.words[WORD_TO_IO_BELL];
    expect(link.makeRoom()).toBe(false);
    expect(shared.words[WORD_TO_IO_BELL]).not.toBe(bell);
    const before = readAll();
    expect(link.makeRoom()).toBe(true);
    expect(link.full).toBe(false);
    expect([...before, ...readAll()]).toEqual(
      Array.from({ length: 6 }, (_, at) => ({ position: 0, output: text(at, 200) })),
    );
  });

  it('is not overtaken by something small that would still fit', () => {
    const { link, readAll } = newFull();
    let outputs = 0;
    for (; !link.full && outputs < 100; outputs++) link.output(0, text(outputs, 250));
    link.log(value(5));
    link.tellNumber(RECORD_LIVE, 6);
    const before = readAll();
    expect(before).toHaveLength(outputs - 1);
    expect(link.makeRoom()).toBe(true);
    expect(readAll()).toEqual([{ position: 0, output: text(outputs - 1, 250) }, value(5), 6]);
  });

  it('loses, doubles and turns round nothing, whatever is logged, put out and told, and whenever it is read', () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('value' as const), number: fc.nat(1 << 30) }),
      fc.record({ what: fc.constant('clock' as const), number: fc.nat(1 << 30) }),
      // Smaller and larger than what is gathered.
      fc.record({ what: fc.constant('delivery' as const), bytes: fc.nat(400) }),
      // Larger ones are cut into pieces.
      fc.record({ what: fc.constant('output' as const), bytes: fc.nat(600) }),
      fc.record({ what: fc.constant('tell' as const), number: fc.nat(99) }),
      fc.constantFrom(
        { what: 'ship' } as const,
        { what: 'flush' } as const,
        { what: 'read' } as const,
        { what: 'makeRoom' } as const,
        { what: 'polling' } as const,
      ),
    );
    let timesFull = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), steps => {
        const { shared, link, read, readAll } = newFull();
        const [said, heard]: [unknown[], unknown[]] = [[], []];
        let offset = 0;
        const entry = (one: LogEntry) => {
          link.log(one);
          said.push(one);
        };
        for (const one of steps) {
          if (one.what === 'value') entry(value(one.number));
          else if (one.what === 'delivery') entry(delivery(one.bytes));
          else if (one.what === 'clock') {
            link.logClock(SOURCE_MONOTONIC, one.number, 3);
            said.push({ type: 'value', source: SOURCE_MONOTONIC, value: (3n << 32n) + BigInt(one.number) });
          } else if (one.what === 'output') {
            const output = text(offset, one.bytes) as Output & { readonly type: 'stream' };
            link.output(link.logged, output);
            for (let at = 0; at === 0 || at < one.bytes; at += 256) {
              const bytes = output.bytes.subarray(at, at + 256);
              said.push({ position: link.logged, output: { ...output, offset: offset + at, bytes } });
            }
            offset += one.bytes;
          } else if (one.what === 'tell') {
            link.tellNumber(RECORD_LIVE, one.number);
            said.push(one.number);
          } else if (one.what === 'read') heard.push(...read());
          else if (one.what === 'polling') shared.words[WORD_IO_POLLING] = 1 - shared.words[WORD_IO_POLLING]!;
          else link[one.what]();
          if (link.full) timesFull += 1;
        }
        link.flush();
        for (let turns = 0; !link.makeRoom(); turns++) {
          expect(turns).toBeLessThan(1_000);
          heard.push(...readAll());
        }
        heard.push(...readAll());
        expect(heard).toEqual(said);
      }),
    );
    // It says something only where the ring was full.
    expect(timesFull).toBeGreaterThan(100);
  });
});
