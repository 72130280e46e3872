// The image of a folder and the changes of one, byte by byte, and what is made of hostile bytes.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EpochvisorError } from '../../engine/errors/errors.js';
import {
  encodeImageEnd,
  encodeImageEntry,
  encodeImageHeader,
  ImageDecoder,
  type ImageEntry,
} from '../../engine/wasi/image.js';
import { decodeMutation, encodeMutation, type Mutation } from '../../engine/wasi/mutation.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const ascii = (text: string) => new Uint8Array(Buffer.from(text));

const file: ImageEntry = {
  kind: 'file',
  readOnly: true,
  name: ascii('ab'),
  inode: 5,
  parent: 1,
  sizeBytes: 3,
  accessedNs: 1n,
  modifiedNs: -1n,
  changedNs: 2n,
};

describe('the image', () => {
  test('is written byte for byte as drawn', () => {
    expect(hex(encodeImageHeader())).toBe('4556494d41474501');
    expect(hex(encodeImageEntry(file))).toBe(
      '0201020005000000010000000000000003000000000000000100000000000000ffffffffffffffff02000000000000006162',
    );
    expect(hex(encodeImageEnd())).toBe(`ff${'00'.repeat(47)}`);
  });

  function decode(bytes: Uint8Array, cut: number): unknown[] {
    const found: unknown[] = [];
    const sink = { entry: (e: ImageEntry) => found.push(e), content: (b: Uint8Array) => found.push(hex(b)) };
    let decoder = new ImageDecoder(sink);
    for (let at = 0; at < bytes.length; at += cut) {
      decoder.push(bytes.subarray(at, at + cut));
      decoder = new ImageDecoder(sink, structuredClone(decoder.save()));
    }
    found.push(decoder.complete);
    return found;
  }

  const image = new Uint8Array(
    Buffer.concat([encodeImageHeader(), encodeImageEntry(file), ascii('xyz'), encodeImageEnd()]),
  );

  test('is read in pieces of any size, by decoders that were saved between', () => {
    expect(decode(image, 1000)).toEqual([file, hex(ascii('xyz')), true]);
    expect(decode(image, 1)).toEqual([file, '78', '79', '7a', true]);
  });

  test('that is cut is not complete', () => {
    for (let length = 0; length < image.length; length++) {
      expect(decode(image.subarray(0, length), 1000).pop()).toBe(false);
    }
  });

  test.each([
    ['another magic', 0, 0],
    ['another version', 7, 2],
    ['a kind that does not exist', 8, 9],
    ['a name that is too long', 11, 1],
    ['content of a directory', 8, 1],
  ])('with %s is refused', (_, at, byte) => {
    const bytes = image.slice();
    bytes[at] = byte;
    expect(() => decode(bytes, 1000)).toThrow(EpochvisorError);
  });

  test('of hostile bytes is an error, never a crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 60 }), (tail, cut) => {
        try {
          decode(new Uint8Array([...encodeImageHeader(), ...tail]), cut);
        } catch (error) {
          expect(error).toBeInstanceOf(EpochvisorError);
        }
      }),
    );
  });
});

const mutations: readonly (readonly [Mutation, string])[] = [
  [{ kind: 'createFile', inode: 0x4000_0000, parent: 1, name: ascii('f') }, '0101010000000000000000400100000000000000'],
  [{ kind: 'createDirectory', inode: 7, parent: 1, name: ascii('d') }, '010201000000000007000000'],
  [{ kind: 'createSymlink', inode: 7, parent: 1, name: ascii('l'), target: ascii('t/u') }, '0103010003000000'],
  [{ kind: 'link', inode: 7, parent: 2, name: ascii('l') }, '0104010000000000'],
  [{ kind: 'unlink', parent: 2, name: ascii('l') }, '0105010000000000'],
  [{ kind: 'removeDirectory', parent: 2, name: ascii('l') }, '0106010000000000'],
  [{ kind: 'rename', parent: 2, name: ascii('a'), newParent: 3, newName: ascii('bc') }, '0107010002000000'],
  [{ kind: 'write', inode: 7, offset: 2 ** 40, bytes: ascii('data') }, '0108000000000000'],
  [{ kind: 'resize', inode: 7, sizeBytes: 12 }, '0109000000000000'],
  [{ kind: 'setTimes', inode: 7, accessedNs: -5n, modifiedNs: undefined }, '010a000000000000'],
  [{ kind: 'setTimes', inode: 7, accessedNs: undefined, modifiedNs: 6n }, '010a000000000000'],
  [{ kind: 'sync', inode: 7, dataOnly: true }, '010b000000000000'],
  [{ kind: 'sync', inode: 7, dataOnly: false }, '010b000000000000'],
];

describe('a change', () => {
  test('is written byte for byte as drawn', () => {
    const bytes = encodeMutation({ kind: 'write', inode: 7, offset: 0x0102, bytes: ascii('data') });
    expect(hex(bytes)).toBe(
      '01080000000000000700000000000000000000000100000002010000000000000000000000000000' + '64617461',
    );
  });

  test.each(mutations)('%o begins as drawn and comes back as it was', (mutation, head) => {
    const bytes = encodeMutation(mutation);
    expect(hex(bytes).startsWith(head)).toBe(true);
    expect(decodeMutation(bytes)).toEqual(mutation);
  });

  test.each([
    ['too short', () => new Uint8Array(39)],
    ['of another version', () => encodeMutation(mutations[0]![0]).with(0, 2)],
    ['of no kind', () => encodeMutation(mutations[0]![0]).with(1, 12)],
    ['of kind 0', () => encodeMutation(mutations[0]![0]).with(1, 0)],
    ['with names beyond its end', () => encodeMutation(mutations[0]![0]).with(2, 2)],
    ['without the offset', () => encodeMutation(mutations[7]![0]).with(20, 0)],
    ['with a negative offset', () => encodeMutation(mutations[7]![0]).with(31, 0xff)],
    ['that writes too much', () => new Uint8Array(42 + (1 << 20)).fill(1, 0, 1).fill(8, 1, 2).fill(1, 20, 21)],
  ])('%s is refused', (_, bytes) => {
    expect(() => decodeMutation(bytes())).toThrow(EpochvisorError);
  });

  test('of hostile bytes is an error or a change, never a crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 38, maxLength: 80 }), fc.integer({ min: 0, max: 12 }), (bytes, kind) => {
        bytes.set([1, kind]);
        try {
          const mutation = decodeMutation(bytes);
          expect(decodeMutation(encodeMutation(mutation))).toEqual(mutation);
        } catch (error) {
          expect(error).toBeInstanceOf(EpochvisorError);
        }
      }),
    );
  });
});
