// Every guest that repeats itself: the pair, the machine without a backup and the plain machine say the same.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Bench, type Ended, guest } from './command.js';

const bench = new Bench();

interface Case {
  readonly guest: string;
  readonly args: readonly string[];
  readonly status?: number;
  readonly input?: string;
  readonly diskBytes?: number;
}

const CASES: readonly Case[] = [
  { guest: 'hello', args: [] },
  { guest: 'compute', args: ['30', '4'] },
  { guest: 'recursive', args: ['15', '3'] },
  { guest: 'ticks', args: ['5', '10'] },
  { guest: 'flood', args: ['512'] },
  { guest: 'cpu', args: ['1000000'] },
  { guest: 'echo', args: [], input: 'one\ntwo\n\n\xff\x00 bytes\nno newline at the end' },
  { guest: 'echo', args: [], input: '' },
  { guest: 'disk', args: ['24', '7'], diskBytes: 24 * 4096 },
  { guest: 'disk-log', args: ['20'], diskBytes: 64 * 512 },
  { guest: 'disk-log', args: ['9'], diskBytes: 8 * 512, status: 1 },
  { guest: 'disk', args: [], status: 1 },
  { guest: 'compute', args: ['x'], status: 2 },
];

/** Runs a case on a fresh disk; the disk's content is part of what comes out. */
async function outcomeOf(
  { args, input, diskBytes, guest: name }: Case,
  run: (args: readonly string[], stdin?: number) => Promise<Ended>,
): Promise<{ ended: Ended; disk: string }> {
  const disk = bench.file('disk');
  if (diskBytes !== undefined) {
    writeFileSync(disk, '');
    truncateSync(disk, diskBytes);
  }
  const flags = diskBytes === undefined ? [] : ['--disk', disk];
  if (input !== undefined) writeFileSync(bench.file('stdin'), input, 'latin1');
  const stdin = input === undefined ? undefined : openSync(bench.file('stdin'), 'r');
  const ended = await run([...flags, guest(name), ...args], stdin);
  if (stdin !== undefined) closeSync(stdin);
  const hash = createHash('sha256');
  if (diskBytes !== undefined) hash.update(readFileSync(disk));
  return { ended, disk: hash.digest('hex') };
}

describe('a guest behaves alike on a pair, without a backup and on the plain machine', () => {
  test.each(
    CASES.map(one => [`${one.guest} ${one.args.join(' ')}${one.input === '' ? '(no input)' : ''}`, one] as const),
  )('%s', async (_, one) => {
    const plain = await outcomeOf(one, (args, stdin) => bench.runPlain(args, stdin));
    const simplex = await outcomeOf(one, (args, stdin) => bench.run(['run', '--replicas', '1', ...args], stdin));
    const pair = await outcomeOf(one, (args, stdin) => bench.run(['run', ...args], stdin));
    expect(plain.ended).toMatchObject({ status: one.status ?? 0, signal: null });
    expect(pair).toEqual(plain);
    expect(simplex).toEqual(plain);
  });

  test('the teller dispenses each note once', async () => {
    for (const replicas of ['1', '2']) {
      const journal = bench.file(`teller-${replicas}`);
      const { stdout } = await bench.run(['run', '--replicas', replicas, '--teller', journal, guest('teller'), '4']);
      expect(stdout).toBe([1, 2, 3, 4].map(note => `note ${note} dispensed\n`).join(''));
      expect(readFileSync(journal, 'utf8')).toBe('1 1 1\n2 2 2\n3 3 3\n4 4 4\n');
    }
  });

  test.each(['original', 'revised', 'deferred'])(
    'in the variant %s, with short epochs and exact counting',
    async variant => {
      const shape = ['--variant', variant, '--epoch-length', '1000', '--counting', 'exact'];
      const plain = await bench.runPlain([guest('recursive'), '12', '2']);
      expect(await bench.run(['run', ...shape, guest('recursive'), '12', '2'])).toEqual(plain);
    },
  );
});

describe('a guest that traps', () => {
  test.each([
    ['unreachable', /unreachable.*reachTheUnreachable/i],
    ['divide', /divi.*divideByZero/i],
    ['bounds', /bounds.*loadOutOfBounds/i],
  ])('ends both replicas alike: %s', async (way, says) => {
    const simplex = await bench.run(['run', '--replicas', '1', guest('trap'), way]);
    const pair = await bench.run(['run', guest('trap'), way]);
    expect(pair).toEqual(simplex);
    expect(pair).toMatchObject({ status: 134, stdout: `trap: ${way}\n` });
    expect(pair.stderr).toMatch(says);
    expect(pair.stderr).toMatch(/\d+ instructions/);
    // One line, and nobody took it for a failure of a replica.
    expect(pair.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('by its own assertion says so itself', async () => {
    const pair = await bench.run(['run', guest('trap'), 'abort']);
    expect(pair.status).toBe(134);
    expect(pair.stderr).toContain('zero is not zero');
    expect(pair.stderr).not.toContain('view 2');
  });

  test('by endless recursion traps at the same instruction on both replicas', async () => {
    const simplex = await bench.run(['run', '--replicas', '1', guest('trap'), 'stack']);
    const pair = await bench.run(['run', guest('trap'), 'stack']);
    expect(pair).toEqual(simplex);
    expect(pair.status).toBe(134);
  });
});

test('--quiet says nothing but what the guest says', async () => {
  expect(await bench.run(['run', '--quiet', guest('trap'), 'divide'])).toEqual({
    status: 134,
    signal: null,
    stdout: 'trap: divide\n',
    stderr: '',
  });
});
