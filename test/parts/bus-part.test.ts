// One bus at a time, whoever starts when; and its end, which the arbiter has on record.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { CapturedConsole } from '../../devices/console/captured-console.js';
import type { Arbiter } from '../../engine/arbiter/arbiter.js';
import { KeptMemory } from '../../engine/bus/kept-memory.js';
import { BusPart, refuseSecondBus } from '../../engine/parts/bus-part.js';
import type { MachineFolder } from '../../engine/parts/machine-folder.js';
import { TestFolder } from '../building/test-folder.js';
import { folderAt } from './folders.js';

const temporary = new TestFolder();
const parts: BusPart[] = [];
afterEach(async () => {
  await Promise.all(parts.splice(0).map(part => part.stop()));
});

/** Each with a memory of its own, as on hosts of their own: nothing but the arbiter tells them of each other. */
async function busOf(folder: MachineFolder, arbiter: Arbiter): Promise<BusPart> {
  const observer = { waits: () => undefined, broken: () => undefined };
  const memory = await KeptMemory.open(temporary.file(`bus-${parts.length}`), 'm-1', { syncs: false, observer });
  const part = new BusPart({
    folder,
    arbiter,
    memory,
    place: { listen: '127.0.0.1:0', announced: '127.0.0.1' },
    streams: [new CapturedConsole(new Uint8Array(0))],
    devices: new Map(),
    module: () => undefined,
    say: () => undefined,
  });
  parts.push(part);
  return part;
}

/** As an arbiter that takes its time, another for each answer. */
function slow(arbiter: Arbiter, ...latenciesMs: readonly number[]): Arbiter {
  let asked = 0;
  const late = async <T>(ask: () => Promise<T>) => {
    await sleep(latenciesMs[asked++ % latenciesMs.length]);
    return await ask();
  };
  return {
    ...({
      end: (...a) => arbiter.end(...a),
      ended: m => arbiter.ended(m),
      withdraw: (...a) => arbiter.withdraw(...a),
    } as Arbiter),
    latest: machine => late(() => arbiter.latest(machine)),
    members: machine => late(() => arbiter.members(machine)),
    announce: (...about) => late(() => arbiter.announce(...about)),
  };
}

test('a second one is refused while the first answers, and not when that is gone', async () => {
  const { folder, arbiter } = await folderAt(temporary.file('m'));
  const first = await busOf(folder, arbiter);
  await first.start();
  await expect(refuseSecondBus({ folder, arbiter })).rejects.toMatchObject({ code: 'BUS_RUNNING' });
  await first.stop();
  await refuseSecondBus({ folder, arbiter });
  expect(await arbiter.members('m-1')).toEqual([]);
  // A record of the dead is no bus.
  await arbiter.announce('m-1', { incarnation: 'bus-dead', kind: 'bus', address: 'wss://127.0.0.1:1' });
  await refuseSecondBus({ folder, arbiter });
});

test.each([
  [[1], [1]],
  [
    [1, 40],
    [40, 1],
  ],
  [[5, 5, 200], [1]],
  [[60], [1, 1, 90]],
])(
  'of two that start at once, asking in %j and %j ms, one is left',
  async (one, other) => {
    const { folder, arbiter } = await folderAt(temporary.file('m'));
    const both = [await busOf(folder, slow(arbiter, ...one)), await busOf(folder, slow(arbiter, ...other))];
    const gone = vi.fn();
    for (const part of both) part.ended.catch(gone);
    const started = await Promise.allSettled(both.map(part => part.start()));
    for (const [at, { status }] of started.entries()) {
      if (status === 'rejected') await both[at]!.stop();
    }
    const refused = () => started.filter(({ status }) => status === 'rejected').length + gone.mock.calls.length;
    await vi.waitFor(() => expect(refused()).toBe(1), 6_000);
    await sleep(1_500);
    expect(refused()).toBe(1);
    const left = await arbiter.members('m-1');
    expect(left).toHaveLength(1);
  },
  15_000,
);

test('ends with the machine, whoever has ended it', async () => {
  const { folder, arbiter } = await folderAt(temporary.file('m'));
  const bus = await busOf(folder, arbiter);
  await bus.start();
  await arbiter.end('m-1', { kind: 'stopped' });
  expect(await bus.ended).toEqual({ kind: 'stopped' });
  expect(await arbiter.members('m-1')).toEqual([]);
});
