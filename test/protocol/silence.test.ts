// How long a silence may last, from what was heard before it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Silence } from '../../engine/protocol/silence.js';

const TIMING = { heartbeatMs: 50, suspicionMs: 1000 };
const LEAST_MS = 250;

/** Words with these gaps between them, from 0 on. */
function hearing(gapsMs: readonly number[], timing = TIMING): { silence: Silence; nowMs: number } {
  const silence = new Silence(timing, 0);
  let nowMs = 0;
  for (const gapMs of gapsMs) {
    nowMs += gapMs;
    silence.broken(nowMs);
  }
  return { silence, nowMs };
}

const times = (count: number, gapMs: number): number[] => new Array<number>(count).fill(gapMs);

describe('a silence that is too long', () => {
  it('is the suspicion time until enough is known', () => {
    expect(hearing([]).silence.limitMs(1)).toBe(1000);
    expect(hearing(times(39, 50)).silence.limitMs(1)).toBe(1000);
    expect(hearing(times(40, 50)).silence.limitMs(1)).toBe(LEAST_MS);
  });

  it('is known no sooner of one that says more in the same time', () => {
    expect(hearing(times(1999, 1)).silence.limitMs(1)).toBe(1000);
    expect(hearing(times(2000, 1)).silence.limitMs(1)).toBe(LEAST_MS);
  });

  it('is begun by the last word, not before', () => {
    const { silence, nowMs } = hearing(times(40, 50));
    expect(silence.isTooLong(nowMs + LEAST_MS - 1, 1)).toBe(false);
    expect(silence.isTooLong(nowMs + LEAST_MS, 1)).toBe(true);
    silence.broken(nowMs + LEAST_MS - 1);
    expect(silence.isTooLong(nowMs + LEAST_MS, 1)).toBe(false);
  });

  it('is several times the longest gap, whatever flows beside it', () => {
    for (const gapMs of [1, 50]) {
      const { silence } = hearing([...times(2000 / gapMs, gapMs), 200, ...times(2, gapMs)]);
      expect(silence.limitMs(1)).toBeCloseTo(500, -1);
    }
  });

  it('is never longer than the suspicion time', () => {
    expect(hearing([...times(40, 50), 999]).silence.limitMs(1)).toBe(1000);
    expect(hearing([...times(40, 50), 1e6]).silence.limitMs(1)).toBe(1000);
  });

  it('is forgotten over minutes, from the longest on', () => {
    const minutes = (count: number) => times(count * 1200, 50);
    const limit = (count: number) => hearing([...times(40, 50), 350, ...minutes(count)]).silence.limitMs(1);
    expect(limit(0)).toBe(875);
    expect(limit(1)).toBeGreaterThan(500);
    expect(limit(1)).toBeLessThan(600);
    expect(limit(10)).toBe(LEAST_MS);
  });

  it('is forgotten no later, the longer it was', () => {
    const limit = (gapMs: number) => hearing([...times(40, 50), gapMs, ...times(3600, 50)]).silence.limitMs(1);
    expect(limit(1e6)).toBe(limit(1000));
    expect(limit(1000)).toBeLessThan(600);
  });

  it('is as long as it is said to be, where that is hardly more than some heartbeats', () => {
    expect(hearing(times(100, 40), { heartbeatMs: 40, suspicionMs: 200 }).silence.limitMs(1)).toBe(200);
  });

  it('is a quarter of a long suspicion time at least: who asks for patience gets it', () => {
    expect(hearing(times(100, 50), { heartbeatMs: 50, suspicionMs: 20_000 }).silence.limitMs(1)).toBe(5000);
  });

  it('is longer on a crowded host before anything was late there, and no longer than is waited for at all', () => {
    const { silence } = hearing([...times(40, 50), 60]);
    expect([0, 1, 2].map(crowding => silence.limitMs(crowding))).toEqual([LEAST_MS, LEAST_MS, LEAST_MS]);
    expect(silence.limitMs(3)).toBe(2 * LEAST_MS);
    expect(silence.limitMs(10)).toBe(1000);
    // What was learnt says more than the crowd.
    expect(hearing([...times(40, 50), 350]).silence.limitMs(3)).toBe(875);
  });

  it('is always between the two, and time always comes to it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e7, noNaN: true })),
        fc.double({ min: 0, noNaN: true }),
        (gaps, crowding) => {
          const { silence, nowMs } = hearing(gaps);
          expect(silence.limitMs(crowding)).toBeGreaterThanOrEqual(LEAST_MS);
          expect(silence.limitMs(crowding)).toBeLessThanOrEqual(1000);
          // One more: of times so far apart and in fractions a sum may fall short.
          expect(silence.isTooLong(nowMs + 1001, crowding)).toBe(true);
        },
      ),
    );
  });
});

describe('what is no silence', () => {
  it('is time in which the listener did not run: it is neither counted nor learnt', () => {
    const { silence, nowMs } = hearing(times(40, 50));
    silence.postpone(5000, nowMs + 5050);
    expect(silence.lastsMs(nowMs + 5050)).toBe(50);
    silence.broken(nowMs + 5060);
    expect(silence.limitMs(1)).toBe(LEAST_MS);
    expect(silence.everLongestMs).toBe(60);
  });

  it('is no more than all that has passed', () => {
    const { silence, nowMs } = hearing(times(40, 50));
    silence.postpone(5000, nowMs + 10);
    expect(silence.lastsMs(nowMs + 10)).toBe(0);
  });

  it('is what was not to be said: it begins anew, and nothing is learnt', () => {
    const { silence, nowMs } = hearing(times(40, 50));
    silence.begins(nowMs + 9000);
    expect(silence.lastsMs(nowMs + 9000)).toBe(0);
    expect(silence.limitMs(1)).toBe(LEAST_MS);
  });

  it('is the time that one is given to come', () => {
    const silence = new Silence(TIMING, 9000);
    expect(silence.isTooLong(9999, 1)).toBe(false);
    expect(silence.isTooLong(10_000, 1)).toBe(true);
    silence.broken(500);
    expect(silence.lastsMs(600)).toBe(100);
  });
});

it('a silence that was too long, of one who is tried again, is learnt from', () => {
  const { silence, nowMs } = hearing(times(40, 50));
  silence.endured(nowMs + 260);
  silence.begins(nowMs + 300);
  expect(silence.limitMs(1)).toBe(650);
});
