// The parts of `epochvisor failover` that need no machine: a user's judge, the command that repeats a point, the order of a sweep,
// the summary.

import { describe, expect, test } from 'vitest';
import { commandJudge } from '../../engine/cli/failover-judge.js';
import { repeatCommand } from '../../engine/cli/failover-repeat.js';
import { asText } from '../../engine/cli/failover-text.js';
import { failoverOf } from '../../engine/cli/reporting/in-flight.js';
import { sweep } from '../../engine/testing/failover-sweep.js';
import type { FailoverTest } from '../../engine/testing/failover-test.js';
import { describePoint, parsePoint, parseSecondKill } from '../../engine/testing/kill-points.js';
import type { PlannedPoint } from '../../engine/testing/planned-point.js';
import type { PointRecord } from '../../engine/testing/point-record.js';
import { PASSED } from './reporting/sample-records.js';

describe("a user's judge", () => {
  const judged = (command: string, limitMs?: number) => commandJudge(command, limitMs)(Buffer.from('one\ntwo\n'));

  test('accepts, or refuses with its first line', async () => {
    expect(await judged('grep -q two')).toBeUndefined();
    expect(await judged('echo "a line is missing"; echo more; exit 1')).toBe('a line is missing');
    expect(await judged('exit 3')).toBe('the judge ended with status 3');
  });

  test.each([
    ['hangs', 'sleep 60', 50, 'does not answer within 0.05 s'],
    ['can not be run', '/nowhere/at/all', undefined, "can't be run"],
    ['is killed', 'kill -9 $$', undefined, 'was ended by SIGKILL'],
  ])('that %s has not judged', async (_, command, limitMs, why) => {
    await expect(judged(command, limitMs)).rejects.toMatchObject({
      code: 'JUDGE_FAILED',
      message: expect.stringContaining(why),
    });
  });
});

describe('the command that repeats a point', () => {
  const point = parsePoint('message:17:after');

  test('has the flags that were given, but those that chose the points', () => {
    const given = ['--sweep', 'all', '--limit=5', '--epoch-length', '1000', '--json', '--variant', 'all', '--cut'];
    expect(repeatCommand(given, ['a b.wasm', '5'], { point, variant: 'original' })).toBe(
      "epochvisor failover --epoch-length 1000 --cut --variant original --at message:17:after 'a b.wasm' 5",
    );
  });

  test('has the second kill, and counts as they can be given', () => {
    const [second] = parseSecondKill('takeover:fence');
    const counted = { point: { at: 'count', count: 77 }, second: second!, variant: 'deferred' } as const;
    expect(repeatCommand([], ['g.wasm'], counted)).toBe(
      'epochvisor failover --variant deferred --at count:77 --second-kill takeover:fence:before g.wasm',
    );
    expect(parsePoint('count:77')).toEqual(counted.point);
  });
});

test('a second kill is at a step, or at all of them, before and after; not at those that leave nobody', () => {
  expect(parseSecondKill('takeover')).toHaveLength(10);
  expect(parseSecondKill('joining').map(describePoint)).toContain('join:named:after');
  expect(() => parseSecondKill('join:claim')).toThrow(expect.objectContaining({ code: 'BAD_POINT' }));
  expect(() => parseSecondKill('message:1')).toThrow(expect.objectContaining({ code: 'BAD_POINT' }));
});

describe('a sweep', () => {
  const points: PlannedPoint[] = Array.from({ length: 20 }, (_, n) => ({ point: { at: 'count', count: n + 1 } }));
  const recordOf = ({ point }: PlannedPoint) => ({ asked: describePoint(point) }) as PointRecord;
  const run = async (seed: number, known: PointRecord[] = [], stopAfter = Infinity) => {
    const order: string[] = [];
    const abort = new AbortController();
    const kill = async (planned: PlannedPoint) => {
      if (order.length >= stopAfter) abort.abort();
      abort.signal.throwIfAborted();
      order.push(describePoint(planned.point));
      return recordOf(planned);
    };
    const judged = () => undefined;
    const options = { jobs: 1, seed, known, signal: abort.signal, judged };
    return { order, records: await sweep({ kill } as unknown as FailoverTest, points, options) };
  };

  test('goes in the order of its seed, and answers in that of the points', async () => {
    const first = await run(1);
    expect((await run(1)).order).toEqual(first.order);
    expect((await run(2)).order).not.toEqual(first.order);
    expect(first.records.map(({ asked }) => asked)).toEqual(points.map(({ point }) => describePoint(point)));
  });

  test('leaves out what is known', async () => {
    const { order, records } = await run(1, [recordOf(points[4]!)]);
    expect(order).toHaveLength(19);
    expect(order).not.toContain('5');
    expect(records).toHaveLength(20);
  });

  test('that is interrupted answers what it has', async () => {
    const { order, records } = await run(1, [], 7);
    expect(order).toHaveLength(7);
    expect(records).toHaveLength(7);
  });
});

describe('of operations a report says', () => {
  const known = { instructions: 9, epochs: 1, stdoutBytes: 0, outcome: null, stdoutRepeats: true, unstableFiles: [] };
  const told = (record: PointRecord) =>
    asText([{ variant: 'deferred', undisturbed: known, line: '', records: [record] }], false);
  const looked = (record: PointRecord) => new Map(failoverOf(record)).get('operations looked at');

  test('how many were looked at', () => {
    const record = { ...PASSED, operations: 7 };
    expect(told(record)).toContain('1 point: 1 same; 7 operations checked');
    expect(looked(record)).toBe('7');
  });

  test('of a bus that was struck, that none was', () => {
    const record = { ...PASSED, victim: 'bus', failover: null } as const;
    expect(told(record)).toContain('operations not checked');
    expect(looked(record)).toMatch(/^none: /);
  });
});
