// How replicas that nobody has given a view come to one first view, whoever starts when, sees whom, and asks in vain.

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryArbiter } from '../../engine/arbiter/memory-arbiter.js';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import { BIRTH_VIEW, findFirstView, WAIT_MAX_MS } from '../../engine/replica/first-view.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const BIRTH: View = { number: BIRTH_VIEW, machine: 'm', primary: '', backups: [], claim: 'born' };
const delay = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));

/** What one replica has come to; undefined: nothing yet. */
type Outcome = { readonly view: View | undefined } | undefined;

class World {
  readonly arbiter = new MemoryArbiter();
  readonly outcomes = new Map<string, Outcome>();
  readonly said: string[] = [];
  /** `a b`: a link between the two stands. */
  readonly links = new Set<string>();
  claims = 0;
  /** Of the arbiter's answers, in turn: ms; negative: it is out of reach, after the claim was made. */
  readonly latencies: readonly number[];
  #asked = 0;
  faultsUntilMs = Infinity;

  constructor(latencies: readonly number[] = [1]) {
    this.latencies = latencies;
  }

  async born(): Promise<this> {
    await this.arbiter.claim(BIRTH);
    return this;
  }

  link(...names: readonly string[]): void {
    for (const one of names) for (const other of names) if (one !== other) this.links.add(`${one} ${other}`);
  }

  async #answers<T>(ask: () => Promise<T>): Promise<T> {
    const latencyMs = this.latencies[this.#asked++ % this.latencies.length]!;
    const answer = await ask();
    await delay(Math.abs(latencyMs));
    if (latencyMs < 0 && Date.now() < this.faultsUntilMs)
      throw new EpochvisorError('ARBITER_UNREACHABLE', 'the arbiter is out of reach');
    return answer;
  }

  async start(incarnation: string, wanted = 2): Promise<void> {
    const { arbiter } = this;
    await arbiter.announce('m', { incarnation, kind: 'replica', address: `ws://h:${incarnation}` });
    this.outcomes.set(incarnation, undefined);
    const view = await findFirstView({
      machine: 'm',
      incarnation,
      wanted,
      arbiter: {
        latest: machine => this.#answers(() => arbiter.latest(machine)),
        read: (machine, number) => this.#answers(() => arbiter.read(machine, number)),
        members: machine => this.#answers(() => arbiter.members(machine)),
        claim: claimed =>
          this.#answers(() => arbiter.claim(claimed)).catch(() => ({ result: 'unreachable', reason: 'out of reach' })),
      },
      timers: { nowMs: () => Date.now(), after: (ms, act) => void setTimeout(act, ms) },
      isLinked: peer => this.links.has(`${incarnation} ${peer}`),
      newClaim: () => `claim ${++this.claims} of ${incarnation}`,
      waits: reason => this.said.push(reason),
    });
    this.outcomes.set(incarnation, { view });
  }
}

describe('the first view', () => {
  test('is claimed by the earliest as soon as as many are linked as are wanted; the third joins', async () => {
    const world = await new World().born();
    for (const name of ['c', 'a', 'b']) void world.start(name);
    world.link('a', 'b', 'c');
    await vi.advanceTimersByTimeAsync(WAIT_MAX_MS / 2);
    const first = await world.arbiter.latest('m');
    expect(first).toMatchObject({ number: 1, primary: 'c', backups: ['a'] });
    expect(world.outcomes).toEqual(
      new Map([
        ['c', { view: first }],
        ['a', { view: first }],
        ['b', { view: undefined }],
      ]),
    );
    expect(world.claims).toBe(1);
  });

  test('waits some seconds for the others, and then begins without', async () => {
    const world = await new World().born();
    void world.start('a');
    await vi.advanceTimersByTimeAsync(WAIT_MAX_MS - 500);
    expect(await world.arbiter.latest('m')).toEqual(BIRTH);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await world.arbiter.latest('m')).toMatchObject({ number: 1, primary: 'a', backups: [] });
  });

  test('does not name the dead, however early their records are', async () => {
    const world = await new World().born();
    await world.arbiter.announce('m', { incarnation: 'dead', kind: 'replica', address: 'ws://h:1' });
    for (const name of ['a', 'b']) void world.start(name);
    world.link('a', 'b');
    await vi.advanceTimersByTimeAsync(WAIT_MAX_MS / 2);
    expect(await world.arbiter.latest('m')).toMatchObject({ primary: 'a', backups: ['b'] });
  });

  test('is claimed by another where the earliest hangs', async () => {
    const world = await new World().born();
    await world.arbiter.announce('m', { incarnation: 'hangs', kind: 'replica', address: 'ws://h:1' });
    void world.start('b');
    world.link('hangs', 'b');
    await vi.advanceTimersByTimeAsync(4 * WAIT_MAX_MS);
    expect(await world.arbiter.latest('m')).toMatchObject({ primary: 'b', backups: ['hangs'] });
  });

  test('is not made again: who finds a later view begins in the first where both name it, and joins else', async () => {
    const world = await new World().born();
    await world.arbiter.claim({ number: 1, machine: 'm', primary: 'x', backups: ['y', 'z'], claim: 'x1' });
    await world.arbiter.claim({ number: 2, machine: 'm', primary: 'y', backups: ['z'], claim: 'y1' });
    for (const name of ['x', 'z', 'new']) void world.start(name, 3);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(world.outcomes.get('x')).toEqual({ view: undefined });
    expect(world.outcomes.get('z')).toEqual({ view: await world.arbiter.read('m', 1) });
    expect(world.outcomes.get('new')).toEqual({ view: undefined });
    expect(world.claims).toBe(0);
  });

  test('is not made where the arbiter has no record of the machine, or is out of reach: each is said once', async () => {
    const world = new World([5, 5, -5]);
    void world.start('a', 1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(world.outcomes.get('a')).toBeUndefined();
    expect(await world.arbiter.latest('m')).toBeUndefined();
    expect(world.said.sort()).toEqual(['the arbiter has no record of this machine', 'the arbiter is out of reach']);
    await world.born();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(world.outcomes.get('a')).toMatchObject({ view: { primary: 'a' } });
  });
});

test('of up to six who start in any order, see anybody or nobody, and lose answers, all come to the same first view', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const plan = fc.record({
    starts: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 }),
    delays: fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 6, maxLength: 6 }),
    pairs: fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names), fc.integer({ min: 0, max: 8_000 }))),
    latencies: fc.array(fc.integer({ min: -400, max: 400 }), { minLength: 1, maxLength: 12 }),
    wanted: fc.integer({ min: 1, max: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ starts, delays, pairs, latencies, wanted }) => {
      const world = await new World(latencies).born();
      world.faultsUntilMs = Date.now() + 60_000;
      for (const [at, name] of starts.entries()) setTimeout(() => void world.start(name, wanted), delays[at]!);
      for (const [one, other, ms] of pairs) setTimeout(() => world.link(one, other), ms);
      await vi.advanceTimersByTimeAsync(120_000);
      const first = await world.arbiter.read('m', 1);
      expect(first).toBeDefined();
      expect(first!.backups.length).toBeLessThan(wanted);
      for (const name of starts) {
        const named = [first!.primary, ...first!.backups].includes(name);
        expect(world.outcomes.get(name)).toEqual({ view: named ? first : undefined });
      }
    }),
    { numRuns: 60 },
  );
});
