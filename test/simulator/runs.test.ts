// The protocol under seeded faults, kind by kind: the production state machines, some hundred runs; seeds.test.ts has 20,000 of all kinds.

import { describe, expect, it, vi } from 'vitest';
import type { Coverage } from '../../engine/simulator/run-judge.js';
import {
  chooseHealing,
  chooseLate,
  choosePair,
  chooseRestarting,
  chooseRun,
  type RunOptions,
} from '../../engine/simulator/run-plan.js';
import { simulate } from '../../engine/simulator/simulated-run.js';
import { deathNearTheEnd, manyOperations, refusedLog } from './struck-runs.js';

// Some seconds each; beside them seeds.test.ts has all cores.
vi.setConfig({ testTimeout: 600_000 });

/** Fixed, so that a red run here is red everywhere; `npm run simulate` goes further. */
const BLOCKS = [
  { what: 'pairs', runs: choosePair, from: 1, seeds: 300 },
  { what: 'machines that are repaired, or of three', runs: chooseHealing, from: 1, seeds: 160 },
  { what: 'machines of which words come late', runs: chooseLate, from: 1, seeds: 60 },
] as const;

describe('a machine under seeded faults', () => {
  const sums: Partial<Record<keyof Coverage, number>> = {};
  let finished = 0;

  it.each(BLOCKS)('keeps every promise: $what', ({ runs, from, seeds }) => {
    for (let seed = from; seed < from + seeds; seed++) {
      const { failure, end, coverage } = simulate(runs(seed));
      expect(failure, `seed ${seed}`).toBeUndefined();
      if (end === 'finished') finished += 1;
      for (const [what, times] of Object.entries(coverage)) {
        const key = what as keyof Coverage;
        sums[key] = (sums[key] ?? 0) + times;
      }
    }
  });

  it('went through failovers, simplex, uncertain interrupts, halts, joins, waits for a backup, full connections, asked-for streams, changes of the epoch length and early suspicions, and mostly came to its end', () => {
    const often = [
      'failovers',
      'simplex',
      'uncertain',
      'halted',
      'joins',
      'named',
      'throttled',
      'fullLinks',
      'dialled',
      'resized',
      'early',
    ] as const;
    for (const what of often) {
      expect(sums[what], what).toBeGreaterThan(10);
    }
    expect(sums.late, 'late').toBeGreaterThan(0);
    expect(finished).toBeGreaterThan(400);
  });
});

describe('a machine whose bus dies, and is started again (RB)', () => {
  it('keeps every promise', () => {
    let [restarts, finished] = [0, 0];
    for (let seed = 1; seed <= 200; seed++) {
      const { failure, end, coverage } = simulate(chooseRestarting(seed));
      expect(failure, `seed ${seed}`).toBeUndefined();
      restarts += coverage.restarts;
      if (end === 'finished') finished += 1;
    }
    expect(restarts).toBeGreaterThan(250);
    expect(finished).toBeGreaterThan(150);
  });

  it('waits for it, however long that takes: nobody fails over, and nobody is left out', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const run = chooseRestarting(seed);
      const faults = run.faults.flatMap(fault =>
        fault.kind === 'restartBus' ? [{ ...fault, durationNs: fault.durationNs + (seed % 3) * 3e8 }] : [],
      );
      const lines: string[] = [];
      const { failure, end } = simulate({ ...run, faults }, undefined, line => lines.push(line));
      expect([failure, end], `seed ${seed}`).toEqual([undefined, 'finished']);
      // Who is told of the end ends, and is missed by those who are told after it.
      const told = lines.findIndex(line => line.includes('"finished"'));
      expect(
        lines.slice(0, told).find(line => / owns view \d+ /.test(line)),
        `seed ${seed}`,
      ).toBeUndefined();
    }
  });
});

describe('a machine of which snapshots are kept', () => {
  it('gives each out when all output before it is outside, whatever happens meanwhile', () => {
    let kept = 0;
    for (let seed = 1; seed <= 120; seed++) {
      const run = seed % 2 === 0 ? chooseHealing(seed) : choosePair(seed);
      const { failure, coverage } = simulate({ ...run, keepsEveryNs: 2e6 });
      expect(failure, `seed ${seed}`).toBeUndefined();
      kept += coverage.kept;
    }
    expect(kept).toBeGreaterThan(300);
  });

  it('gives none out at its end by a primary that was replaced, and hears of the end before it hears of that', () => {
    const { failure } = simulate({ ...chooseHealing(2560), keepsEveryNs: 5e5 });
    expect(failure).toBeUndefined();
  });
});

describe('a backup that is slow for a while', () => {
  it('is waited for (LG)', () => {
    let throttled = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const slow = { kind: 'slow', replica: 1, times: 1_000, durationNs: 6e8, atStep: 100 } as const;
      const run = {
        ...choosePair(seed),
        replicas: 2,
        guestSteps: 300,
        instructionNs: 10_000,
        epochLength: 50,
      } as const;
      const { failure, coverage } = simulate({ ...run, faults: [slow] });
      expect(failure, `${seed}`).toBeUndefined();
      throttled += coverage.throttled;
    }
    expect(throttled).toBeGreaterThan(0);
  });
});

describe('a machine that is repaired', () => {
  // Found at this seed: an output that waited for a joining replica alone stayed held when that one was forgotten, and
  // the guest waited for its completion for ever.
  it.each([256])('lets go what waited for a joining replica that is forgotten, seed %i', seed => {
    expect(simulate(chooseHealing(seed)).failure).toBeUndefined();
  });

  /** Six seconds of a guest whose replicas die, one after another, as long as there is one to take over. */
  function deaths(seed: number): RunOptions {
    const roles = ['primary', 'backup', 'joining'] as const;
    const kills = Array.from({ length: 8 }, (_, at) => {
      return { kind: 'kill', replica: roles[(seed + at) % (at % 3 === 2 ? 3 : 2)]!, atStep: 1_500 * (at + 1) } as const;
    });
    return {
      ...chooseHealing(seed),
      repair: true,
      replicas: 2,
      guestSteps: 400,
      instructionNs: 500_000,
      epochLength: 50,
      networkNs: [1e4, 1e5],
      arbiterNs: [1e5, 1e6],
      arbiterLossProbability: 0,
      faults: kills,
    };
  }

  it('is protected again after each death, and comes to its end', () => {
    let named = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const { failure, end, coverage } = simulate(deaths(seed));
      expect(failure, `${seed}`).toBeUndefined();
      expect(end, `${seed}`).toBe('finished');
      named += coverage.named;
    }
    expect(named).toBeGreaterThan(40);
  });

  it('loses a backup whose memory has changed, and no output', () => {
    let diverged = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const run = { ...chooseHealing(seed), replicas: 2, repair: true, digestProbability: 1 } as const;
      const flip = { kind: 'flip', replica: 1, atStep: 150 + seed } as const;
      const { failure, end, coverage } = simulate({ ...run, faults: [flip] });
      expect(failure, `${seed}`).toBeUndefined();
      expect(end, `${seed}`).toBe('finished');
      diverged += coverage.diverged;
    }
    expect(diverged).toBeGreaterThan(15);
  });
});

describe('a seed', () => {
  it('is a run: done twice, it is the same to the last line of its trace', () => {
    const trace = (seed: number): string[] => {
      const lines: string[] = [];
      simulate(chooseRun(seed), undefined, line => lines.push(line));
      return lines;
    };
    for (const seed of [3, 256, 2148]) expect(trace(seed)).toEqual(trace(seed));
    expect(trace(3)).not.toEqual(trace(4));
  });
});

// Seeds 12870 and 307 of chooseRun, as it was then, showed these; what a seed chooses has changed since. The runs here show
// them where the mend is undone (undone.ts).
describe('what once went wrong at a seed', () => {
  it.each([
    [manyOperations, 1, 'results wait for releases, releases for room, room for results'],
    [refusedLog, 4, 'a new primary waits for ever for a follower, for log that was refused and counts as its backlog'],
    [deathNearTheEnd, 375, 'input for a guest that ended before its P8 has a gap, after what was kept for that'],
  ])('%o, %i, does so no more: %s', (runs, seed) => {
    expect(simulate(runs(seed)).failure).toBeUndefined();
  });
});
