// What a launcher decides, event by event: what an end means, when another is started, what is told, and to whom.

import { beforeEach, describe, expect, test } from 'vitest';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { type LaunchEffect, type LaunchEvent, Launching, type ReplicaEnding } from '../../engine/launch/launching.js';
import { TimeCounts } from '../../engine/protocol/measured-times.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import type { FromReplica } from '../../engine/replica/replica-configuration.js';
import { NO_PROGRESS, type ReplicaProgress } from '../../engine/replica/replica-report.js';

const KILLED: ReplicaEnding = { reason: 'killed by SIGKILL', killed: true };
const HALT = { code: 'DIVERGED', message: 'memory differs', hint: 'look' };
const HALTED: ReplicaEnding = { reason: 'halted: memory differs', killed: false, halted: HALT };
const PROGRESS: ReplicaProgress = {
  ...NO_PROGRESS,
  ...{ epoch: 7, epochLength: 100, count: 700, protected: true, reason: '' },
  verification: { share: 0.01, comparisons: 0, lastMs: 0, covered: 0, everyMs: 0, spent: 0 },
};

const view = (number: number, primary: string, ...backups: string[]): View => {
  return { number, machine: 'm', primary, backups, claim: 'c' };
};
const pids: Record<string, number> = { a: 1, b: 2, c: 3, d: 4 };
const named = (incarnation: string) => ({ incarnation, pid: pids[incarnation] ?? 9 });

let launching: Launching;
const step = (event: LaunchEvent) => launching.step(event);
const started = (incarnation: string, joins = false) => step({ type: 'started', joins, ...named(incarnation) });
const says = (incarnation: string, message: FromReplica) => step({ type: 'heard', incarnation, message });
const runs = (...incarnations: string[]) => incarnations.map(one => says(one, { type: 'running' }));
const ends = (incarnation: string, ending = KILLED) => step({ type: 'ended', incarnation, ending });
const tellsView = (incarnation: string, viewed: View) =>
  says(incarnation, { type: 'view', view: viewed, reason: 'why' });

/** What is told, but for the status. */
function told(effects: readonly LaunchEffect[]): unknown[] {
  return effects.flatMap(effect => (effect.type === 'tell' && effect.news[0] !== 'status' ? [effect.news] : []));
}

function of<Type extends LaunchEffect['type']>(effects: readonly LaunchEffect[], type: Type) {
  return effects.filter(effect => effect.type === type) as (LaunchEffect & { type: Type })[];
}

function failure(effects: readonly LaunchEffect[]): EpochvisorError | undefined {
  return of(effects, 'fail')[0]?.error;
}

function launch(...names: string[]): void {
  const [primary = '', ...backups] = names;
  launching = new Launching(view(1, primary, ...backups), names.length, true);
  for (const name of names) expect(started(name)).toEqual([]);
}

/** The backup has died, and a view without it is won. */
function alone(): void {
  runs('a', 'b');
  ends('b');
  tellsView('a', view(2, 'a'));
}

beforeEach(() => launch('a', 'b'));

describe('a replica that ends in the first view before its guest runs', () => {
  test('by itself is a machine that cannot be started', () => {
    const effects = ends('b', { reason: 'ended with status 7', killed: false });
    expect(failure(effects)).toMatchObject({
      code: 'REPLICA_START',
      message: "a replica can't start: ended with status 7",
    });
    expect(told(effects)).toEqual([]);
    expect(launching.isOver).toBe(true);
  });

  test('that says why it halts fails the start with its words, its code and its hint', () => {
    expect(failure(ends('b', HALTED))).toMatchObject({
      code: 'DIVERGED',
      message: "a replica can't start: memory differs",
      hint: 'look',
    });
  });

  test('killed while the other lives is lost, and the other carries on', () => {
    const effects = ends('b');
    expect(failure(effects)).toBeUndefined();
    expect(told(effects)).toEqual([['lost', named('b'), 'killed by SIGKILL']]);
    // Who may never have been connected to it.
    expect(of(effects, 'gone')).toEqual([{ type: 'gone', incarnation: 'b', reason: 'killed by SIGKILL' }]);
  });

  test('killed when none lives, and none has run, is no start', () => {
    ends('a');
    expect(failure(ends('b'))).toMatchObject({ code: 'REPLICA_START' });
  });
});

describe('a replica that ends later', () => {
  beforeEach(() => void runs('a', 'b'));

  test('is lost, though it halted, and its record is withdrawn', () => {
    const effects = ends('b', HALTED);
    expect(told(effects)).toEqual([['lost', named('b'), 'halted: memory differs']]);
    expect(effects[0]).toEqual({ type: 'withdraw', incarnation: 'b' });
    expect(failure(effects)).toBeUndefined();
  });

  test('as the last one is the end of the machine, which says how', () => {
    ends('a');
    expect(failure(ends('b'))).toMatchObject({
      code: 'ALL_REPLICAS_LOST',
      message: 'no replica is left: the last one killed by SIGKILL',
    });
  });

  test('as the last one that said why gives its code', () => {
    ends('a');
    expect(failure(ends('b', HALTED))).toMatchObject({
      code: 'DIVERGED',
      message: 'no replica is left: the last one halted: memory differs',
      hint: 'look',
    });
  });

  test('is no news once the machine is over', () => {
    step({ type: 'finished' });
    expect(ends('a')).toEqual([]);
    expect(ends('b')).toEqual([]);
  });
});

describe('a replacement', () => {
  test('is started when a view is without the dead, not while one names it, and once', () => {
    runs('a', 'b');
    expect(of(ends('b'), 'repairAfter')).toEqual([]);
    expect(of(tellsView('a', view(2, 'a')), 'repairAfter')).toEqual([{ type: 'repairAfter', delayMs: 0 }]);
    expect(of(tellsView('a', view(3, 'a')), 'repairAfter')).toEqual([]);
    expect(step({ type: 'repairDue' })).toEqual([{ type: 'start' }]);
  });

  test('is told of, and who ended before is forgotten', () => {
    alone();
    step({ type: 'repairDue' });
    const effects = started('c', true);
    expect(effects[0]).toEqual({ type: 'forget', incarnations: ['b'] });
    expect(told(effects)).toEqual([['joining', named('c'), 0]]);
    expect(launching.status.joining).toEqual([named('c')]);
  });

  test('that ends unnamed is followed by another, later each time; the same reason is news once', () => {
    alone();
    const seen = Array.from({ length: 3 }, (_, failures) => {
      step({ type: 'repairDue' });
      expect(told(started('c', true))).toEqual([['joining', named('c'), failures]]);
      const effects = ends('c');
      return [told(effects), of(effects, 'repairAfter')[0]?.delayMs];
    });
    const unjoined = (isNews: boolean) => [['unjoined', named('c'), 'killed by SIGKILL', isNews]];
    expect(seen).toEqual([
      [unjoined(true), 200],
      [unjoined(false), 400],
      [unjoined(false), 800],
    ]);
    expect(launching.status.reason).toMatch(/^need secondary; .* killed by SIGKILL$/);
  });

  test('that could not even be started counts as one that ended', () => {
    alone();
    step({ type: 'repairDue' });
    const effects = step({ type: 'notStarted', incarnation: 'c', reason: "can't be started: no memory" });
    expect(told(effects)).toEqual([['unjoined', { incarnation: 'c', pid: 0 }, "can't be started: no memory", true]]);
    expect(of(effects, 'repairAfter')).toEqual([{ type: 'repairAfter', delayMs: 200 }]);
  });

  test('that is named begins the count of failures anew', () => {
    alone();
    step({ type: 'repairDue' });
    started('c', true);
    ends('c');
    step({ type: 'repairDue' });
    started('d', true);
    tellsView('a', view(3, 'a', 'd'));
    expect(told(ends('d'))).toEqual([['lost', named('d'), 'killed by SIGKILL']]);
    expect(of(tellsView('a', view(4, 'a')), 'repairAfter')).toEqual([{ type: 'repairAfter', delayMs: 0 }]);
  });

  test('is not started where none is wanted, nor after the end', () => {
    launching = new Launching(view(1, 'a', 'b'), 2, false);
    started('a');
    started('b');
    runs('a', 'b');
    ends('b');
    expect(of(tellsView('a', view(2, 'a')), 'repairAfter')).toEqual([]);
    launch('a', 'b');
    alone();
    step({ type: 'stopped' });
    expect(step({ type: 'repairDue' })).toEqual([]);
  });
});

describe('a replacement that has joined and was replaced itself', () => {
  beforeEach(() => {
    alone();
    step({ type: 'repairDue' });
    started('c', true);
    tellsView('a', view(3, 'a', 'c'));
    tellsView('c', view(4, 'c'));
    step({ type: 'repairDue' });
    started('d', true);
    tellsView('c', view(5, 'c', 'd'));
  });

  test('is no one that joins: while it hangs another is started in its place', () => {
    expect(of(tellsView('d', view(6, 'd')), 'repairAfter')).toEqual([{ type: 'repairAfter', delayMs: 0 }]);
    expect(of(step({ type: 'repairDue' }), 'start')).toHaveLength(1);
    expect(launching.status.joining).toEqual([]);
  });

  test('is lost when it ends, and no failure to join', () => {
    tellsView('d', view(6, 'd'));
    expect(told(ends('c', HALTED))).toEqual([['lost', named('c'), HALTED.reason]]);
    expect(launching.status.reason).toBe('need secondary');
  });
});

describe('where none of the view lives but one joins', () => {
  beforeEach(() => {
    alone();
    step({ type: 'repairDue' });
    started('c', true);
  });

  test('the arbiter is asked, and the machine goes on if the dead have named it', () => {
    const effects = ends('a');
    expect(of(effects, 'readLatest')).toEqual([{ type: 'readLatest', reason: 'killed by SIGKILL' }]);
    expect(failure(effects)).toBeUndefined();
    expect(step({ type: 'latest', view: view(3, 'a', 'c'), reason: 'r' })).toEqual([]);
    expect(step({ type: 'latest', view: undefined, reason: 'r' })).toEqual([]);
  });

  test('it is the end if they have not', () => {
    ends('a');
    expect(failure(step({ type: 'latest', view: view(2, 'a'), reason: 'killed by SIGKILL' }))).toMatchObject({
      code: 'ALL_REPLICAS_LOST',
      message: 'no replica is left: the last one was killed by SIGKILL',
    });
  });

  test('it is not, if a view has been told of since', () => {
    ends('a');
    tellsView('c', view(3, 'c'));
    expect(step({ type: 'latest', view: view(2, 'a'), reason: 'r' })).toEqual([]);
  });
});

describe('a view', () => {
  beforeEach(() => void runs('a', 'b'));

  test('is told once, however many say so and however late', () => {
    expect(told(tellsView('b', view(3, 'b')))).toEqual([['view', view(3, 'b'), 'why']]);
    expect(tellsView('a', view(3, 'b'))).toEqual([]);
    expect(tellsView('a', view(2, 'a'))).toEqual([]);
    expect(launching.view.number).toBe(3);
  });

  test('says who is watched by others, and who is asked for snapshots where that is another', () => {
    started('c', true);
    const joined = tellsView('a', view(2, 'a', 'c'));
    expect(of(joined, 'named').map(({ incarnation }) => incarnation)).toEqual(['a', 'c']);
    expect(of(joined, 'newPrimary')).toEqual([]);
    expect(of(tellsView('c', view(3, 'c')), 'newPrimary')).toHaveLength(1);
    expect(says('b', { type: 'named' })).toEqual([{ type: 'named', incarnation: 'b' }]);
  });

  test('that is told after the end is no news', () => {
    step({ type: 'finished' });
    expect(tellsView('b', view(2, 'b'))).toEqual([]);
  });
});

describe('the status', () => {
  test('is told with the progress of the primary, and of nobody else', () => {
    runs('a', 'b');
    expect(says('b', { type: 'progress', progress: PROGRESS })).toEqual([]);
    const [effect] = says('a', { type: 'progress', progress: PROGRESS });
    expect(effect).toEqual({ type: 'tell', news: ['status', launching.status] });
    expect(launching.status).toMatchObject({ view: 1, epoch: 7, protected: true, primary: named('a') });
  });

  test('names each replica with its figures, by its role, and what the primary tells of log and output', () => {
    runs('a', 'b');
    started('c', true);
    const figures = { instructionsPerSecond: 5e8, lagEntries: 3, heldBytes: 17, heldMs: 4, logBytesPerSecond: 1000 };
    says('a', { type: 'progress', progress: { ...PROGRESS, ...figures, rssBytes: 1 } });
    says('b', { type: 'progress', progress: { ...PROGRESS, epoch: 6, count: 600, rssBytes: 2 } });
    expect(launching.status).toMatchObject(figures);
    expect(launching.status.replicas).toEqual([
      { ...named('a'), role: 'primary', epoch: 7, instructions: 700, interruptsDelivered: 0, rssBytes: 1 },
      { ...named('b'), role: 'backup', epoch: 6, instructions: 600, interruptsDelivered: 0, rssBytes: 2 },
      { ...named('c'), role: 'joining', epoch: 0, instructions: 0, interruptsDelivered: 0, rssBytes: 0 },
    ]);
  });

  test('counts what replicas have measured that are gone, too', () => {
    runs('a', 'b');
    const measured = (ms: number) => {
      const times = new TimeCounts();
      times.add(ms);
      return times.measured;
    };
    says('a', {
      type: 'progress',
      progress: { ...PROGRESS, logBytes: 30, heldFor: measured(1), roundTrips: measured(2) },
    });
    ends('a');
    tellsView('b', view(2, 'b'));
    started('c', true);
    says('b', { type: 'progress', progress: { ...PROGRESS, logBytes: 4, heldFor: measured(3) } });
    expect(launching.figures).toMatchObject({ logBytes: 34, heldFor: { sumMs: 4 }, roundTrips: { sumMs: 2 } });
    expect(launching.figures.heldFor.counts.reduce((sum, count) => sum + count)).toBe(2);
  });

  test('counts the comparisons of all there ever were, and who differed; what is covered is of who is a backup now', () => {
    runs('a', 'b');
    const compares = (name: string, comparisons: number, lastMs: number, covered: number) => {
      const verification = { ...PROGRESS.verification, comparisons, lastMs, covered, everyMs: 9 };
      says(name, { type: 'progress', progress: { ...PROGRESS, verification } });
    };
    compares('a', 0, 0, 0);
    compares('b', 10, 1000, 1);
    expect(launching.status.verification).toMatchObject({ comparisons: 10, covered: 1, everyMs: 9, divergences: 0 });
    ends('b', HALTED);
    tellsView('a', view(2, 'a'));
    const alone = { comparisons: 10, covered: 0, everyMs: null, divergences: 1, last: '1970-01-01T00:00:01.000Z' };
    expect(launching.status.verification).toMatchObject(alone);
    started('c', true);
    compares('c', 4, 2000, 0.25);
    tellsView('a', view(3, 'a', 'c'));
    expect(launching.status.verification).toEqual({
      ...{ share: 0.01, spent: 0, comparisons: 14, covered: 0.25, everyMs: 9, divergences: 1 },
      last: '1970-01-01T00:00:02.000Z',
    });
  });

  test('is told when the last guest begins, for an idle primary has nothing more to say', () => {
    runs('a');
    says('a', { type: 'progress', progress: PROGRESS });
    expect(launching.status.protected).toBe(false);
    const news = says('b', { type: 'running' }).flatMap(effect => (effect.type === 'tell' ? [effect.news] : []));
    expect(news.at(-1)).toMatchObject(['status', { protected: true }]);
  });

  test.each([
    ['an end', () => ends('b')],
    ['a view', () => tellsView('a', view(2, 'a'))],
    ['a replacement', () => started('c', true)],
  ])('is told after %s, as it is then', (_, act) => {
    runs('a', 'b');
    const news = act().flatMap(effect => (effect.type === 'tell' ? [effect.news] : []));
    expect(news.at(-1)).toEqual(['status', launching.status]);
  });
});

describe('the end of the machine', () => {
  test('kills who is still joining, and lets the others end by themselves', () => {
    runs('a', 'b');
    started('c', true);
    expect(step({ type: 'finished' })).toEqual([{ type: 'kill', incarnation: 'c' }]);
  });

  test('from outside kills all who live', () => {
    runs('a', 'b');
    ends('b');
    expect(step({ type: 'stopped' })).toEqual([{ type: 'kill', incarnation: 'a' }]);
  });

  test('for a reason of its surroundings comes once', () => {
    const error = new EpochvisorError('STDOUT_CLOSED', 'nobody reads');
    expect(step({ type: 'failed', error })).toEqual([{ type: 'fail', error }]);
    expect(step({ type: 'failed', error })).toEqual([]);
  });
});

test('what else replicas say is handed on', () => {
  runs('a', 'b');
  expect(says('a', { type: 'saved', request: 3 })).toEqual([{ type: 'saved', request: 3, error: undefined }]);
  expect(told(says('b', { type: 'live', failoverEpoch: 8, uncertain: 2 }))).toEqual([['live', named('b'), 8, 2]]);
  expect(says('a', { type: 'joins' })).toEqual([]);
  expect(says('unknown', { type: 'running' })).toEqual([]);
});
