// Primitive values: literal bytes, the longest and the overlong.

import { expect, test } from 'vitest';
import { Reader } from '../../engine/wasm/reader.js';
import { decodeUtf8, encodeUtf8 } from '../../engine/wasm/utf8.js';
import { Writer } from '../../engine/wasm/writer.js';

const reader = (...bytes: number[]) => new Reader(Uint8Array.from(bytes));

test.each([
  [0, [0x00]],
  [127, [0x7f]],
  [128, [0x80, 0x01]],
  [624485, [0xe5, 0x8e, 0x26]],
  [0xffffffff, [0xff, 0xff, 0xff, 0xff, 0x0f]],
])('the u32 %d is read and written', (value, bytes) => {
  expect(reader(...bytes).u32()).toBe(value);
  const writer = new Writer(1);
  writer.u32(value);
  expect([...writer.bytes]).toEqual(bytes);
});

test.each([
  [0, [0x00]],
  [63, [0x3f]],
  [-64, [0x40]],
  [64, [0xc0, 0x00]],
  [-123456, [0xc0, 0xbb, 0x78]],
  [2147483647, [0xff, 0xff, 0xff, 0xff, 0x07]],
  [-2147483648, [0x80, 0x80, 0x80, 0x80, 0x78]],
])('the s32 %d is read and written', (value, bytes) => {
  expect(reader(...bytes).s32()).toBe(value);
  expect(reader(...bytes).s33()).toBe(value);
  const writer = new Writer(1);
  writer.s32(value);
  expect([...writer.bytes]).toEqual(bytes);
});

test('numbers may be longer than needed, up to five bytes, and no longer', () => {
  expect(reader(0x83, 0x80, 0x80, 0x80, 0x00).u32()).toBe(3);
  expect(reader(0xfe, 0xff, 0xff, 0xff, 0x7f).s32()).toBe(-2);
  expect(() => reader(0x83, 0x80, 0x80, 0x80, 0x80, 0x00).u32()).toThrow(/too long/);
  expect(() => reader(0x83, 0x80, 0x80, 0x80, 0x10).u32()).toThrow(/too large/);
  expect(() => reader(0x80, 0x80, 0x80, 0x80, 0x08).s32()).toThrow(/too large/);
  expect(() => reader(...Array(11).fill(0x80)).skipS64()).toThrow(/too long/);
  expect(() => reader(...Array(9).fill(0x80), 0x02).skipS64()).toThrow(/too large/);
});

test('reading past the end names the byte', () => {
  expect(() => reader(0x80).u32()).toThrow('malformed module: unexpected end at byte 1');
});

test('a count above the bytes that remain is refused before anything is allocated', () => {
  expect(() => reader(0xff, 0xff, 0xff, 0xff, 0x0f).count('things')).toThrow(/more things than/);
});

test.each(['', 'plain', 'é', '€uro', '𝄞 clef', '\u0000'])('UTF-8 %j', value => {
  const bytes = Uint8Array.from(encodeUtf8(value));
  expect([...bytes]).toEqual([...Buffer.from(value)]);
  expect(decodeUtf8(bytes, 0, bytes.length)).toBe(value);
});

test.each([
  [[0x80]],
  [[0xc0, 0x80]],
  [[0xe0, 0x80, 0x80]],
  [[0xed, 0xa0, 0x80]],
  [[0xf4, 0x90, 0x80, 0x80]],
  [[0xe2, 0x82]],
])('bytes %j are no UTF-8', bytes => {
  expect(decodeUtf8(Uint8Array.from(bytes), 0, bytes.length)).toBeUndefined();
});
