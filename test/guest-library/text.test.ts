// Text, hashes and numbers of the guest library, alone, against what JavaScript knows of the same things.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileDrivers, type DriverLibrary } from './driver-library.js';
import { HASH_START, hashValue } from './transcript.js';

let library: DriverLibrary;
beforeAll(async () => {
  library = (await compileDrivers())();
});

const decode = (bytes: Uint8Array) => library.textAt(library.exports.decodeBytes(library.bytes(bytes)));
const encode = (text: string) => library.bytesAt(library.exports.encodeText(library.text(text)));

describe('UTF-8', () => {
  it.each([
    ['an overlong slash', [0x2f, 0xc0, 0xaf, 0x2f]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a sequence cut short by a letter', [0xe2, 0x82, 0x41]],
    ['a sequence cut short by the end', [0xf0, 0x9f, 0x98]],
    ['a lone continuation', [0x80, 0x41]],
    ['the greatest code point', [0xf4, 0x8f, 0xbf, 0xbf]],
    ['a byte order mark', [0xef, 0xbb, 0xbf, 0x41]],
  ])('decodes %s as browsers do', (_, bytes) => {
    const expected = new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array(bytes));
    expect(decode(new Uint8Array(bytes))).toBe(expected);
  });

  it('decodes any bytes as browsers do', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const awkward = fc.constantFrom(0x41, 0x80, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xff);
    fc.assert(
      fc.property(fc.array(fc.oneof(awkward, fc.integer({ min: 0, max: 255 }))), bytes => {
        expect(decode(new Uint8Array(bytes))).toBe(decoder.decode(new Uint8Array(bytes)));
      }),
    );
  });

  it('encodes any text as browsers do, lone surrogates too', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), units => {
        const text = String.fromCharCode(...units);
        expect(encode(text)).toEqual(new TextEncoder().encode(text));
      }),
    );
    expect(encode('a\ud800b\udc00')).toEqual(new TextEncoder().encode('a\ufffdb\ufffd'));
  });
});

describe('hashes', () => {
  it('are FNV-1a over eight bytes, lowest first', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => {
        const found = BigInt.asUintN(64, library.exports.hashValue(HASH_START, value));
        expect(found).toBe(hashValue(HASH_START, value));
      }),
    );
  });

  it('of bytes are the published ones', () => {
    const bytes = library.bytes(new TextEncoder().encode('.foobar.'));
    expect(BigInt.asUintN(64, library.exports.hashBytes(HASH_START, bytes, 1, 6))).toBe(0x85944171f73967e8n);
  });

  it('print as sixteen digits', () => {
    expect(library.textAt(library.exports.hex64(0x0123456789abcdefn))).toBe('0123456789abcdef');
    expect(library.textAt(library.exports.hex64(-1n))).toBe('ffffffffffffffff');
  });

  it('scramble like splitmix64', () => {
    expect(BigInt.asUintN(64, library.exports.scramble(0n))).toBe(0xe220a8397b1dcdafn);
  });
});
