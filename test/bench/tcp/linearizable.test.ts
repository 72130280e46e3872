// The judge of the histories of clients: what a store can answer passes, and what no store can does not.
import { describe, expect, it } from 'vitest';
import { type Asked, type Done, unexplained } from '../../../bench/tcp/linearizable.js';
import { Random } from '../../../engine/simulator/random.js';

const GET: Asked = { kind: 'get' };
const INCREMENT: Asked = { kind: 'increment' };
const set = (value: string): Asked => ({ kind: 'set', value });
const append = (value: string): Asked => ({ kind: 'append', value });

function done(calledMs: number, answeredMs: number, asked: Asked, answer: Done['answer']): Done {
  return { asked, answer, calledMs, answeredMs };
}

/** Clients of a store that does each thing at a random moment between its call and its answer. */
function history(seed: number): Done[] {
  const random = new Random(seed);
  const planned = [0, 1, 2, 3].flatMap(() => {
    let ms = 0;
    return Array.from({ length: 200 }, () => {
      const calledMs = ms + random.below(3);
      const answeredMs = calledMs + 1 + random.below(10);
      ms = answeredMs + 1;
      const asked = random.pick([GET, GET, set(String(random.below(9))), append('1'), INCREMENT]);
      return { asked, calledMs, answeredMs, effectMs: calledMs + random.below(1000) / 1000 };
    });
  });
  let value: string | null = null;
  return planned
    .sort((one, other) => one.effectMs - other.effectMs)
    .map(({ asked: wanted, calledMs, answeredMs }) => {
      // Numbers stay those that a client can read.
      const asked = wanted.kind === 'append' && (value ?? '').length > 8 ? GET : wanted;
      let answer: Done['answer'] = 'OK';
      if (asked.kind === 'get') answer = value;
      else if (asked.kind === 'set') value = asked.value;
      else if (asked.kind === 'append') {
        value = `${value ?? ''}${asked.value}`;
        answer = value.length;
      } else {
        answer = Number(value ?? '0') + 1;
        value = String(answer);
      }
      return done(calledMs, answeredMs, asked, answer);
    });
}

describe('the judge of histories', () => {
  it('accepts operations one after another, and those at once in any order that explains them', () => {
    expect(
      unexplained([done(0, 1, set('a'), 'OK'), done(2, 3, append('bc'), 3), done(4, 5, GET, 'abc')]),
    ).toBeUndefined();
    const at_once = [done(0, 9, set('7'), 'OK'), done(1, 8, INCREMENT, 8), done(2, 7, GET, null), done(3, 9, GET, '8')];
    expect(unexplained(at_once)).toBeUndefined();
    expect(unexplained(at_once.toReversed())).toBeUndefined();
  });

  it('accepts what a store gave', () => {
    for (const seed of [1, 2, 3, 4, 5]) expect(unexplained(history(seed)), `seed ${seed}`).toBeUndefined();
  });

  it('refuses a stale read', () => {
    const stale = done(4, 5, GET, 'old');
    expect(unexplained([done(0, 1, set('old'), 'OK'), done(2, 3, set('new'), 'OK'), stale])).toBe(stale);
  });

  it('refuses what one reader has seen and a later one has not', () => {
    const late = done(4, 5, GET, null);
    expect(unexplained([done(0, 9, set('a'), 'OK'), done(1, 2, GET, 'a'), late])).toBe(late);
  });

  it('refuses a lost update', () => {
    const second = done(0, 2, INCREMENT, 1);
    expect(unexplained([done(0, 1, INCREMENT, 1), second])).toBe(second);
    const late = done(4, 5, GET, '1');
    expect(unexplained([done(0, 1, INCREMENT, 1), done(2, 3, append('5'), 2), late])).toBe(late);
  });

  it('refuses a doubled update', () => {
    const first = done(0, 1, INCREMENT, 2);
    expect(unexplained([first])).toBe(first);
    const read = done(2, 3, GET, 'xx');
    expect(unexplained([done(0, 1, append('x'), 1), read])).toBe(read);
  });

  it('refuses a history of a store in which one read is changed', () => {
    const good = history(7);
    const reads = good.filter(({ asked }) => asked.kind === 'get');
    const read = reads[reads.length >> 1]!;
    expect(unexplained(good.map(one => (one === read ? { ...one, answer: 'never' } : one)))).toBeDefined();
  });
});
