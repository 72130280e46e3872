// The options as a hello carries them.

import { describe, expect, it } from 'vitest';
import { comparedOptions } from '../../engine/channel/compared-options.js';
import { HELLO_MAX_BYTES, refusal } from '../../engine/channel/hello.js';
import type { Hello } from '../../engine/protocol/messages.js';

const LONG = 'x'.repeat(1 << 21);
const OPTIONS = {
  epochLength: 1000,
  arguments: ['guest', LONG],
  wasi: { environment: Array.from({ length: 100_000 }, () => 'NAME=value'), terminals: [true, false, false] },
};

const hello = (options: object) => ({ options: comparedOptions(options) }) as Hello;

describe('options that are compared', () => {
  it('are small however large they are', () => {
    expect(comparedOptions(OPTIONS).length).toBeLessThan(HELLO_MAX_BYTES / 100);
  });

  it('are as they are where they are short', () => {
    const short = { ...OPTIONS, arguments: ['guest', 'a'], wasi: { environment: ['A=1'], terminals: [true] } };
    expect(JSON.parse(comparedOptions(short))).toEqual(short);
  });

  it.each([
    ['arguments', { ...OPTIONS, arguments: ['guest', `${LONG.slice(1)}y`] }],
    ['arguments', { ...OPTIONS, arguments: ['guest', '\udcff'.repeat(2000)] }],
    ['wasi.environment', { ...OPTIONS, wasi: { ...OPTIONS.wasi, environment: [] } }],
    ['wasi.terminals', { ...OPTIONS, wasi: { ...OPTIONS.wasi, terminals: [] } }],
    ['epochLength', { ...OPTIONS, epochLength: 2000 }],
  ])('a difference in %s is told by its name, and not quoted at length', (name, other) => {
    const { message } = refusal('options', hello(OPTIONS), hello(other));
    expect(message).toContain(`its options differ: ${name} (here `);
    // No other one is named.
    expect(message.match(/\(here /g)).toHaveLength(1);
    expect(message.length).toBeLessThan(300);
  });
});
