// `--verify [SHARE]`: a share within bounds, or none, wherever the guest stands; and what is told at the end.

import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { addVerifyFlag, type VerifyFlag, verifyOption } from '../../engine/cli/verify-flag.js';
import { describeVerification } from '../../engine/observe/described-verification.js';

function parse(...args: string[]): { readonly verify: number | undefined; readonly args: readonly string[] } {
  const command = new Command()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .option('--variant <NAME>')
    .option('--quiet')
    .argument('<GUEST.wasm>')
    .argument('[args...]')
    .passThroughOptions();
  addVerifyFlag(command).parse(args, { from: 'user' });
  return { verify: command.opts<VerifyFlag>().verify, args: command.args };
}

test.each([
  [['--verify', '5%', 'g.wasm'], 0.05],
  [['--verify=0.01%', 'g.wasm'], 0.0001],
  [['--verify', '50%', 'g.wasm'], 0.5],
  [['--verify', 'g.wasm'], 0.01],
  [['--verify', '--quiet', 'g.wasm'], 0.01],
  [['--quiet', '--variant', 'original', '--verify', 'g.wasm'], 0.01],
  [['g.wasm'], undefined],
])('%j', (args, verify) => {
  expect(parse(...args)).toEqual({ verify, args: ['g.wasm'] });
});

test("what follows the guest is the guest's", () => {
  expect(parse('g.wasm', '--verify', 'x.wasm')).toEqual({ verify: undefined, args: ['g.wasm', '--verify', 'x.wasm'] });
  expect(parse('--verify', 'g.wasm', '7%')).toEqual({ verify: 0.01, args: ['g.wasm', '7%'] });
});

test('before a guest that is a file of any name it needs no share', () => {
  const self = new URL(import.meta.url).pathname;
  expect(parse('--verify', self)).toEqual({ verify: 0.01, args: [self] });
});

test.each(['0%', '51%', '5', '0.05', 'much', '-5%', '5%%', '1e0%', '', '%'])('refuses %j', text => {
  expect(() => parse(`--verify=${text}`, 'g.wasm')).toThrow('a part of the time from 0.01% to 50%, such as 5%');
});

test('is an option of the machine only where it was given', () => {
  expect(verifyOption({})).toEqual({});
  expect(verifyOption({ verify: 0.05 })).toEqual({ verifyShare: 0.05 });
});

describe('what has come of it is told', () => {
  const NOTHING = { share: 0.01, spent: 0, comparisons: 0, last: null, covered: 0, everyMs: null, divergences: 0 };
  const SOME = {
    ...NOTHING,
    spent: 0.00987,
    comparisons: 812,
    last: '2026-11-27T12:00:00.000Z',
    covered: 1,
    everyMs: 410,
  };

  test.each([
    [NOTHING, 'state was never compared (0 % of the time, at most 1 %)'],
    [
      SOME,
      'state compared 812 times, last at 2026-11-27T12:00:00.000Z: all of memory, again after 410 ms (0.98 % of the time, at most 1 %)',
    ],
    [
      { ...SOME, comparisons: 1, covered: 0.9999, everyMs: null, divergences: 1 },
      'state compared once, last at 2026-11-27T12:00:00.000Z: 99 % of memory (0.98 % of the time, at most 1 %); 1 replica differed',
    ],
    [
      { ...NOTHING, share: 0.25, divergences: 2 },
      'state compared 0 times: 0 % of memory (0 % of the time, at most 25 %); 2 replicas differed',
    ],
  ])('%#', (verification, text) => {
    expect(describeVerification(verification)).toBe(text);
  });
});
