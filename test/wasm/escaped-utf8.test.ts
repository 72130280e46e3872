// Bytes that are mostly UTF-8 as text, and back.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEscaped, encodeEscaped, hasEscapes } from '../../engine/wasm/escaped-utf8.js';

const bytesOf = (...bytes: number[]) => Uint8Array.from(bytes);

describe('bytes as text', () => {
  it('come back, whatever they are, also by way of JSON', () => {
    // Leads and continuations are what goes wrong, so there are many of them.
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0x80, 0xbf, 0xc3, 0xe0, 0xed, 0xef, 0xf0, 0xf4));
    fc.assert(
      fc.property(fc.uint8Array(), fc.array(byte), (any, odd) => {
        for (const bytes of [any, Uint8Array.from(odd)]) {
          const text = decodeEscaped(bytes);
          expect(encodeEscaped(text)).toEqual(bytes);
          expect(JSON.parse(JSON.stringify(text))).toBe(text);
          expect(hasEscapes(text)).toBe(Buffer.from(bytes).toString() !== text);
        }
      }),
    );
  });

  it('are what any decoder says where they are UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        expect(decodeEscaped(Buffer.from(text))).toBe(text);
        expect(Buffer.from(encodeEscaped(text)).toString()).toBe(text);
        expect(hasEscapes(text)).toBe(false);
      }),
    );
  });

  it.each([
    ['a byte of Latin-1', bytesOf(0x63, 0xe9), 'c\udce9'],
    ['a sequence cut short', bytesOf(0xe2, 0x82), '\udce2\udc82'],
    ['a surrogate', bytesOf(0xed, 0xa0, 0x80), '\udced\udca0\udc80'],
    ['an overlong form', bytesOf(0xc0, 0xaf), '\udcc0\udcaf'],
    ['more than U+10FFFF', bytesOf(0xf4, 0x90, 0x80, 0x80), '\udcf4\udc90\udc80\udc80'],
    ['a true U+FFFD', bytesOf(0xef, 0xbf, 0xbd), '\ufffd'],
  ])('%s', (_, bytes, text) => {
    expect(decodeEscaped(bytes)).toBe(text);
    expect(encodeEscaped(text)).toEqual(bytes);
  });

  it('a lone surrogate that stands for no byte becomes U+FFFD, as everywhere', () => {
    expect(encodeEscaped('a\ud800b\udc7f')).toEqual(new TextEncoder().encode('a\ud800b\udc7f'));
  });
});
