// What a replay puts out is compared with what was noted, whichever of the two comes first.

import { expect, test } from 'vitest';
import { ExpectedOutputs } from '../../engine/replay/expected-outputs.js';
import { noteOf } from '../../engine/wire/segment-records.js';

const output = (offset: number, text: string, stream = 1) =>
  ({ type: 'stream', stream, offset, bytes: new Uint8Array(Buffer.from(text)) }) as const;
const note = (position: number, offset: number, text: string, stream = 1) =>
  noteOf(position, output(offset, text, stream))!;

test('what is the same differs in nothing, noted before or after', () => {
  const expected = new ExpectedOutputs(0);
  expect(expected.noted(note(1, 0, 'one'))).toBeUndefined();
  expect(expected.putOut(1, output(0, 'one'))).toBeUndefined();
  expect(expected.putOut(2, output(3, 'two'))).toBeUndefined();
  expect(expected.putOut(2, output(3, 'elsewhere', 2))).toBeUndefined();
  expect(expected.noted(note(2, 3, 'two'))).toBeUndefined();
  expect(expected.missing).toBeUndefined();
});

test.each([
  ['other bytes', 1, 0, 'owe'],
  ['more of them', 1, 0, 'ones'],
  ['another place in the log', 2, 0, 'one'],
])('%s differ, noted before or after', (_, position, offset, text) => {
  const difference = { recorded: note(1, 0, 'one'), again: note(position, offset, text) };
  const before = new ExpectedOutputs(0);
  before.noted(note(1, 0, 'one'));
  expect(before.putOut(position, output(offset, text))).toEqual(difference);
  const after = new ExpectedOutputs(0);
  after.putOut(position, output(offset, text));
  expect(after.noted(note(1, 0, 'one'))).toEqual(difference);
});

test('what was noted and is not put out is missing, the first of it, unless it precedes the beginning', () => {
  const expected = new ExpectedOutputs(5);
  expected.noted(note(4, 0, 'before'));
  expected.noted(note(7, 20, 'late'));
  expected.noted(note(5, 10, 'first'));
  expect(expected.missing).toEqual({ recorded: note(5, 10, 'first'), again: undefined });
});

test('operations, and the ends of streams, are not compared: a replay starts no operations', () => {
  const expected = new ExpectedOutputs(0);
  expected.noted({ type: 'operation', position: 1, id: 1n, device: 1, command: 1, length: 0 });
  expected.noted({ type: 'end', position: 1, stream: 70_000, offset: 1 });
  expect(expected.missing).toBeUndefined();
});
