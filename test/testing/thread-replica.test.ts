// A replica that is a thread dies as a process does: what had left it arrives, and nothing else does; and nothing stays of it.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type * as Pool from '../../engine/testing/guest-pool.js';
import { endMayHaveLeft } from '../../engine/testing/kill-hook.js';
import type * as Trials from '../../engine/testing/trial.js';
import type { FaultPlan } from '../../engine/testing/trial-hooks.js';

// Threads are started from compiled files.
const compiled = (name: string) => new URL(`../../dist/engine/testing/${name}.js`, import.meta.url).href;
const { GuestPool } = (await import(compiled('guest-pool'))) as typeof Pool;
const { runTrial } = (await import(compiled('trial'))) as typeof Trials;

const COMPUTE = readFileSync(fileURLToPath(new URL('../../guest/build/compute.wasm', import.meta.url)));
const LIMIT_MS = 60_000;

let folder = '';
let pool: Pool.GuestPool;
let trials = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
  pool = new GuestPool();
});
afterEach(async () => {
  await pool.close();
  rmSync(folder, { recursive: true, force: true });
});

function run(plan: Partial<FaultPlan>, more: Partial<Trials.TrialRun> = {}, threads = true): Promise<Trials.Trial> {
  trials += 1;
  const options: Trials.TrialOptions = {
    module: COMPUTE,
    moduleCache: true,
    machine: {
      epochLength: 100_000,
      variant: 'deferred',
      counting: 'block',
      operationIds: true,
      maxMemory: 1 << 26,
      arguments: ['compute', '3', '3'],
    },
    devices: [],
    stdin: new Uint8Array(0),
    ...(threads ? { threads: pool } : {}),
  };
  const whole: FaultPlan = { point: undefined, fault: 'kill', victim: 'primary', timeline: true, ...plan };
  return runTrial(options, { folder: join(folder, String(trials)), limitMs: LIMIT_MS, plan: whole, ...more });
}

const place = (kind: 'message' | 'output', number: number, when: 'before' | 'after') =>
  ({ at: 'place', kind, number, when }) as const;
const text = ({ stdout }: Trials.Trial) => Buffer.from(stdout).toString('latin1');

describe.each([
  ['a thread', true],
  ['a process', false],
])('of a primary that was %s', (_, threads) => {
  test('the backup has heard what was sent before it died, and not a message more', async () => {
    for (const point of [place('message', 4, 'before'), place('message', 4, 'after'), place('output', 2, 'before')]) {
      const { kill, timeline, failover } = await run({ point }, {}, threads);
      expect(kill).toBeDefined();
      expect(failover).toMatchObject({ view: 2 });
      const count = (owner: string, what: string) =>
        timeline.filter(event => event.owner === owner && event.what === what).length;
      expect(count('primary', 'send log')).toBeGreaterThan(0);
      expect(count('backup', 'receive log')).toBe(count('primary', 'send log'));
      const deaths = timeline.filter(({ kind }) => kind === 'death');
      expect(deaths).toMatchObject([{ owner: 'primary', what: kill!.what, view: 1 }]);
      expect(timeline.some(({ kind, number }) => kind === 'view' && number === 2)).toBe(true);
      // Nothing is said of it later.
      expect(timeline.filter(({ owner, atNs }) => owner === 'primary' && atNs > kill!.atNs)).toEqual([]);
    }
  });
});

test.each([
  ['a thread', true],
  ['a process', false],
])('a primary that was %s and died before anybody was connected to it is not awaited', async (_, threads) => {
  const { timeline, ending } = await run({ point: { ...place('message', 1, 'before'), kind: 'bus' } }, {}, threads);
  const [view] = timeline.filter(({ kind }) => kind === 'view');
  expect(view).toMatchObject({ number: 2 });
  expect(view!.what).not.toBe('it never came');
  expect(ending).toEqual({ kind: 'outcome', outcome: { kind: 'exit', status: 0 } });
});

test('a trial leaves nothing behind: its threads and their memory are used by the next ones, and say the same', async () => {
  const undisturbed = await run({});
  for (let n = 1; n <= 5; n++) {
    const trial = await run({ point: { at: 'count', count: n * 200_000 } });
    expect(trial.kill).toMatchObject({ instruction: expect.any(Number), inFlight: { role: 'primary', view: 1 } });
    expect(trial.outputRule).toEqual({ bytes: undisturbed.stdout.length, breach: undefined });
    expect(trial.failover).toMatchObject({ view: 2 });
    expect(text(trial)).toBe(text(undisturbed));
  }
  expect([pool.started, pool.allocated]).toEqual([2, 2]);
});

test('a backup that dies leaves the primary alone', async () => {
  const { kill, failover, ending } = await run({ victim: 'backup', point: place('message', 1, 'before') });
  expect(kill).toMatchObject({ what: 'before receive log' });
  expect(failover).toMatchObject({ view: 2 });
  expect(failover!.failoverEpoch).toBeUndefined();
  expect(ending).toEqual({ kind: 'outcome', outcome: { kind: 'exit', status: 0 } });
});

test('links that are cut leave two replicas, one of which goes on', async () => {
  for (const point of [place('message', 2, 'after'), { at: 'count', count: 300_000 } as const]) {
    const { kill, failover, ending } = await run({ fault: 'cut', point });
    expect(kill).toBeDefined();
    // Where its backup was connected late the guest was over with its second message: nobody had to take over.
    const isOver = point.at === 'place' && endMayHaveLeft(kill);
    if (!isOver) expect(failover).toMatchObject({ view: 2 });
    expect(ending).toEqual({ kind: 'outcome', outcome: { kind: 'exit', status: 0 } });
  }
});

test('a second one dies in the takeover of the first, and a third goes on', async () => {
  const second = { at: 'place', kind: 'takeover', number: 3, when: 'after' } as const;
  const trial = await run({ point: place('message', 4, 'after'), second }, { replicas: 3 });
  expect(trial.kill).toBeDefined();
  expect(trial.secondKill).toMatchObject({ what: 'after fence' });
  expect(trial.ending).toEqual({ kind: 'outcome', outcome: { kind: 'exit', status: 0 } });
  expect(text(trial)).toBe(text(await run({})));
});
