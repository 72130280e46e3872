// Several backups, rule by rule: who wins collects what it lacks, the others follow (OS, KP).

import { describe, expect, it } from 'vitest';
import type { View } from '../../engine/protocol/vocabulary.js';
import { Channels, effectsOf, HEARTBEAT_MS, SUSPICION_MS } from './channels.js';

const THREE: View = { number: 1, machine: 'm', primary: 'A', backups: ['B', 'C'], claim: 'first' };

function three(): Channels {
  const channels = new Channels();
  for (const name of ['A', 'B', 'C']) channels.add(name, THREE);
  return channels;
}

/** A part that only `names` have received when A dies. */
function partial(channels: Channels, part: string, ...names: string[]): void {
  for (const name of ['B', 'C']) if (!names.includes(name)) channels.cut.add(name);
  channels.log('A', part);
  channels.cut.clear();
}

describe('OR with several backups', () => {
  it('an output waits for all of them', () => {
    const channels = three();
    partial(channels, 'one', 'B');
    channels.output('A', 1, 0);
    expect(channels.left('A')).toBe(0);
    const progress = { executed: 0, backlogBytes: 0 };
    const message = { type: 'acknowledgement', view: 1, position: 1, progress } as const;
    channels.step('A', { type: 'peer', peer: 'C', message, nowMs: 0 });
    expect(channels.left('A')).toBe(1);
  });

  it('one that dies is left out of the next view, the others stay', () => {
    const channels = three();
    channels.kill('B');
    expect(channels.claimOf('A')).toMatchObject({ number: 2, backups: ['C'] });
    const view = channels.win('A');
    expect(channels.get('C').view).toEqual(view);
  });
});

describe('KP: what a backup keeps', () => {
  it('is what not all of them are known to have', () => {
    const channels = three();
    partial(channels, 'one', 'B');
    expect(channels.get('B').keptParts).toBe(1);
    const progress = { executed: 0, backlogBytes: 0 };
    const message = { type: 'acknowledgement', view: 1, position: 1, progress } as const;
    channels.step('A', { type: 'peer', peer: 'C', message, nowMs: 0 });
    channels.pass(HEARTBEAT_MS);
    expect(channels.get('B').keptParts).toBe(0);
  });

  it('is nothing where it is the only one', () => {
    const channels = new Channels();
    for (const name of ['A', 'B']) channels.add(name, { ...THREE, backups: ['B'] });
    for (let part = 0; part < 10; part++) channels.log('A', `${part}`);
    expect(channels.get('B').keptParts).toBe(0);
  });
});

describe('OS: when the primary dies', () => {
  it('each claims with the other; who wins waits for the other before it is promoted', () => {
    const channels = three();
    channels.kill('A');
    expect(channels.claimOf('B')).toMatchObject({ number: 2, primary: 'B', backups: ['C'] });
    expect(channels.claimOf('C')).toMatchObject({ number: 2, primary: 'C', backups: ['B'] });
    channels.cut.add('C');
    channels.win('B');
    expect(channels.did('B')).not.toContain('P7 promote');
    expect(channels.did('B').filter(what => what === 'FN sendBus')).toEqual([]);
  });

  it('the winner is promoted when the other follows, and the other receives its log', () => {
    const channels = three();
    channels.log('A', 'one');
    channels.kill('A');
    const view = channels.win('B');
    expect(channels.did('B').slice(-4)).toEqual(['VW view', 'FN sendBus', 'P7 promote', 'SX acknowledged']);
    channels.log('B', 'two');
    expect(effectsOf(channels, 'C', 'log')).toMatchObject([{ part: 'one' }, { part: 'two' }]);
    channels.output('B', 2, 0);
    expect(channels.left('B')).toBe(1);
    // Its own claim is lost: it knows already.
    channels.lose('C', view);
    expect(effectsOf(channels, 'C', 'halt')).toEqual([]);
    expect(channels.get('C').view).toEqual(view);
  });

  it('the winner is promoted once, whoever says again that it follows', () => {
    const channels = three();
    channels.kill('A');
    const { number: view } = channels.win('B');
    const message = { type: 'follow', view, position: 0 } as const;
    expect(channels.step('B', { type: 'peer', peer: 'C', message, nowMs: 0 })).toEqual([]);
  });

  it('who waits for another winner takes no word of a third for his', () => {
    const channels = three();
    channels.kill('A');
    const view = channels.win('B');
    const told = { type: 'view', view: { ...view, primary: 'D', backups: ['C'] }, position: 0 } as const;
    channels.step('C', { type: 'peerOpened', peer: 'D', nowMs: 0 });
    expect(channels.step('C', { type: 'peer', peer: 'D', message: told, nowMs: 0 })).toEqual([]);
    // Nor does the winner.
    channels.step('B', { type: 'peerOpened', peer: 'D', nowMs: 0 });
    expect(channels.step('B', { type: 'peer', peer: 'D', message: told, nowMs: 0 })).toEqual([]);
  });

  it('the winner gets what only the other has, before it is promoted', () => {
    const channels = three();
    channels.log('A', 'one');
    partial(channels, 'two', 'C');
    partial(channels, 'three', 'C');
    channels.kill('A');
    channels.win('B');
    expect(effectsOf(channels, 'B', 'log')).toMatchObject([{ part: 'one' }, { part: 'two' }, { part: 'three' }]);
    const did = channels.did('B');
    expect(did.lastIndexOf('OS log')).toBeLessThan(did.indexOf('P7 promote'));
    // And goes on from there.
    channels.log('B', 'four');
    expect(effectsOf(channels, 'C', 'log').at(-1)).toMatchObject({ part: 'four' });
    expect(effectsOf(channels, 'C', 'halt')).toEqual([]);
  });

  it('the other gets what only the winner has', () => {
    const channels = three();
    partial(channels, 'one', 'B');
    partial(channels, 'two', 'B');
    channels.kill('A');
    channels.win('B');
    expect(effectsOf(channels, 'C', 'log')).toMatchObject([{ part: 'one' }, { part: 'two' }]);
    // Nobody lacks it any more.
    expect(channels.get('B').keptParts).toBe(0);
    channels.log('B', 'three');
    expect(effectsOf(channels, 'C', 'log')).toHaveLength(3);
  });

  it('one that does not suspect the primary yet closes its log, too', () => {
    const channels = three();
    channels.step('B', { type: 'peerClosed', peer: 'A', reason: 'cut', nowMs: 0 });
    const view = channels.win('B');
    expect(channels.get('C').view).toEqual(view);
    const message = { type: 'log', view: 1, position: 0, length: 1, settled: 0, part: 'late' } as const;
    channels.step('C', { type: 'peer', peer: 'A', message, nowMs: 0 });
    expect(effectsOf(channels, 'C', 'log')).toEqual([]);
  });

  it('one that stays silent is left out of the view after it, and nothing leaves before', () => {
    const channels = three();
    channels.kill('A');
    channels.cut.add('C');
    channels.win('B');
    channels.pass(SUSPICION_MS);
    expect(channels.did('B')).toContain('P7 promote');
    channels.output('B', 0, 0);
    expect(channels.left('B')).toBe(0);
    expect(channels.claimOf('B')).toMatchObject({ number: 3, backups: [] });
    channels.win('B');
    expect(channels.left('B')).toBe(1);
  });

  it('one that is known to be gone is not named', () => {
    const channels = three();
    channels.kill('C');
    channels.kill('A');
    expect(channels.claimOf('B').backups).toEqual([]);
  });

  it('one that reads of its loss first waits for the winner’s word', () => {
    const channels = three();
    partial(channels, 'one', 'C');
    channels.kill('A');
    const view: View = { ...THREE, number: 2, primary: 'B', backups: ['C'], claim: 'B1' };
    channels.lose('C', view);
    expect(channels.get('C').view).toEqual(view);
    expect(channels.sent.some(({ message }) => message.type === 'follow')).toBe(false);
    channels.step('B', { type: 'claimed', view: channels.claimOf('B'), answer: { result: 'won' }, nowMs: 0 });
    expect(effectsOf(channels, 'B', 'log')).toMatchObject([{ part: 'one' }]);
    expect(channels.did('B')).toContain('P7 promote');
  });

  it('the winner dies as well: the other claims the view after, with all it has', () => {
    const channels = three();
    channels.kill('A');
    channels.win('B');
    channels.kill('B');
    expect(channels.claimOf('C')).toMatchObject({ number: 3, primary: 'C', backups: [] });
    channels.win('C');
    expect(channels.did('C')).toContain('P7 promote');
  });

  it('one whose log goes on beyond the winner’s, and who cannot offer it, halts', () => {
    const channels = three();
    channels.log('A', 'one');
    const view: View = { ...THREE, number: 2, primary: 'B', backups: ['C'] };
    // As from a winner that lacks what was settled: a defect, or another machine's.
    channels.pass(HEARTBEAT_MS);
    channels.step('C', { type: 'peer', peer: 'B', message: { type: 'view', view, position: 0 }, nowMs: 0 });
    expect(effectsOf(channels, 'C', 'halt')).toMatchObject([{ code: 'FOLLOW_LOST' }]);
  });
});
