// The bytes of a journal: cut at every byte, and damaged at every byte.

import { crc32 as zlibCrc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { beginJournal, crc32, crc32Here, encodeFrame, readJournal } from '../../engine/wire/journal.js';

const MAGIC = Uint8Array.from(Buffer.from('EPVTEST\n'));
const PAYLOADS = ['first', '', 'a record', 'and one more of them'].map(text => new Uint8Array(Buffer.from(text)));
const [FIRST = new Uint8Array(0), ...OTHERS] = PAYLOADS;
const WHOLE = new Uint8Array(Buffer.concat([beginJournal(MAGIC, FIRST), ...OTHERS.map(encodeFrame)]));
/** Where each frame ends. */
const ENDS = PAYLOADS.map(
  (_, at) => MAGIC.length + PAYLOADS.slice(0, at + 1).reduce((sum, { length }) => sum + 12 + length, 0),
);

const read = (bytes: Uint8Array) => readJournal(bytes, MAGIC, 'the journal');
const texts = (bytes: Uint8Array) => read(bytes).payloads.map(payload => Buffer.from(payload).toString());
const code = (bytes: Uint8Array) => {
  try {
    return texts(bytes);
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('a journal', () => {
  it('gives back what was written', () => {
    expect(texts(WHOLE)).toEqual(['first', '', 'a record', 'and one more of them']);
    expect(read(WHOLE).wholeBytes).toBe(WHOLE.length);
  });

  it('that is cut anywhere after its first frame gives the frames that are whole', () => {
    for (let length = ENDS[0]!; length <= WHOLE.length; length++) {
      const { payloads, wholeBytes } = read(WHOLE.subarray(0, length));
      const whole = ENDS.filter(end => end <= length).length;
      expect([payloads.length, wholeBytes], `${length} bytes`).toEqual([whole, ENDS[whole - 1]]);
    }
  });

  it('that is cut before that, or is something else, is refused', () => {
    for (let length = 0; length < ENDS[0]!; length++) expect(code(WHOLE.subarray(0, length))).toBe('MEMORY_CORRUPT');
  });

  it('with a wrong bit is refused, unless it is in what was written last', () => {
    const last = ENDS.at(-2)!;
    for (let at = 0; at < WHOLE.length; at++) {
      const damaged = WHOLE.slice();
      damaged[at]! ^= 1 << (at % 8);
      const answer = code(damaged);
      if (at < last || at < last + 8) expect(answer, `byte ${at}`).toBe('MEMORY_CORRUPT');
      else expect(answer, `byte ${at}`).toEqual(['first', '', 'a record']);
    }
  });

  it('is whole up to room that was made for more', () => {
    const { payloads, wholeBytes } = read(Buffer.concat([WHOLE, new Uint8Array(500)]));
    expect([payloads.length, wholeBytes]).toEqual([4, WHOLE.length]);
  });

  it('checks by the CRC-32 that zlib has, with the host and without', () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, at) => (at * 167) ^ (at >> 2));
    for (const sum of [crc32, crc32Here]) {
      for (const payload of PAYLOADS) expect(sum(payload)).toBe(zlibCrc32(payload));
      for (let from = 0; from < 9; from++) {
        for (let to = from; to < 40; to++)
          expect(sum(bytes.subarray(from, to))).toBe(zlibCrc32(bytes.subarray(from, to)));
      }
      expect(sum(bytes)).toBe(zlibCrc32(bytes));
      const shared = new Uint8Array(new SharedArrayBuffer(300));
      shared.set(bytes);
      expect(sum(shared.subarray(7))).toBe(zlibCrc32(bytes.subarray(7)));
    }
  });
});
