// A run that fails is made as short as it still fails in the same way, and told in words.

import { describe, expect, it } from 'vitest';
import { type Cut, cutText, parseCut, possibleCuts, without } from '../../engine/simulator/cuts.js';
import { choiceOf } from '../../engine/simulator/kinds.js';
import type { Parts } from '../../engine/simulator/parts.js';
import type { RunOptions } from '../../engine/simulator/run-plan.js';
import { shrink, wayOf } from '../../engine/simulator/shrink.js';
import { simulate } from '../../engine/simulator/simulated-run.js';
import { Story } from '../../engine/simulator/story.js';
import { channel } from './planting.js';

const choose = choiceOf('healing');

/** Fails where fault number `at` of `run` strikes, and a visitor comes. */
const fake = (run: RunOptions, at: number) => (tried: RunOptions) =>
  tried.faults.includes(run.faults[at]!) && tried.visits.length > 0 && tried.guestSteps > 4
    ? `A is killed, though it is part of view ${tried.faults.length}`
    : undefined;

function withVisits(): RunOptions {
  for (let seed = 1; ; seed++) {
    const run = choose(seed);
    if (run.visits.length > 1 && run.faults.length > 2) return run;
  }
}

describe('a plan', () => {
  it('does without each of its parts, by a name that can be typed', () => {
    const run = withVisits();
    for (const cut of possibleCuts(run)) {
      expect(parseCut(cutText(cut), run)).toEqual(cut);
      expect(without(run, [cut])).not.toEqual(run);
    }
    const short = without(run, [
      { part: 'fault', at: 1 },
      { part: 'steps', to: 3 },
      { part: 'visit', at: 0 },
    ]);
    expect(short.faults).toEqual([run.faults[0], ...run.faults.slice(2)]);
    expect(short.visits).toEqual(run.visits.slice(1));
    expect(short.guestSteps).toBe(3);
    expect(parseCut('fault99', run)).toBeUndefined();
    expect(parseCut('steps0', run)).toBeUndefined();
  });

  it('with cuts is a run that keeps every promise', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const run = choiceOf('all')(seed);
      const cuts = possibleCuts(run).filter((_, at) => (at + seed) % 2 === 0);
      expect(simulate(without(run, cuts)).failure, `${seed} ${cuts.map(cutText)}`).toBeUndefined();
    }
  });
});

describe('a run that fails', () => {
  it('is left with what the failure needs', () => {
    const run = withVisits();
    const failureOf = fake(run, 1);
    const cuts = shrink(run, failureOf(run)!, failureOf);
    const short = without(run, cuts);
    expect(short.faults).toEqual([run.faults[1]]);
    expect(short.visits).toHaveLength(1);
    expect(short.input).toHaveLength(1);
    expect(short.guestSteps).toBeLessThan(8);
    expect(possibleCuts(short)).toHaveLength(2);
  });

  it('is never shortened to one that fails in another way', () => {
    const run = withVisits();
    const failureOf = (tried: RunOptions) => (tried.faults.length < run.faults.length ? 'another' : 'this one');
    const short = without(run, shrink(run, 'this one', failureOf));
    expect(short.faults).toEqual(run.faults);
  });

  it('fails in the same way, whoever it is and at which byte', () => {
    expect(wayOf('stream 1 differs at byte 12 (OF)')).toBe(wayOf('stream 2 differs at byte 7 (OF)'));
    expect(wayOf('output left before A had it (OR)')).toBe(wayOf('output left before B had it (OR)'));
    expect(wayOf('the machine does not come to its end (A killed; view 3)')).toBe(
      wayOf('the machine does not come to its end (A live, B killed; view 1)'),
    );
    expect(wayOf('it is lost (OF)')).not.toBe(wayOf('it is lost (RL)'));
  });
});

/** A primary that lost its backup takes all to be acknowledged. */
function planted(): Parts {
  return channel(chan => (event, step) => {
    const effects = step(event);
    if (event.type !== 'logged' || chan.role !== 'primary') return effects;
    const message = {
      type: 'acknowledgement',
      view: chan.view!.number,
      position: 1e9,
      progress: { executed: 0, backlogBytes: 0 },
    } as const;
    return [...effects, ...chan.view!.backups.flatMap(peer => step({ type: 'peer', peer, message, nowMs: 0 }))];
  });
}

describe('the story of a mistake', () => {
  it('is short, in words, and ends with what is wrong', () => {
    const parts = planted();
    const failureOf = (run: RunOptions) => simulate(run, parts).failure;
    let seed = 1;
    while (failureOf(choose(seed)) === undefined) seed += 1;
    const run = choose(seed);
    const failure = failureOf(run)!;
    const cuts: readonly Cut[] = shrink(run, failure, failureOf);
    const story = new Story();
    const short = simulate(without(run, cuts), parts, { see: (atMs, seen) => story.see(atMs, seen) });
    expect(wayOf(short.failure!)).toBe(wayOf(failure));
    const lines = story.tell(short.failure!);
    expect(lines.length).toBeLessThan(30);
    expect(lines.at(-1)!.trim()).toBe(short.failure);
    expect(lines.slice(0, -1).join('\n')).toMatch(/ms {2}[A-P] tells the bus, in view \d+: /);
    expect(lines.join('\n')).not.toMatch(/undefined|\[object|[{}]/);
  });
});
