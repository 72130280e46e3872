// The bytes of the log: literal, round trip with state, sizes, hostile.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Interrupt, LogEntry } from '../../engine/protocol/vocabulary.js';
import { CLOCK_MAX_BYTES, EntryDecoder, EntryEncoder, maxSize } from '../../engine/wire/log-entries.js';

const hex = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(..)(?=.)/g, '$1 ');
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** All entries by one encoder, each in a chunk of its own. */
function encodeAll(entries: readonly LogEntry[]): Uint8Array[] {
  const encoder = new EntryEncoder();
  return entries.map(entry => {
    const room = maxSize(entry);
    const target = new Uint8Array(room + 8).fill(0xee);
    const written = encoder.encode(entry, target, 4);
    expect(written).toBeLessThanOrEqual(room);
    expect([...target.subarray(0, 4), ...target.subarray(4 + written)].every(byte => byte === 0xee)).toBe(true);
    return target.slice(4, 4 + written);
  });
}

function encoded(encoder: EntryEncoder, entry: LogEntry): Uint8Array {
  const target = new Uint8Array(maxSize(entry));
  return target.slice(0, encoder.encode(entry, target, 0));
}

const digest = (count: number, submitted = 0, consumed = 0) => ({ count, submitted, consumed });

const unsigned = fc.oneof(fc.nat(300), fc.nat(), fc.maxSafeNat());
const id = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
const data = fc.uint8Array({ maxLength: 100 }).map(bytes => new Uint8Array(bytes));
const digests = fc.record({ count: unsigned, submitted: unsigned, consumed: unsigned });
const interrupt: fc.Arbitrary<Interrupt> = fc.oneof(
  fc.record({ kind: fc.constant('timer' as const), timeNs: unsigned }),
  fc.record({
    kind: fc.constant('stream' as const),
    stream: unsigned,
    offset: unsigned,
    bytes: data,
    end: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('completion' as const), operation: id, status: fc.integer(), data }),
  fc.record({ kind: fc.constant('uncertain' as const), operation: id }),
  fc.record({ kind: fc.constant('opened' as const), stream: unsigned, offset: unsigned, opened: unsigned, data }),
  fc.record({ kind: fc.constant('taken' as const), stream: unsigned, offset: unsigned }),
  fc.record({ kind: fc.constant('reset' as const), stream: unsigned }),
);
const epoch = fc.oneof(
  fc.nat(5),
  fc.maxSafeNat().map(number => Math.floor(number / 2)),
);
const word = fc.nat(0xffffffff);
const entry: fc.Arbitrary<LogEntry> = fc.oneof(
  fc.record({
    type: fc.constant('value' as const),
    source: fc.oneof(fc.constantFrom(0, 1, 2), unsigned),
    value: fc.oneof(fc.nat(5000).map(BigInt), int64),
  }),
  fc.record({ type: fc.constant('empty' as const), epochs: fc.nat(1000), digest: digests }),
  fc.record({
    type: fc.constant('end' as const),
    epoch,
    digest: digests,
    timeNs: unsigned,
    interrupts: fc.array(interrupt, { maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant('digest' as const),
    epoch,
    firstPage: unsigned,
    pages: unsigned,
    memory: word,
    kernel: word,
    globals: word,
  }),
  fc.record({ type: fc.constant('length' as const), epoch, epochLength: fc.integer({ min: 1, max: 1e9 }) }),
  fc.record({
    type: fc.constant('final' as const),
    epoch,
    outcome: fc.oneof(
      fc.record({ kind: fc.constant('exit' as const), status: fc.integer() }),
      fc.record({
        kind: fc.constant('trap' as const),
        message: fc.string({ unit: 'binary' }),
        count: unsigned,
        exact: fc.boolean(),
      }),
    ),
  }),
);

describe('entries', () => {
  test('what is written is read, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), entries => {
        expect(new EntryDecoder().decode(Buffer.concat(encodeAll(entries)))).toEqual(entries);
      }),
      { numRuns: 500 },
    );
  });

  test('a log may be cut between any two entries', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), entries => {
        const decoder = new EntryDecoder();
        expect(encodeAll(entries).flatMap(part => decoder.decode(part))).toEqual(entries);
      }),
    );
  });

  test('a clock given in halves has the bytes of the whole value', () => {
    const clock = fc.record({
      source: fc.constantFrom(0, 1),
      value: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    });
    fc.assert(
      fc.property(fc.array(clock, { maxLength: 20 }), values => {
        const [whole, halves] = [new EntryEncoder(), new EntryEncoder()];
        for (const { source, value } of values) {
          const [one, other] = [new Uint8Array(64), new Uint8Array(64)];
          const written = whole.encode({ type: 'value', source, value: BigInt.asIntN(64, value) }, one, 0);
          const low = Number(value & 0xffffffffn);
          expect(halves.encodeClock(source, low, Number(value >> 32n), other, 0)).toBe(written);
          expect(written).toBeLessThanOrEqual(CLOCK_MAX_BYTES);
          expect(other).toEqual(one);
        }
        // The digest after them counts them alike.
        const [one, other] = [new Uint8Array(64), new Uint8Array(64)];
        const after: LogEntry = { type: 'empty', epochs: 1, digest: digest(9, 0, values.length) };
        expect(halves.encode(after, other, 0)).toBe(whole.encode(after, one, 0));
        expect(other).toEqual(one);
      }),
    );
  });

  test('what one side remembers, another goes on with: a joining replica, a promoted backup', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), fc.array(entry, { maxLength: 20 }), (before, after) => {
        const [encoder, decoder] = [new EntryEncoder(), new EntryDecoder()];
        for (const one of before) decoder.decode(encoded(encoder, one));
        expect(decoder.save()).toEqual(encoder.save());
        // Saved state is plain data, and is not changed by what comes later.
        const saved = JSON.parse(JSON.stringify(encoder.save()));
        const joined = new EntryDecoder(encoder.save());
        const promoted = new EntryEncoder(decoder.save());
        for (const one of after) {
          const bytes = encoded(encoder, one);
          expect(encoded(promoted, one)).toEqual(bytes);
          expect(joined.decode(bytes)).toEqual([one]);
        }
        expect(new EntryDecoder(saved).save()).toEqual(decoder.save());
      }),
    );
  });

  test('the same entries give the same bytes', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 10 }), entries => {
        expect(encodeAll(entries)).toEqual(encodeAll(entries));
      }),
    );
  });

  test('what is read does not refer to the bytes it was read from', () => {
    const interrupts: Interrupt[] = [
      { kind: 'stream', stream: 0, offset: 0, bytes: Uint8Array.of(1, 2), end: false },
      { kind: 'completion', operation: 1n, status: 2, data: Uint8Array.of(3, 4) },
    ];
    const entries: LogEntry[] = [{ type: 'end', epoch: 0, digest: digest(1), timeNs: 1, interrupts }];
    const shared = new Uint8Array(new SharedArrayBuffer(200));
    const [part] = encodeAll(entries);
    shared.set(part!);
    const read = new EntryDecoder().decode(shared.subarray(0, part!.length));
    shared.fill(0xff);
    expect(read).toEqual(entries);
  });
});

describe('literal entries', () => {
  const cases: readonly [string, readonly LogEntry[], string[]][] = [
    [
      'clock values as differences of their source',
      [
        { type: 'value', source: 1, value: 1000n },
        { type: 'value', source: 1, value: 1031n },
        { type: 'value', source: 0, value: 32n },
        { type: 'value', source: 1, value: 1031n + 4095n },
        { type: 'value', source: 1, value: 1031n },
      ],
      ['e8 1f', 'df', 'a0 01', 'ff 7f', 'e1 80 ff ff ff ff ff ff ff 07'],
    ],
    ['a random value as it is', [{ type: 'value', source: 2, value: -2n }], ['02 02 fe ff ff ff ff ff ff ff']],
    [
      'empty epochs',
      [
        { type: 'empty', epochs: 1, digest: digest(1000) },
        { type: 'empty', epochs: 15, digest: digest(1127) },
        { type: 'empty', epochs: 16, digest: digest(1127, 1) },
        { type: 'empty', epochs: 1, digest: digest(1126, 1) },
      ],
      ['41 e8 07', '4f 7f', '50 10 00 01 00', '61 e6 08 01 00'],
    ],
    [
      'consumed values are no surprise',
      [
        { type: 'value', source: 0, value: 1n },
        { type: 'empty', epochs: 1, digest: digest(5, 0, 1) },
        { type: 'empty', epochs: 1, digest: digest(10, 0, 2) },
      ],
      ['81', '41 05', '51 05 00 01'],
    ],
    [
      'ends',
      [
        { type: 'end', epoch: 0, digest: digest(8), timeNs: 100, interrupts: [] },
        { type: 'empty', epochs: 2, digest: digest(9) },
        {
          type: 'end',
          epoch: 3,
          digest: digest(10),
          timeNs: 102,
          interrupts: [{ kind: 'stream', stream: 0, offset: 5, bytes: Uint8Array.of(0x61), end: true }],
        },
        {
          type: 'end',
          epoch: 7,
          digest: digest(11),
          timeNs: 1,
          interrupts: [
            { kind: 'completion', operation: 300n, status: -5, data: new Uint8Array(0) },
            { kind: 'uncertain', operation: 1n },
          ],
        },
      ],
      ['20 08 64', '42 01', '21 01 02 01 02 00 05 01 61', '27 07 01 01 02 03 ac 02 09 00 04 01'],
    ],
    ['an epoch length', [{ type: 'length', epoch: 300, epochLength: 1_000_000 }], ['04 ac 02 c0 84 3d']],
    ['final', [{ type: 'final', epoch: 3, outcome: { kind: 'exit', status: -1 } }], ['01 03 00 01']],
  ];
  test.each(cases)('%s', (_, entries, bytes) => {
    expect(encodeAll(entries).map(hex)).toEqual(bytes);
    expect(new EntryDecoder().decode(bytesOf(bytes.join('')))).toEqual(entries);
  });
});

describe('sizes', () => {
  test('a clock in a tight loop takes at most 4 bytes a value, boundaries included', () => {
    const entries: LogEntry[] = [];
    let now = 1_700_000_000_000_000_000n;
    for (let n = 0; n < 1000; n++) {
      now += BigInt(150 + ((n * 7919) % 2000));
      entries.push({ type: 'value', source: 1, value: now });
      if (n % 100 === 99) entries.push({ type: 'empty', epochs: 1, digest: digest((n + 1) * 1000, 0, n + 1) });
    }
    const bytes = encodeAll(entries)
      .slice(1)
      .reduce((all, part) => all + part.length, 0);
    expect(bytes / 1000).toBeLessThan(2.1);
  });

  test('a run of empty epochs takes a few bytes however long it is', () => {
    const [, run] = encodeAll([
      { type: 'empty', epochs: 1, digest: digest(100_000) },
      { type: 'empty', epochs: 1000, digest: digest(100_100_000) },
    ]);
    expect(run!.length).toBe(7);
  });
});

describe('hostile logs', () => {
  const refused: readonly [string, string, string][] = [
    ['an unknown entry', '05', 'an entry of unknown kind at byte 0'],
    ['an epoch length of 0', '04 01 00', 'an epoch length of 0 at byte 2'],
    ['an entry cut short', '41', 'the end is missing at byte 1'],
    ['a digest of unknown form', '71 01', 'a digest of unknown form at byte 0'],
    ['a clock difference of 65 bits', 'a0 ff ff ff ff ff ff ff ff 08', 'a clock difference is too long at byte 9'],
    ['a clock difference without an end', 'a0 80 80 80 80 80 80 80 80 80', 'a clock difference is too long'],
    ['an unknown interrupt', '21 00 00 01 08', 'an interrupt of unknown kind at byte 4'],
    ['more interrupts than bytes', '21 00 00 ff 7f', 'a number is too large at byte 3'],
    ['a count beyond 2^53', '41 ff ff ff ff ff ff ff 0f 41 01', 'a number is too large at byte 11'],
    ['data beyond the end', '21 00 00 01 01 00 00 7f 61', 'the end is missing at byte 8'],
  ];
  test.each(refused)('%s is refused', (_, bytes, message) => {
    expect(() => new EntryDecoder().decode(bytesOf(bytes))).toThrow(`malformed packet: ${message}`);
  });

  test('random and changed bytes give entries or an error, and nothing else', () => {
    const change = fc.record({ at: fc.nat(), to: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1, maxLength: 10 }),
        fc.array(change),
        fc.boolean(),
        (entries, changes, cut) => {
          const log = new Uint8Array(Buffer.concat(encodeAll(entries)));
          for (const { at, to } of changes) log[at % log.length] = to;
          try {
            const read = new EntryDecoder().decode(cut ? log.subarray(0, log.length - 1) : log);
            expect(new EntryDecoder().decode(Buffer.concat(encodeAll(read)))).toEqual(read);
          } catch (error) {
            expect(error).toMatchObject({ code: 'PACKET_MALFORMED' });
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
