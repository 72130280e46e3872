// What nobody catches in a replica, on either of its threads, fails its own point, and no other.

import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Bench, guest } from './command.js';
import type { Report } from './failover-report.js';

const bench = new Bench();
const compiled = (path: string) => JSON.stringify(new URL(`../../dist/engine/${path}`, import.meta.url).href);

/** Loaded before everything else, by the program in its many files, in which single ones can be broken: what goes wrong in the takeovers of a sweep, one after the other. */
const PLANTED = (token: string) => `
import { existsSync, unlinkSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
const fail = where => {
  throw new Error('planted ' + where);
};
if (isMainThread) {
  const { Channel } = await import(${compiled('protocol/channel.js')});
  const { step } = Channel.prototype;
  const wrong = [
    () => fail('in an answer'),
    () => setTimeout(fail, 0, 'in a timer'),
    () => queueMicrotask(() => fail('in a microtask')),
    () => writeFileSync(${JSON.stringify(token)}, ''),
  ];
  Channel.prototype.step = function (event) {
    if (event.type === 'claimed') wrong.shift()?.();
    return step.call(this, event);
  };
} else {
  const { Guest } = await import(${compiled('guest/guest.js')});
  const { boundary } = Guest.prototype;
  Guest.prototype.boundary = function (count) {
    if (existsSync(${JSON.stringify(token)})) {
      unlinkSync(${JSON.stringify(token)});
      fail('in a guest thread');
    }
    return boundary.call(this, count);
  };
}
`;

async function failover(...args: readonly string[]): Promise<Report> {
  const preload = bench.file('planted.mjs');
  writeFileSync(preload, PLANTED(bench.file('token')));
  const env = { NODE_OPTIONS: `--import=${preload}` };
  const { status, stdout, stderr } = await bench.startProgram(
    'engine/cli/main.js',
    ['failover', '--json', ...args],
    env,
  ).ended;
  expect(stderr).toBe('');
  expect(status).toBe(1);
  return JSON.parse(stdout) as Report;
}

test('a sweep goes on, and says of each point what was thrown', async () => {
  const flags = ['--epoch-length', '10_000', '--points', '6'];
  const { points, failures } = await failover(...flags, guest('compute'), '5', '2');
  expect(failures).toBe(4);
  expect(points.map(({ verdict }) => verdict).sort()).toEqual([...Array(4).fill('failed'), 'same', 'same']);
  const details = points.map(({ detail }) => detail).sort();
  for (const where of ['a guest thread', 'a microtask', 'a timer', 'an answer']) {
    const told = details.filter(detail => detail.includes(`a defect of epochvisor: planted in ${where} (at `));
    expect(told, where).toHaveLength(1);
    expect(told[0]).toMatch(/\[(DEFECT|GUEST_THREAD)\]$/);
  }
});

test('a process that ends by a defect is no pass, though another goes on', async () => {
  const flags = ['--processes', '--at', 'message:1:after', '--second-kill', 'takeover:fence'];
  const { points } = await failover(...flags, guest('hello'));
  expect(points).toMatchObject([{ verdict: 'failed', detail: expect.stringContaining('planted in an answer (at ') }]);
});
