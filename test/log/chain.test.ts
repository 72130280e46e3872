// The log of a machine, of what its replicas have written: failovers, joins, what never happened, and what can't be.

import { describe, expect, test } from 'vitest';
import { chainOf, extentOf, recordsOfChain } from '../../engine/log/chain.js';
import type { StoredLog } from '../../engine/log/log-reader.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import type { SegmentRecord } from '../../engine/wire/segment-records.js';

/** A log: parts of one entry each, named by one letter. */
function logOf(incarnation: string, ...records: SegmentRecord[]): StoredLog {
  const header = {
    machine: 'm',
    incarnation,
    moduleHash: '',
    number: 1,
    position: 0,
    chain: 0,
    description: new Uint8Array(),
  };
  const path = `logs/${incarnation}`;
  return {
    path,
    header,
    *records() {
      for (const [at, record] of records.entries()) yield { type: record.type, record, path, at };
    },
  };
}

const view = (number: number, primary: string, ...backups: string[]): SegmentRecord & { view: View } => ({
  type: 'view',
  atMs: 0,
  reason: '',
  view: { number, machine: 'm', primary, backups, claim: '' },
});
const parts = (position: number, text: string): SegmentRecord => ({
  type: 'log',
  position,
  parts: [...text].map(letter => ({ entries: 1, bytes: new Uint8Array(Buffer.from(letter)) })),
});
const begins: SegmentRecord = { type: 'begins' };
const checkpoint = (position: number): SegmentRecord => ({ type: 'checkpoint', position, epoch: 0, count: 0 });
/** A checkpoint without anything in it. */
const taken = (position: number) => [begins, checkpoint(position)];
const outputs = (...positions: number[]): SegmentRecord => ({
  type: 'outputs',
  notes: positions.map(position => ({ type: 'end', position, stream: 1, offset: position })),
});

/** What the chain is of, and the letters of its parts; positions of notes in brackets, views as digits. */
function chained(...logs: StoredLog[]): string {
  const letters = [...recordsOfChain(chainOf(logs.map(extentOf)))].map(({ record }) => {
    if (record.type === 'source') return ` ${record.incarnation}:`;
    if (record.type === 'view') return String(record.view.number);
    if (record.type === 'outputs') return `[${record.notes.map(({ position }) => position).join(',')}]`;
    if (record.type !== 'log') return '';
    return record.parts.map(({ bytes }) => Buffer.from(bytes).toString()).join('');
  });
  return letters.join('').trim();
}

describe('the chain', () => {
  const first = view(1, 'a', 'b');

  test('of a pair is the log of its primary', () => {
    expect(chained(logOf('b', first, parts(0, 'xyzwv')), logOf('a', first, parts(0, 'xyzw')))).toBe('a:1xyzw');
  });

  test('after a failover is that of the new primary: what the dead one sent to nobody has not happened', () => {
    const dead = logOf('a', first, parts(0, 'abcdXXXX'));
    expect(chained(dead, logOf('b', first, parts(0, 'abcd'), view(2, 'b'), parts(4, 'ef')))).toBe('b:1abcd2ef');
  });

  test('goes from log to log where replicas have joined, and the earlier ones have died', () => {
    const a = logOf('a', first, parts(0, 'abcdX'));
    const b = logOf(
      'b',
      first,
      parts(0, 'abcd'),
      outputs(3),
      view(2, 'b'),
      parts(4, 'efghij'),
      outputs(5, 6, 7),
      parts(10, 'X'),
      outputs(5, 10),
    );
    const c = logOf('c', view(2, 'b'), parts(6, 'ghij'), ...taken(6), view(3, 'b', 'c'), view(4, 'c'), parts(10, 'k'));
    const d = logOf('d', view(4, 'c'), ...taken(11), view(5, 'c', 'd'), view(6, 'd'), parts(11, 'lm'));
    expect(chained(d, a, c, b)).toBe('b:1abcd[3]2ef[5][5] c:ghij34k d:56lm');
  });

  test('before a join is that of another of its view where its primary has logged too little', () => {
    const second = view(2, 'b', 'c');
    const b = logOf('b', second, parts(0, 'abc'));
    const c = logOf('c', second, parts(0, 'abcdef'));
    const d = logOf('d', second, ...taken(5), parts(5, 'f'), view(3, 'b', 'c', 'd'), view(4, 'd'));
    expect(chained(b, c, d)).toBe('c:2abcde d:f34');
    expect(chained(b, d)).toBe('d:2f34');
  });

  test('without the log before a join begins at its checkpoint', () => {
    expect(chained(logOf('c', view(2, 'b'), ...taken(6), parts(6, 'gh'), view(3, 'b', 'c'), view(4, 'c')))).toBe(
      'c:2gh34',
    );
  });

  test('is not of one that has begun nowhere, for its snapshot never was whole', () => {
    const b = logOf('b', view(2, 'b'), parts(0, 'abc'));
    const c = logOf('c', view(2, 'b'), parts(2, 'cd'));
    expect(chained(c, b)).toBe('b:2abc');
    expect(() => chained(c)).toThrow(/no log begins where one can begin/);
  });
});

describe('a chain of logs of which the beginning was dropped', () => {
  const first = view(1, 'a', 'b');

  test('begins at the first checkpoint that is left, also where more of the log is', () => {
    const a = logOf('a', parts(3, 'de'), outputs(4, 5), begins, first, parts(5, 'fg'), checkpoint(5), outputs(5, 6));
    expect(chained(a)).toBe('a:[5]1fg[5,6]');
    expect(extentOf(a)).toMatchObject({ from: 5, to: 7, isWhole: true });
  });

  test('has what another has kept of before', () => {
    const a = logOf('a', parts(3, 'de'), outputs(3, 4, 5), begins, first, parts(5, 'fg'), checkpoint(5), view(2, 'a'));
    const b = logOf('b', begins, first, checkpoint(2), parts(2, 'cdef'), outputs(2, 3, 4, 5));
    expect(chained(a, b)).toBe('b:1cde[2,3,4] a:[5]fg2');
    expect(chained(b)).toBe('b:1cdef[2,3,4,5]');
  });

  test('begins nowhere where no checkpoint is left', () => {
    expect(() => chained(logOf('a', first, parts(3, 'de'), begins))).toThrow(/no log begins where one can begin/);
    expect(() => chained(logOf('a', first, parts(3, 'de'), ...taken(2)))).toThrow(/no log begins where one can begin/);
  });
});

describe('a checkpoint in a chain', () => {
  const piece = (text: string): SegmentRecord => ({ type: 'piece', bytes: new Uint8Array(Buffer.from(text)) });
  /** Checkpoints, by their pieces; what is left open was not finished. */
  const saved = (...logs: StoredLog[]): string =>
    [...recordsOfChain(chainOf(logs.map(extentOf)))]
      .map(({ record }) => {
        if (record.type === 'piece') return Buffer.from(record.bytes).toString();
        return record.type === 'begins' ? '(' : record.type === 'checkpoint' ? ')' : '';
      })
      .join('');

  test('is there where it is whole: of one that its primary never finished there is not a byte', () => {
    const a = logOf(
      'a',
      view(1, 'a'),
      parts(0, 'ab'),
      begins,
      piece('lost'),
      begins,
      piece('wh'),
      parts(2, 'c'),
      piece('ole'),
      checkpoint(3),
      parts(3, 'd'),
      begins,
      piece('cut off'),
    );
    expect(saved(a)).toBe('(whole)');
  });

  test('that was finished after the next log takes over is not there, either', () => {
    const a = logOf(
      'a',
      view(1, 'a', 'b'),
      parts(0, 'abcd'),
      begins,
      piece('early'),
      checkpoint(4),
      begins,
      piece('late'),
      parts(4, 'ef'),
      checkpoint(6),
    );
    const b = logOf('b', view(1, 'a', 'b'), begins, piece('joins'), checkpoint(4), view(2, 'b'), parts(4, 'xy'));
    expect(saved(a, b)).toBe('(early)(joins)');
  });

  test('of which only the end was kept is not there', () => {
    const a = logOf(
      'a',
      parts(7, 'gh'),
      piece('half'),
      checkpoint(6),
      begins,
      view(1, 'a'),
      piece('whole'),
      checkpoint(9),
    );
    expect(saved(a)).toBe('(whole)');
    expect(chained(a)).toBe('a:1');
  });
});

describe('logs are refused', () => {
  test('of two machines', () => {
    const a = logOf('a', view(1, 'a'));
    const other = { ...a, header: { ...a.header, machine: 'n' } };
    expect(() => chained(a, other)).toThrow(/the logs of two machines/);
  });

  test('of one view that part ways', () => {
    const [a, b] = [logOf('a', view(1, 'a', 'b'), parts(0, 'abc')), logOf('b', view(1, 'a', 'b'), parts(0, 'abX'))];
    expect(() => chained(a, b)).toThrow(/two logs of one view part ways: .* at position 2/);
  });

  test('with a gap', () => {
    expect(() => chained(logOf('a', view(1, 'a'), parts(0, 'abc'), parts(4, 'e')))).toThrow(
      /goes on at 4 where 3 was due/,
    );
  });
});
