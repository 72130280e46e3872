// Suspicion follows the flow: in virtual time, where nothing is a matter of luck.

import { describe, expect, it } from 'vitest';
import { Silence } from '../../engine/protocol/silence.js';
import type { Fault } from '../../engine/simulator/faults.js';
import { PRODUCTION } from '../../engine/simulator/parts.js';
import { choosePair, type RunOptions } from '../../engine/simulator/run-plan.js';
import { simulate } from '../../engine/simulator/simulated-run.js';
import { all, failureOf, method } from './planting.js';

const SEEDS = 15;
const HEARTBEAT_MS = 10;
const SUSPICION_MS = 400;
/** Of a calm host: a quarter of it. */
const LEAST_MS = 100;
const VIEW_2 = / owns view 2 /;

/** Some seconds of a guest, on a network that is quick; a fault strikes when the replicas know each other. */
function longRun(seed: number, faults: readonly Fault[]): RunOptions {
  return {
    ...choosePair(seed),
    replicas: 2,
    guestSteps: 200,
    instructionNs: 5e5,
    epochLength: 50,
    lengthProbability: 0,
    networkNs: [1e4, 1e5],
    arbiterNs: [1e5, 1e6],
    arbiterLossProbability: 0,
    heartbeatMs: HEARTBEAT_MS,
    tickMs: seed % 2 === 0 ? HEARTBEAT_MS : HEARTBEAT_MS / 2,
    suspicionMs: SUSPICION_MS,
    faults,
  };
}

const KNOWN_STEP = 2_000;

/** From the fault to the view that follows, ms. */
function takeoverMs(run: RunOptions): number | undefined {
  let struckMs: number | undefined;
  let ms: number | undefined;
  const { failure } = simulate(run, PRODUCTION, line => {
    const at = Number(line.split(' ')[1]);
    if (/ fault: /.test(line)) struckMs = at;
    if (VIEW_2.test(line) && struckMs !== undefined) ms ??= at - struckMs;
  });
  expect(failure).toBeUndefined();
  return ms;
}

describe('who is gone without a word', () => {
  it('is suspected after the least that is too long, where all was calm', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const hang = { kind: 'pause', replica: 0, what: 'process', durationNs: Infinity, atStep: KNOWN_STEP } as const;
      const ms = takeoverMs(longRun(seed, [hang]));
      expect(ms, `${seed}`).toBeGreaterThan(LEAST_MS - 2 * HEARTBEAT_MS);
      expect(ms, `${seed}`).toBeLessThan(LEAST_MS + 2 * HEARTBEAT_MS);
    }
  });

  it('is suspected after the suspicion time, where nothing is known of it yet', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const hang = { kind: 'pause', replica: 0, what: 'process', durationNs: Infinity, atStep: 120 } as const;
      const ms = takeoverMs(longRun(seed, [hang]));
      expect(ms, `${seed}`).toBeGreaterThan(SUSPICION_MS - 2 * HEARTBEAT_MS);
    }
  });

  it('is replaced as soon, where its path to the bus is cut', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const cut = { kind: 'cut', path: 'bus 0', way: 'both', durationNs: Infinity, atStep: KNOWN_STEP } as const;
      expect(takeoverMs(longRun(seed, [cut])), `${seed}`).toBeLessThan(LEAST_MS + 5 * HEARTBEAT_MS);
    }
  });
});

/** Pauses, each a little longer than the one before, to twice the least that is too long where all is calm. */
const stutter = (replica: 0 | 1): Fault => {
  return { kind: 'stutter', replica, pauseNs: 3e7, everyNs: 9e7, more: 1.3, durationNs: 3e9, atStep: KNOWN_STEP };
};
const jitter = (replica: 0 | 1): Fault => {
  return { kind: 'jitter', replica, byNs: 9e7, durationNs: 3e9, atStep: KNOWN_STEP };
};
const DELAY: Fault = { kind: 'delay', path: 'peers', byNs: 8e7, durationNs: 3e9, atStep: KNOWN_STEP };

const LATE: readonly (readonly [string, readonly Fault[]])[] = [
  ['a primary that stands still, longer each time', [stutter(0)]],
  ['a backup that does', [stutter(1)]],
  ['both', [stutter(0), stutter(1)]],
  ['a primary whose timers are late', [jitter(0)]],
  ['a backup whose timers are late', [jitter(1)]],
  ['a slow network', [DELAY]],
];

describe.each(LATE)('nobody is suspected: %s', (_, faults) => {
  it('for what was heard before says what may come', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      expect(failureOf(longRun(seed, faults), PRODUCTION, VIEW_2), `${seed}`).toBeUndefined();
    }
  });
});

describe('the same runs find', () => {
  const found = (faults: readonly Fault[]) =>
    Array.from({ length: SEEDS }, (_, at) => failureOf(longRun(at + 1, faults), PRODUCTION, VIEW_2)).some(
      failure => failure !== undefined,
    );

  it('a silence that learns nothing', () => {
    const undo = method(
      Silence,
      'limitMs',
      () =>
        function (this: Silence) {
          return this.leastMs;
        },
    );
    try {
      expect(found([stutter(0)])).toBe(true);
    } finally {
      undo();
    }
  });

  it('a replica that takes its own absence for the silence of others', () => {
    const pause = { kind: 'pause', what: 'process', durationNs: 3e8, atStep: KNOWN_STEP } as const;
    const both: readonly Fault[] = [
      { ...pause, replica: 0 },
      { ...pause, replica: 1 },
    ];
    expect(found(both)).toBe(false);
    const undo = all(method(Silence, 'postpone', () => () => undefined));
    try {
      expect(found(both)).toBe(true);
    } finally {
      undo();
    }
  });
});
