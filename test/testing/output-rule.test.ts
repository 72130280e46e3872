// The Output Rule checked from outside: what came out is what the survivor did, and everything else is found.

import { describe, expect, test } from 'vitest';
import { checkOutputRule, type PutOut } from '../../engine/testing/output-rule.js';

const STDOUT = 1;
const bytes = (text: string) => new TextEncoder().encode(text);
const piece = (incarnation: string, offset: number, text: string, stream = STDOUT): PutOut => ({
  incarnation,
  stream,
  offset,
  bytes: bytes(text),
});
const check = (visible: string, putOut: readonly PutOut[], endLeft = false) =>
  checkOutputRule(new Map([[STDOUT, bytes(visible)]]), putOut, 'survivor', endLeft);

describe('what came out', () => {
  test('is what the survivor did: the rule was kept', () => {
    const putOut = [piece('survivor', 0, 'one\n'), piece('survivor', 4, 'two\n')];
    expect(check('one\ntwo\n', putOut)).toEqual({ bytes: 8, breach: undefined });
  });

  test('without the survivor having done it is a breach, whatever the dead did', () => {
    const putOut = [piece('dead', 0, 'one\ntwo\n'), piece('survivor', 0, 'one\n'), piece('survivor', 4, 'too\n')];
    expect(check('one\ntwo\n', putOut)?.breach).toMatchObject({ stream: STDOUT, offset: 5 });
  });

  test('beyond what the survivor did is a breach: it left before the survivor had what it follows from', () => {
    expect(check('one\ntwo\n', [piece('survivor', 0, 'one\n')])?.breach).toMatchObject({ offset: 4, expected: 'end' });
  });

  test('beyond it is none where the end of the guest had left: the survivor need not come as far', () => {
    expect(check('one\ntwo\n', [piece('survivor', 0, 'one\n')], true)).toEqual({ bytes: 4, breach: undefined });
  });

  test('may be less than the survivor did', () => {
    expect(check('one\n', [piece('survivor', 0, 'one\ntwo\n')])).toEqual({ bytes: 4, breach: undefined });
  });

  test('is compared from where one who joined goes on', () => {
    const joined = [piece('survivor', 4, 'two\n')];
    expect(check('one\ntwo\n', joined)).toEqual({ bytes: 4, breach: undefined });
    expect(check('one\ntow\n', joined)?.breach).toMatchObject({ offset: 5 });
  });
});

test('where nothing is known of the survivor nothing is said', () => {
  expect(check('', [piece('dead', 0, 'one\n')])).toBeUndefined();
});
