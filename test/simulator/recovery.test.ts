// Recovery under seeded faults: all replicas die, with and without the power of their hosts, and a replica goes on from what they have
// written down, as production does. A judge looks that the log that is gone on from has what left, where that was promised (DU); the
// verdict at the end that no output is lost or doubled.

import { beforeAll, describe, expect, it } from 'vitest';
import { extentOf } from '../../engine/log/chain.js';
import { checkedRecovery } from '../../engine/log/checked-recovery.js';
import { openLogs } from '../../engine/log/log-reader.js';
import { LogWriter, type LogWriterOptions } from '../../engine/log/log-writer.js';
import { type Parts, PRODUCTION } from '../../engine/simulator/parts.js';
import { chooseRecovering } from '../../engine/simulator/run-plan.js';
import { simulate } from '../../engine/simulator/simulated-run.js';
import { addVisited, type RareState, RECOVERY_STATES } from '../../engine/simulator/sometimes.js';
import type { SegmentRecord } from '../../engine/wire/segment-records.js';
import { type Mistake, search } from './planting.js';

const SEEDS = 150;
const SEEDS_MAX = 400;

describe('a machine of which all die', () => {
  const failures: string[] = [];
  const visited = new Map<RareState, number>();
  beforeAll(() => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = simulate(chooseRecovering(seed));
      if (result.failure !== undefined) failures.push(`${seed}: ${result.failure}`);
      addVisited(visited, result.visited);
    }
  }, 300_000);

  it('goes on from its logs, and keeps every promise', () => {
    expect(failures).toEqual([]);
  });

  it.each(RECOVERY_STATES)('sometimes visits %s', state => {
    expect(visited.get(state) ?? 0).toBeGreaterThan(0);
  });
});

describe('what once went wrong at a seed', () => {
  it.each([
    [242, 'an operation of a guest that ended in its failover epoch was taken for one of the log'],
    [2978, 'under backup-disk a primary went on without its backup, on whose disk alone was what had left'],
    [2838, 'a log that the primary had dropped was asked for what it had'],
    [131, 'a close that had not left before a checkpoint was lost with it'],
  ])('%i does so no more: %s', seed => {
    expect(simulate(chooseRecovering(seed)).failure).toBeUndefined();
  });
});

/** Of the logs that the view names, the one that has come least far. */
const least: typeof checkedRecovery = (disk, folders, saved, known) => {
  const named = [known.view.primary, ...known.view.backups];
  const [shortest] = folders
    .flatMap(folder => openLogs(disk, folder).map(extentOf))
    .filter(({ isWhole, log }) => isWhole && named.includes(log.header.incarnation))
    .sort((a, b) => a.to - b.to);
  return checkedRecovery(disk, shortest === undefined ? folders : [shortest.log.path], saved, known);
};

/** Says that a checkpoint is whole, and then writes it. */
class Boasting extends LogWriter {
  #pieces: SegmentRecord[] = [];
  override record(record: SegmentRecord): void {
    if (record.type === 'piece') {
      this.#pieces.push(record);
      return;
    }
    super.record(record);
    if (record.type !== 'checkpoint') return;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.flush();
    this.time.after(5, () => {
      for (const piece of pieces) super.record(piece);
    });
  }
}

/** Drops what precedes a checkpoint that has only begun. */
class Hasty extends LogWriter {
  override record(record: SegmentRecord): void {
    super.record(record);
    if (record.type === 'begins') this.drop(this.segments.at(-1)?.number ?? 0);
  }
}

const writerOf = (Writer: new (options: LogWriterOptions) => LogWriter): Parts => ({
  ...PRODUCTION,
  logWriter: options => new Writer(options),
});

const MISTAKES: readonly Omit<Mistake, 'rule' | 'runs'>[] = [
  {
    mistake: 'the least advanced of the logs is gone on from',
    parts: { ...PRODUCTION, checkedRecovery: least },
    sees: /\(DU\)/,
  },
  {
    mistake: 'who goes on from a log takes the view of the dead for its own',
    parts: { ...PRODUCTION, recoveredView: (view, _, primary) => ({ ...view, primary, backups: [] }) },
    sees: /\(FN\)|\(VW\)/,
  },
  {
    mistake: 'a checkpoint is said to be whole before it is',
    parts: writerOf(Boasting),
    sees: /SNAPSHOT_INVALID|\(DU\)|a defect/,
  },
  {
    mistake: 'segments are dropped before the checkpoint that is to take their place is whole',
    parts: writerOf(Hasty),
    sees: /\(DU\)/,
  },
];

it.each(MISTAKES)('DU broken: $mistake: is found', mistake => {
  const found = search({ rule: 'DU', runs: chooseRecovering, ...mistake }, SEEDS_MAX);
  expect(found, `${SEEDS_MAX} seeds see nothing wrong`).toBeDefined();
  expect(found?.failure).toMatch(mistake.sees);
});
