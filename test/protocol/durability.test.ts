// DU: what an output waits for where the log is written down, in each durability.

import { describe, expect, it } from 'vitest';
import type { Durability } from '../../engine/protocol/durability.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import { Channels, effectsOf, HEARTBEAT_MS, SUSPICION_MS } from './channels.js';

const PAIR: View = { number: 1, machine: 'm', primary: 'A', backups: ['B'], claim: 'first' };
const TRIO: View = { ...PAIR, backups: ['B', 'C'] };

function machine(durability: Durability, view: View = PAIR): Channels {
  const channels = new Channels();
  for (const name of [view.primary, ...view.backups]) channels.add(name, view, { durability });
  return channels;
}

const kept = (channels: Channels, name: string, written: number, synced: number) =>
  channels.step(name, { type: 'kept', written, synced });
const acknowledgements = (channels: Channels, from: string) =>
  channels.sent.flatMap(({ from: who, message }) =>
    who === from && message.type === 'acknowledgement' ? [message.position] : [],
  );

describe('DU: an output of a pair', () => {
  it('under `memory` waits for the backup, and for what is written here', () => {
    const channels = machine('memory');
    channels.log('A', 'part', 3);
    channels.output('A', 3, 0);
    expect([acknowledgements(channels, 'B'), channels.left('A')]).toEqual([[3], 0]);
    kept(channels, 'A', 2, -1);
    expect(channels.left('A')).toBe(0);
    kept(channels, 'A', 3, -1);
    expect(channels.left('A')).toBe(1);
  });

  it('under `memory` waits for no disk that has failed', () => {
    const channels = machine('memory');
    kept(channels, 'A', Infinity, Infinity);
    channels.log('A', 'part', 3);
    channels.output('A', 3, 0);
    expect(channels.left('A')).toBe(1);
  });

  it('under `backup-disk` waits for the disk of the backup, which acknowledges as it syncs', () => {
    const channels = machine('backup-disk');
    kept(channels, 'A', 3, -1);
    channels.log('A', 'one', 2);
    channels.log('A', 'two', 1);
    channels.output('A', 3, 0);
    kept(channels, 'B', 3, 0);
    expect([acknowledgements(channels, 'B'), channels.left('A')]).toEqual([[0], 0]);
    kept(channels, 'B', 3, 2);
    kept(channels, 'B', 3, 2);
    expect([acknowledgements(channels, 'B'), channels.left('A')]).toEqual([[0, 2], 0]);
    kept(channels, 'B', 9, 9);
    expect([acknowledgements(channels, 'B'), channels.left('A')]).toEqual([[0, 2, 3], 1]);
  });

  it('under `both-disks` waits for both, whichever is first', () => {
    for (const [first, last] of [
      ['A', 'B'],
      ['B', 'A'],
    ] as const) {
      const channels = machine('both-disks');
      channels.log('A', 'part', 3);
      channels.output('A', 3, 0);
      kept(channels, first, 3, 3);
      kept(channels, last, 3, 2);
      expect(channels.left('A')).toBe(0);
      kept(channels, last, 3, 3);
      expect(channels.left('A')).toBe(1);
    }
  });

  it('leaves not even before anything is logged until a disk has where to begin', () => {
    const channels = machine('both-disks');
    channels.output('A', 0, 0);
    kept(channels, 'A', 0, 0);
    expect(channels.left('A')).toBe(0);
    kept(channels, 'B', 0, 0);
    expect(channels.left('A')).toBe(1);
  });
});

describe('DU: a primary without a backup', () => {
  it.each(['backup-disk', 'both-disks'] as const)('under `%s` waits for its own disk', durability => {
    const channels = machine(durability);
    kept(channels, 'A', 3, 2);
    kept(channels, 'B', 3, 3);
    channels.log('A', 'part', 3);
    channels.kill('B');
    channels.win('A');
    channels.output('A', 3, 0);
    expect(channels.left('A')).toBe(0);
    kept(channels, 'A', 3, 3);
    expect(channels.left('A')).toBe(1);
  });

  it('tells its guest how far the disk is, which waits for no more than that', () => {
    const channels = machine('both-disks', { ...PAIR, backups: [] });
    channels.log('A', 'part', 3);
    kept(channels, 'A', 3, 1);
    expect(effectsOf(channels, 'A', 'acknowledged').at(-1)).toMatchObject({ rule: 'DU', position: 1 });
  });
});

describe('DU: a backup', () => {
  it('says what its disk had before there was a connection, once there is one', () => {
    const channels = new Channels();
    channels.add('B', PAIR, { durability: 'backup-disk' });
    kept(channels, 'B', 0, 0);
    // Nobody has heard it.
    channels.sent.length = 0;
    channels.step('B', { type: 'peerOpened', peer: 'A', nowMs: 0 });
    expect(acknowledgements(channels, 'B')).toEqual([0]);
  });

  it('says nothing of its disk while its claim is out, and says it in the view that it adopts (CL, VT)', () => {
    const channels = machine('backup-disk');
    kept(channels, 'B', 0, 0);
    channels.log('A', 'part', 3);
    channels.cut.add('B');
    // A speaks to itself; B hears nothing and claims.
    channels.pass(2 * SUSPICION_MS);
    const before = acknowledgements(channels, 'B').length;
    kept(channels, 'B', 3, 3);
    expect(acknowledgements(channels, 'B')).toHaveLength(before);
    channels.cut.clear();
    const next = { ...PAIR, number: 2, claim: 'another' };
    channels.lose('B', next);
    channels.step('B', { type: 'peer', peer: 'A', message: { type: 'view', view: next, position: 3 }, nowMs: 999 });
    expect(acknowledgements(channels, 'B').at(-1)).toBe(3);
  });

  it('that lacks nothing of the log but has not synced it holds the outputs of a new primary back (OS)', () => {
    const channels = machine('backup-disk', TRIO);
    channels.log('A', 'part', 3);
    channels.output('B', 3, 0);
    for (const name of ['B', 'C']) kept(channels, name, 3, name === 'B' ? 3 : 1);
    channels.kill('A');
    channels.win('B');
    // C has not followed: it hears of the view, and has claimed it itself.
    channels.lose('C', channels.claimOf('B'));
    channels.pass(HEARTBEAT_MS);
    expect(channels.get('B').view).toMatchObject({ number: 2, backups: ['C'] });
    expect(channels.left('B')).toBe(0);
    kept(channels, 'C', 3, 3);
    expect(channels.left('B')).toBe(1);
  });

  it('says that it has executed no more than its disk has: who joins is named when it could be started from it (JN)', () => {
    const channels = machine('both-disks', { ...PAIR, backups: [] });
    kept(channels, 'A', 100, 100);
    channels.add('J', undefined, { durability: 'both-disks' });
    channels.pass(HEARTBEAT_MS);
    channels.log('A', 'before', 10);
    channels.step('A', { type: 'snapshotTaken', position: 10 });
    channels.log('A', 'ten', 2);
    channels.step('J', { type: 'progress', progress: { executed: 12, backlogBytes: 0 } });
    channels.pass(3 * HEARTBEAT_MS);
    expect(effectsOf(channels, 'A', 'claim')).toEqual([]);
    kept(channels, 'J', 12, 12);
    channels.pass(3 * HEARTBEAT_MS);
    expect(effectsOf(channels, 'A', 'claim')).toHaveLength(1);
  });
});
