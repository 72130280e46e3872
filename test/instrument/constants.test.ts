// Extended constant expressions: computed, so that every Node can compile the module.

import { expect, test } from 'vitest';
import { instantiate } from '../../engine/index.js';

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** A section whose content is shorter than 128 bytes. */
function section(id: number, ...content: number[]): number[] {
  return [id, content.length, ...content];
}

/** `(global NAME TYPE EXPRESSION)`, exported as `a`, `b` and so on. */
function globals(...items: number[][]): Uint8Array<ArrayBuffer> {
  const exports = items.flatMap((_, index) => [1, 0x61 + index, 3, index]);
  return Uint8Array.from([
    ...HEADER,
    ...section(6, items.length, ...items.flat()),
    ...section(7, items.length, ...exports),
  ]);
}

test('sums, differences, products and globals before it', () => {
  const module = globals(
    // 7 * (3 - 5) + 1
    [0x7f, 0, 0x41, 7, 0x41, 3, 0x41, 5, 0x6b, 0x6c, 0x41, 1, 0x6a, 0x0b],
    // 2^63 - 1 + 2, in 64 bits
    [0x7e, 0, 0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x42, 2, 0x7c, 0x0b],
    // The first of them, mutable, and times itself.
    [0x7f, 1, 0x23, 0, 0x0b],
    [0x7f, 0, 0x23, 0, 0x23, 0, 0x6c, 0x0b],
    // -1 * 2^31 in 32 bits
    [0x7f, 0, 0x41, 0x7f, 0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x6c, 0x0b],
  );
  const { exports } = instantiate(module, {}, {});
  const values = Object.values(exports).map(item => (item as WebAssembly.Global).value);
  expect(values).toEqual([-13, -(2n ** 63n) + 1n, -13, 169, -(2 ** 31)]);
});

test('the offset of a data segment', () => {
  const module = Uint8Array.from([
    ...HEADER,
    ...section(5, 1, 0, 1),
    ...section(7, 1, 1, 0x6d, 2, 0),
    ...section(11, 1, 0, 0x41, 8, 0x41, 3, 0x6c, 0x0b, 1, 0x2a),
  ]);
  const { exports } = instantiate(module, {}, { suspendAt: 'every-boundary', continueIn: 'fresh-instance' });
  expect(new Uint8Array((exports.m as WebAssembly.Memory).buffer)[24]).toBe(0x2a);
});

test.each([
  ['types differ', [0x7f, 0, 0x41, 1, 0x42, 1, 0x6a, 0x0b]],
  ['an operand is missing', [0x7f, 0, 0x41, 1, 0x6a, 0x0b]],
  ['a global comes later', [0x7f, 0, 0x23, 1, 0x0b]],
  ['there is nothing', [0x7f, 0, 0x0b]],
])('is refused where %s', (_, item) => {
  expect(() => instantiate(globals(item), {}, {})).toThrow(expect.objectContaining({ code: 'MODULE_INVALID' }));
});
