// `epochvisor failover`: the primary kills itself at known instructions, in the middle of epochs; verdicts on each guest.

import { truncateSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import { Bench, guest } from './command.js';
import { failoverOf } from './failover-report.js';

const bench = new Bench();
const failover = failoverOf(bench);
const JUDGE = fileURLToPath(new URL('../../dist/test/end-to-end/transcript-judge.js', import.meta.url));

function makeDisk(bytes: number): string {
  const disk = bench.file('disk');
  writeFileSync(disk, '');
  truncateSync(disk, bytes);
  return disk;
}

function makeInput(): string {
  const input = bench.file('input');
  writeFileSync(input, Array.from({ length: 400 }, (_, n) => `line ${n}\n`).join(''));
  return input;
}

const CASES: readonly [string, readonly string[], () => readonly string[]][] = [
  ['compute', ['20', '4'], () => []],
  ['recursive', ['15', '3'], () => []],
  ['flood', ['256'], () => []],
  ['ticks', ['20', '5'], () => []],
  ['echo', [], () => ['--stdin', makeInput()]],
  ['disk', ['24'], () => ['--disk', makeDisk(1 << 17)]],
  ['disk-log', ['20'], () => ['--disk', makeDisk(1 << 15)]],
  ['teller', ['10'], () => ['--teller', bench.file('journal')]],
];

/** Each guest in the default variant, one of each kind in the others. */
const everyVariant = new Set(['compute', 'echo', 'disk', 'teller']);
const RUNS = VARIANTS.flatMap(variant =>
  CASES.filter(([name]) => variant === 'deferred' || everyVariant.has(name)).map(one => [variant, ...one] as const),
);

describe('a kill in the middle of an epoch changes nothing', () => {
  test.each(RUNS)('in the variant %s of %s', async (variant, name, args, devices) => {
    // Of one variant with real processes; what a thread's death is like has a test of its own (thread-replica.test.ts).
    const kind = variant === 'deferred' ? ['--processes'] : [];
    const flags = [...kind, '--variant', variant, '--epoch-length', '10000', '--points', '2', ...devices()];
    const { status, report } = await failover(...flags, guest(name), ...args);
    expect(report.points.map(({ verdict, detail }) => `${verdict} ${detail}`)).toEqual(['same ', 'same ']);
    for (const { kill, failover, operations } of report.points) {
      expect(kill).toMatchObject({ replica: { owner: 'primary', incarnation: expect.any(String) } });
      // Of a process what was known last: nothing, where nothing was said or heard before.
      expect(variant === 'deferred' ? [1, undefined] : [1]).toContain(kill!.inFlight?.view);
      expect(failover).toMatchObject({ view: 2 });
      // Of those that have a device each operation was looked at.
      expect(operations! > 0).toBe(/disk|teller/.test(name));
    }
    expect(status).toBe(0);
  });

  test.each(VARIANTS)('in the variant %s of clock-random: transcripts of single machines', async variant => {
    const judge = `"${process.execPath}" "${JUDGE}" 200`;
    const { status, report } = await failover(
      '--variant',
      variant,
      '--points',
      '2',
      '--judge',
      judge,
      guest('clock-random'),
      '200',
    );
    expect(report.undisturbed.stdoutRepeats).toBe(false);
    expect(report.points.map(({ verdict, detail }) => `${verdict} ${detail}`)).toEqual(Array(2).fill('accepted '));
    expect(status).toBe(0);
  });
});

test('a kill lands before and after what a primary says and hears, and changes nothing', async () => {
  const points = ['message:1', 'message:2:after', 'output:1', 'output:1:after', 'bus:1', 'io:2:after'];
  const at = points.flatMap(point => ['--at', point]);
  const { status, report } = await failover('--epoch-length', '100000', ...at, guest('compute'), '5', '2');
  expect(report.points.map(({ verdict, kill }) => `${verdict} ${kill?.what}`)).toEqual([
    'same before send log',
    expect.stringMatching(/^same after (send log|receive acknowledgement)$/),
    'same before release stream',
    'same after release stream',
    'same before hear fenced',
    expect.stringMatching(/^same after /),
  ]);
  expect(status).toBe(0);
});
