// Stdin that is held for a bus that is started again: whatever offset it is asked for, what follows is what was given there.

import { expect, test } from 'vitest';
import { AskedInput } from '../../devices/console/asked-input.js';
import { HeldInput } from '../../engine/launch/held-input.js';

const PIECE_BYTES = 64 * 1024;
const pieces = [1, 70_000, 3, PIECE_BYTES, 0, 5].map((length, at) => new Uint8Array(length).fill(at));
const whole = Buffer.concat(pieces);

function given(ends: boolean): HeldInput {
  const held = new HeldInput();
  for (const piece of pieces) held.append(piece);
  if (ends) held.end();
  return held;
}

test('from each offset it gives at most a piece, and the end with the last of it', () => {
  const held = given(true);
  for (const offset of [0, 1, 2, 70_000, 70_001, 70_004, whole.length - 5, whole.length - 1]) {
    const { bytes, end } = held.read(offset)!;
    expect(Buffer.compare(bytes, whole.subarray(offset, offset + PIECE_BYTES)), `at ${offset}`).toBe(0);
    expect(end).toBe(offset + PIECE_BYTES >= whole.length);
  }
  expect(held.read(whole.length)).toEqual({ bytes: new Uint8Array(0), end: true });
});

test('where nothing has come yet there is nothing to give, and whoever waits hears of what comes', () => {
  const held = given(false);
  const heard: unknown[] = [];
  held.changed = () => heard.push(held.read(whole.length));
  expect(held.read(whole.length)).toBeUndefined();
  held.append(new Uint8Array([7]));
  held.end();
  expect(heard).toEqual([
    { bytes: new Uint8Array([7]), end: false },
    { bytes: new Uint8Array([7]), end: true },
  ]);
});

test('a device asks from where its bus had come, one piece at a time, not while it is paused and not past the end', () => {
  const held = given(true);
  const heard: Uint8Array[] = [];
  let asked: number | undefined;
  const input = new AskedInput(2, false, offset => {
    expect(asked).toBeUndefined();
    asked = offset;
  });
  const answer = () => {
    const { bytes, end } = held.read(asked!)!;
    asked = undefined;
    input.given(bytes, end);
  };
  expect(asked).toBeUndefined();
  input.start({ input: (_, bytes) => heard.push(bytes), written: () => undefined, failed: () => undefined });
  expect(asked).toBe(2);
  input.pause();
  answer();
  expect(asked).toBeUndefined();
  input.resume();
  while (asked !== undefined) answer();
  expect(Buffer.concat(heard).equals(whole.subarray(2))).toBe(true);
  input.resume();
  expect(asked).toBeUndefined();
});

test('a device whose input had ended asks for nothing', () => {
  let asked = false;
  const input = new AskedInput(5, true, () => {
    asked = true;
  });
  input.start({ input: () => undefined, written: () => undefined, failed: () => undefined });
  expect(asked).toBe(false);
});
