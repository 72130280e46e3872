// The first difference: its place, and what stands there.

import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeDifference, firstDifference, firstFileDifference } from '../../engine/testing/difference.js';
import { TestFolder } from '../building/test-folder.js';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const folder = new TestFolder();

function fileDifference(expected: Uint8Array, found: Uint8Array) {
  writeFileSync(folder.file('expected'), expected);
  writeFileSync(folder.file('found'), found);
  return firstFileDifference(folder.file('expected'), folder.file('found'));
}

test('equal bytes have no difference', () => {
  expect(firstDifference(bytes(''), bytes(''))).toBeUndefined();
  expect(firstDifference(bytes('abc\n'), bytes('abc\n'))).toBeUndefined();
  expect(fileDifference(bytes(''), bytes(''))).toBeUndefined();
});

test.each([
  [
    'a changed byte',
    'one\ntwo\nthree\n',
    'one\ntwo\nthree!',
    'byte 13 (line 3): expected "ne\\ntwo\\nthree\\n", found "ne\\ntwo\\nthree!"',
  ],
  ['a lost end', 'one\ntwo\n', 'one\n', 'byte 4 (line 2): expected "one\\ntwo\\n", found end'],
  ['more than expected', '', 'x', 'byte 0 (line 1): expected end, found "x"'],
  ['bytes that are no text', '\x00\xff', '\x00\xfe', 'byte 1 (line 1): expected "\\u0000ÿ", found "\\u0000þ"'],
])('a difference is told by its place and what stands there: %s', (_, expected, found, says) => {
  expect(describeDifference(firstDifference(bytes(expected), bytes(found))!)).toBe(says);
});

test('files are compared as bytes are, past what is read at once', () => {
  const expected = Buffer.alloc((1 << 20) + 100, 7);
  const found = Buffer.from(expected);
  expect(fileDifference(expected, found)).toBeUndefined();
  found[(1 << 20) + 50] = 8;
  expect(fileDifference(expected, found)?.offset).toBe((1 << 20) + 50);
  expect(fileDifference(expected, expected.subarray(0, 1 << 20))).toMatchObject({ offset: 1 << 20, found: 'end' });
  expect(fileDifference(expected.subarray(0, 1 << 20), expected)).toMatchObject({ offset: 1 << 20, expected: 'end' });
});

test('the offset is that of the first byte that differs', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), fc.uint8Array(), (common, expectedEnd, foundEnd) => {
      const expected = Buffer.concat([common, expectedEnd]);
      const found = Buffer.concat([common, foundEnd]);
      const offset = firstDifference(expected, found)?.offset;
      if (offset === undefined) {
        expect(found.equals(expected)).toBe(true);
        return;
      }
      expect(expected[offset]).not.toBe(found[offset]);
      expect(found.subarray(0, offset).equals(expected.subarray(0, offset))).toBe(true);
    }),
  );
});
