// DU under seeded faults: replicas that log, on disks that are slow, stand still, are full, and lose what was not synced with the power
// of their hosts. At each output a judge looks whether a kill, or a loss of power, of all would leave what precedes it.

import { expect, it } from 'vitest';
import type { LogDisk, LogHost } from '../../engine/log/disk.js';
import { LogWriter, type LogWriterOptions } from '../../engine/log/log-writer.js';
import { Channel, type ChannelEffect, type ChannelEvent } from '../../engine/protocol/channel.js';
import { type Part, PRODUCTION } from '../../engine/simulator/parts.js';
import { chooseDisks } from '../../engine/simulator/run-plan.js';
import { simulate } from '../../engine/simulator/simulated-run.js';
import { type Mistake, search } from './planting.js';

const SEEDS = 60;
const SEEDS_MAX = 1_500;

it('DU: no output leaves before the disks have what precedes it that are to', () => {
  for (let seed = 1; seed <= SEEDS; seed++) expect(simulate(chooseDisks(seed)).failure, `${seed}`).toBeUndefined();
});

/** Acknowledges what is written. */
class Hasty extends Channel<Part> {
  override step(event: ChannelEvent<Part>): ChannelEffect<Part>[] {
    return super.step(event.type === 'kept' ? { ...event, synced: event.written } : event);
  }
}

/** Says that it has synced, and syncs. */
function lying({ disk, time: { soon } }: LogHost): LogDisk {
  return new Proxy(disk, {
    get: (target, name: keyof LogDisk) => {
      if (name === 'sync') return (_: number, then: (error: unknown) => void) => soon(() => then(undefined));
      const value = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const writerWith = (change: (options: LogWriterOptions) => Partial<LogWriterOptions>) => ({
  ...PRODUCTION,
  logWriter: (options: LogWriterOptions) => new LogWriter({ ...options, ...change(options) }),
});

const MISTAKES: readonly Omit<Mistake, 'rule' | 'runs'>[] = [
  {
    mistake: 'what is written is acknowledged before it is synced',
    parts: { ...PRODUCTION, channel: options => new Hasty(options) },
    sees: /output left before the disk of . had what precedes it \(DU\)/,
  },
  {
    mistake: 'the log of who joins counts before its checkpoint is whole',
    parts: writerWith(() => ({ beginsWhole: true })),
    sees: /output left before the disk of . had what precedes it \(DU\)/,
  },
  {
    mistake: 'a disk lies about what it has synced',
    parts: writerWith(({ host }) => ({ host: { ...host, disk: lying(host) } })),
    sees: /output left before the disk of . had what precedes it \(DU\)/,
  },
];

it.each(MISTAKES)('DU broken: $mistake: is found', mistake => {
  const found = search({ rule: 'DU', runs: chooseDisks, ...mistake }, SEEDS_MAX);
  expect(found, `${SEEDS_MAX} seeds see nothing wrong`).toBeDefined();
  expect(found?.failure).toMatch(mistake.sees);
});
