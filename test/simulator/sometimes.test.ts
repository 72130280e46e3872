// Who looks for rare states changes nothing, and sees what is there.

import { describe, expect, it } from 'vitest';
import { choiceOf, KINDS } from '../../engine/simulator/kinds.js';
import { PRODUCTION } from '../../engine/simulator/parts.js';
import type { RunOptions } from '../../engine/simulator/run-plan.js';
import type { Message, Seen } from '../../engine/simulator/seen.js';
import { simulate } from '../../engine/simulator/simulated-run.js';
import { type Sight, Sometimes } from '../../engine/simulator/sometimes.js';

const NOTHING: Sight = {
  lives: () => true,
  reignOf: () => undefined,
  isWithinOutput: () => false,
  wasPerformed: () => false,
};

function visits(seen: readonly Seen[], sight: Partial<Sight> = {}, spares: readonly string[] = []) {
  const sometimes = new Sometimes({ ...NOTHING, ...sight }, spares);
  sometimes.see({ type: 'recorded', view: view(1, 'A', 'B') });
  for (const one of seen) sometimes.see(one);
  return Object.keys(sometimes.visited);
}

const view = (number: number, primary: string, ...backups: string[]) => {
  return { number, machine: 'm', primary, backups, claim: `${number}` };
};
const died = (name: string): Seen => ({ type: 'died', name });
const recorded = (number: number, primary: string, ...backups: string[]): Seen => {
  return { type: 'recorded', view: view(number, primary, ...backups) };
};
const deadA: Partial<Sight> = { lives: name => name !== 'A' };

describe('a rare state', () => {
  it('is a death between claim and fence, and not after it', () => {
    const won = [died('A'), recorded(2, 'B', 'C')];
    expect(visits([...won, died('B')], deadA)).toContain('a death between claim and fence');
    const fenced: Seen = { type: 'fenced', name: 'B', view: 2 };
    expect(visits([...won, fenced, died('B')], deadA)).not.toContain('a death between claim and fence');
  });

  it('is a death in a step of a join, of either side', () => {
    const steps: readonly (readonly [string, Seen])[] = [
      ['asked for', { type: 'snapshotAsked', name: 'A', peer: 'C' }],
      [
        'on its way',
        { type: 'said', from: 'A', to: 'C', message: { type: 'welcome', view: view(1, 'A'), position: 0 } },
      ],
      ['catches up', { type: 'restored', name: 'C' }],
      ['is claimed', { type: 'claims', name: 'A', view: view(2, 'A', 'B', 'C') }],
      ['stands', recorded(2, 'A', 'B', 'C')],
    ];
    for (let count = 1; count <= steps.length; count++) {
      const [what] = steps[count - 1]!;
      const before = steps.slice(0, count).map(([, seen]) => seen);
      expect(
        visits([...before, died('A')]).some(
          state => state.startsWith('a death of a primary: ') && state.includes(what),
        ),
      ).toBe(true);
      expect(
        visits([...before, died('C')]).some(
          state => state.startsWith('a death of who joins: ') && state.includes(what),
        ),
      ).toBe(true);
    }
    const all = steps.map(([, seen]) => seen);
    expect(visits([...all, { type: 'news', name: 'C', news: { type: 'named' } }, died('C')])).toEqual([]);
  });

  it('is a death of a primary while a backup lacks what came to who joins with its snapshot', () => {
    const said = (from: string, to: string, message: Message): Seen => ({ type: 'said', from, to, message });
    const progress = { executed: 0, backlogBytes: 0 };
    const has = (position: number): Seen =>
      said('B', 'A', { type: 'acknowledgement', view: 1, position, progress } as const);
    const welcome = said('A', 'C', { type: 'welcome', view: view(1, 'A', 'B'), position: 10 });
    const restored: Seen = { type: 'restored', name: 'C' };
    const hole = 'a death of a primary: who joins has what a backup lacks';
    expect(visits([has(9), welcome, restored, died('A')])).toContain(hole);
    expect(visits([has(9), welcome, died('A')])).not.toContain(hole);
    expect(visits([has(9), welcome, restored, has(10), died('A')])).not.toContain(hole);
    expect(visits([has(9), welcome, restored, died('A')], { lives: name => name !== 'B' })).not.toContain(hole);
  });

  it('is a suspicion of somebody who lives', () => {
    expect(visits([recorded(2, 'B')])).toEqual(['a suspicion that was false']);
    expect(visits([recorded(2, 'B')], deadA)).toEqual([]);
  });

  it('is an output that was there in part when the bus was fenced', () => {
    const fenced: Seen = {
      type: 'said',
      from: 'bus',
      to: 'B',
      message: { type: 'fenced', view: 2, next: 0, streams: [{ stream: 1, received: 5, written: 5 }] },
    };
    expect(
      visits([fenced], { isWithinOutput: (name, stream, offset) => name === 'B' && stream === 1 && offset === 5 }),
    ).toEqual(['a half-written output at a fence']);
  });

  it('is a primary that wakes when another has fenced the bus', () => {
    const woke: Seen = { type: 'woke', name: 'A' };
    expect(visits([woke], { reignOf: () => 1 })).toEqual([]);
    const fenced: Seen = { type: 'fenced', name: 'B', view: 2 };
    expect(visits([fenced, woke], { reignOf: () => 1 })).toEqual([
      'a paused primary that wakes after its successor acted',
    ]);
  });

  it('is a spare that is named', () => {
    expect(visits([recorded(2, 'A', 'B', 'C')], {}, ['C'])).toEqual(['a spare in the place of the dead']);
    expect(visits([recorded(2, 'A', 'B', 'C')], {}, ['D'])).toEqual([]);
  });
});

describe('a run', () => {
  it.each(Object.keys(KINDS))('of kind %s is the same, whoever looks', kind => {
    for (let seed = 1; seed <= 15; seed++) {
      const run: RunOptions = choiceOf(kind)(seed);
      let seen = 0;
      const looked = simulate(run, PRODUCTION, { see: () => (seen += 1), trace: () => undefined });
      expect(looked).toEqual(simulate(run));
      expect(seen).toBeGreaterThan(10);
    }
  });
});
