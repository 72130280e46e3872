// The bytes of a log that is written down: cut at every byte, damaged at every byte, and with records that are missing.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeSegmentRecord,
  encodeSegmentRecord,
  noteOf,
  type SegmentRecord,
} from '../../engine/wire/segment-records.js';
import {
  encodeSegmentHeader,
  RecordEncoder,
  readRecords,
  readSegmentHeader,
  type SegmentHeader,
  type SegmentSource,
} from '../../engine/wire/segments.js';

const HEADER: SegmentHeader = {
  machine: 'the machine',
  incarnation: 'the replica',
  moduleHash: 'ab'.repeat(32),
  number: 3,
  position: 1000,
  chain: 0x89abcdef,
  description: Uint8Array.of(1, 2, 3),
};
const PAYLOADS = ['first', '', 'a record', 'and one more of them'].map(text => new Uint8Array(Buffer.from(text)));

/** The segment, and where each record ends, the header's end before them. */
function segmentOf(payloads: readonly Uint8Array[], header = HEADER) {
  const records = new RecordEncoder(header.chain);
  const pieces = [encodeSegmentHeader(header), ...payloads.map(payload => records.encode(payload))];
  const ends = pieces.map((_, at) => pieces.slice(0, at + 1).reduce((sum, { length }) => sum + length, 0));
  return { bytes: new Uint8Array(Buffer.concat(pieces)), ends, chain: records.chain };
}

const { bytes: WHOLE, ends: ENDS, chain: CHAIN } = segmentOf(PAYLOADS);
const RECORDS_AT = ENDS[0]!;

function sourceOf(bytes: Uint8Array): SegmentSource {
  return { path: 'the log', size: bytes.length, take: (at, length) => bytes.subarray(at, at + length) };
}

function read(bytes: Uint8Array, isLast = true) {
  const begun = readSegmentHeader(sourceOf(bytes));
  if (begun === undefined) return undefined;
  const payloads: string[] = [];
  const records = readRecords(sourceOf(bytes), begun.recordsAt, begun.header.chain, isLast ? 'last' : 'followed');
  for (let next = records.next(); ; next = records.next()) {
    if (next.done === true) return { header: begun.header, payloads, ...next.value };
    payloads.push(Buffer.from(next.value.payload).toString());
  }
}

function refusal(bytes: Uint8Array, isLast = true): string | undefined {
  try {
    read(bytes, isLast);
    return undefined;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
}

describe('a segment', () => {
  it('gives back what was written, and where the next one goes on', () => {
    expect(read(WHOLE)).toEqual({
      header: HEADER,
      payloads: ['first', '', 'a record', 'and one more of them'],
      wholeBytes: WHOLE.length,
      chain: CHAIN,
    });
  });

  it('that is cut anywhere gives the records that are whole; where another follows it is refused', () => {
    for (let length = 0; length <= WHOLE.length; length++) {
      const cut = WHOLE.subarray(0, length);
      const whole = ENDS.filter(end => end <= length).length;
      if (length < RECORDS_AT) expect(read(cut), `${length} bytes`).toBeUndefined();
      else expect(read(cut), `${length} bytes`).toMatchObject({ wholeBytes: ENDS[whole - 1] });
      if (length < RECORDS_AT || ENDS.includes(length)) continue;
      expect(refusal(cut, false)).toMatch(/^LOG_CORRUPT: the log .* cut short, and another follows it, at byte \d+$/);
    }
  });

  it('with a wrong bit is refused with its file and offset, unless it is in what was written last', () => {
    for (let at = 0; at < WHOLE.length; at++) {
      const damaged = WHOLE.slice();
      damaged[at]! ^= 1 << (at % 8);
      const last = ENDS.at(-2)!;
      if (at >= last + 8) expect(read(damaged)?.payloads, `byte ${at}`).toEqual(['first', '', 'a record']);
      // A header that ends behind the file was cut short.
      else if (at < 16 && at >= 12) expect(refusal(damaged) ?? read(damaged)).not.toMatchObject({ header: HEADER });
      else expect(refusal(damaged), `byte ${at}`).toMatch(/^(LOG_CORRUPT: the log .*byte \d+|LOG_VERSION: .*)$/);
    }
  });

  it('is not read where nobody looks: what is damaged there is refused by who does', () => {
    const damaged = WHOLE.slice();
    const second = ENDS.at(-3)! + 16;
    damaged[second]! ^= 4;
    const kinds = [...readRecords(sourceOf(damaged), RECORDS_AT, HEADER.chain, 'last')].map(({ kind }) => kind);
    expect(kinds).toEqual([...PAYLOADS.map(payload => payload[0]).slice(0, 2), damaged[second], PAYLOADS[3]![0]]);
    expect(refusal(damaged)).toMatch(
      /^LOG_CORRUPT: the log .* a record is damaged, and others follow it, at byte \d+$/,
    );
  });

  it('of a newer version is refused as such', () => {
    const newer = WHOLE.slice();
    newer[8] = 2;
    expect(refusal(newer)).toBe('LOG_VERSION: the log is a log of version 2, where this is 1');
  });

  it('with a record missing, doubled, in another place or of another log is refused where it is', () => {
    const record = (index: number, from = { bytes: WHOLE, ends: ENDS }) =>
      from.bytes.subarray(from.ends[index], from.ends[index + 1]);
    const head = WHOLE.subarray(0, RECORDS_AT);
    const other = segmentOf(PAYLOADS, { ...HEADER, chain: 1 });
    const orders: [string, Uint8Array[], number][] = [
      ['missing', [record(0), record(2), record(3)], 1],
      ['doubled', [record(0), record(0), record(1)], 1],
      ['exchanged', [record(1), record(0), record(2)], 0],
      ['of another', [record(0), record(1, other), record(2)], 1],
    ];
    for (const [name, records, wrong] of orders) {
      const at = RECORDS_AT + records.slice(0, wrong).reduce((sum, { length }) => sum + length, 0);
      const why = `LOG_CORRUPT: the log can't be relied on: a record does not follow from the one before it, at byte ${at}`;
      expect(refusal(Buffer.concat([head, ...records])), name).toBe(why);
    }
  });

  it('is whole up to room that was made for more', () => {
    expect(read(Buffer.concat([WHOLE, new Uint8Array(70_000)]))).toMatchObject({ wholeBytes: WHOLE.length });
  });
});

describe('a record of a segment', () => {
  const number = fc.nat({ max: 2 ** 40 });
  const text = fc.string();
  const bytes = fc.uint8Array({ maxLength: 50 });
  const place = { position: number, stream: fc.nat(), offset: number };
  const note = fc.oneof(
    fc.record({
      type: fc.constant('stream' as const),
      ...place,
      length: fc.nat(),
      checksum: fc.nat({ max: 2 ** 32 - 1 }),
    }),
    fc.record({ type: fc.constantFrom('end' as const, 'close' as const), ...place }),
    fc.record({
      type: fc.constant('operation' as const),
      position: number,
      id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      device: fc.nat(),
      command: fc.nat(),
      length: fc.nat(),
    }),
  );
  const view = fc.record({ number, machine: text, primary: text, backups: fc.array(text), claim: text });
  const record: fc.Arbitrary<SegmentRecord> = fc.oneof(
    fc.record({
      type: fc.constant('log' as const),
      position: number,
      parts: fc.array(fc.record({ entries: number, bytes })),
    }),
    fc.record({ type: fc.constant('outputs' as const), notes: fc.array(note) }),
    fc.record({ type: fc.constant('view' as const), atMs: number, view, reason: text }),
    fc.record({ type: fc.constant('live' as const), atMs: number, epoch: number, uncertain: number }),
    fc.record({ type: fc.constant('begins' as const) }),
    fc.record({ type: fc.constantFrom('piece' as const, 'module' as const), bytes }),
    fc.record({ type: fc.constant('checkpoint' as const), position: number, epoch: number, count: number }),
    fc.record({ type: fc.constant('source' as const), position: number, incarnation: text }),
    fc.record({ type: fc.constant('closed' as const), atMs: number, code: text, why: text }),
  );

  it('is read as it was written', () => {
    fc.assert(
      fc.property(record, one => {
        expect(decodeSegmentRecord(encodeSegmentRecord(one))).toEqual(one);
      }),
    );
  });

  it('that is anything else is refused, or something', () => {
    const refused = (payload: Uint8Array) => {
      try {
        decodeSegmentRecord(payload);
      } catch (error) {
        expect((error as { code?: string }).code).toBe('PACKET_MALFORMED');
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), refused));
    fc.assert(fc.property(record, fc.nat(), (one, cut) => refused(encodeSegmentRecord(one).subarray(0, cut % 20))));
  });

  it('notes of an output where it is and what it is, and of a release nothing', () => {
    const bytes = Uint8Array.from(Buffer.from('123456789'));
    expect(noteOf(7, { type: 'stream', stream: 1, offset: 20, bytes })).toEqual({
      position: 7,
      type: 'stream',
      stream: 1,
      offset: 20,
      length: 9,
      checksum: 0xcbf43926,
    });
    expect(noteOf(7, { type: 'releaseInput', stream: 0, offset: 20 })).toBeUndefined();
  });
});
