// Joining, rule by rule: from the first word of a replica without a state to its name in a view (JN, BV, VT, RA).

import { describe, expect, it } from 'vitest';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import { CLAIM_RETRY_MS } from '../../engine/protocol/channel.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import { Channels, effectsOf, HEARTBEAT_MS, START_MS, SUSPICION_MS } from './channels.js';

const ALONE: View = { number: 1, machine: 'm', primary: 'A', backups: [], claim: 'first' };
const PAIR: View = { ...ALONE, backups: ['B'] };

/** A has run alone up to position 10; J has asked. */
function asked(view: View = ALONE, suspicionMs = SUSPICION_MS): Channels {
  const channels = new Channels(suspicionMs);
  channels.add('A', view);
  for (const backup of view.backups) channels.add(backup, view);
  channels.add('J', undefined);
  channels.pass(HEARTBEAT_MS);
  return channels;
}

/** The snapshot was taken at 10, and one part has followed. */
function following(view: View = ALONE): Channels {
  const channels = asked(view);
  channels.log('A', 'before', 10);
  channels.step('A', { type: 'snapshotTaken', position: 10 });
  channels.log('A', 'ten', 2);
  return channels;
}

function executes(channels: Channels, name: string, executed: number): void {
  channels.step(name, { type: 'progress', progress: { executed, backlogBytes: 0 } });
}

/** J has executed all there is: A's claim that names it is out. */
function named(view: View = ALONE): Channels {
  const channels = following(view);
  for (const backup of view.backups) executes(channels, backup, 12);
  executes(channels, 'J', 12);
  channels.pass(HEARTBEAT_MS);
  return channels;
}

describe('JN: while somebody joins', () => {
  it('the machine is called starting by both', () => {
    expect(asked().get('J').protection).toEqual({ protected: false, reason: 'starting' });
    expect(following().get('A').protection).toEqual({ protected: false, reason: 'starting' });
  });
});

describe('JN: a spare', () => {
  /** A and B are as many as are wanted, and J asks. */
  function complete(): Channels {
    const channels = new Channels();
    for (const name of ['A', 'B']) channels.add(name, PAIR, { backupsWanted: 1 });
    channels.add('J', undefined);
    channels.pass(10 * START_MS);
    return channels;
  }

  it('is left to wait while the view lacks nobody, and nothing is done for it', () => {
    const channels = complete();
    expect(effectsOf(channels, 'A', 'takeSnapshot')).toEqual([]);
    expect(channels.sent.filter(({ to, message }) => to === 'J' && message.type !== 'heartbeat')).toEqual([]);
    expect(channels.get('A').protection).toEqual({ protected: true, reason: '' });
    expect(effectsOf(channels, 'J', 'halt')).toEqual([]);
  });

  it('is taken as soon as the backup is gone, and not before the view without it is won', () => {
    const channels = complete();
    channels.kill('B');
    channels.pass(2 * HEARTBEAT_MS);
    expect(effectsOf(channels, 'A', 'takeSnapshot')).toEqual([]);
    expect(channels.win('A').backups).toEqual([]);
    channels.pass(2 * HEARTBEAT_MS);
    expect(effectsOf(channels, 'A', 'takeSnapshot')).toHaveLength(1);
  });

  it('halts when it has found nobody for the time that it was given, and never where that has no end', () => {
    const channels = new Channels();
    channels.add('J', undefined, { joinMs: Infinity });
    channels.pass(100 * START_MS);
    expect(effectsOf(channels, 'J', 'halt')).toEqual([]);
    const impatient = new Channels();
    impatient.add('J', undefined);
    impatient.pass(2 * START_MS);
    expect(effectsOf(impatient, 'J', 'halt')).toMatchObject([{ code: 'JOIN_LOST' }]);
  });
});

describe('JN: a replica that joins', () => {
  it('asks everybody each heartbeat; the primary has a snapshot taken, a backup does nothing', () => {
    const channels = asked(PAIR);
    const asks = channels.sent.filter(({ message }) => message.type === 'join').map(({ to }) => to);
    expect(asks).toEqual(['A', 'B']);
    expect(effectsOf(channels, 'A', 'takeSnapshot')).toHaveLength(1);
    expect(effectsOf(channels, 'B', 'takeSnapshot')).toHaveLength(0);
    channels.pass(3 * HEARTBEAT_MS);
    expect(effectsOf(channels, 'A', 'takeSnapshot')).toHaveLength(1);
  });

  it('makes the primary log again', () => {
    expect(effectsOf(asked(), 'A', 'acknowledged').at(-1)).toMatchObject({ position: Infinity, alone: false });
  });

  it('takes no silence before it is welcomed for one: nothing was to be said to it', () => {
    const channels = asked();
    channels.pass(START_MS);
    channels.step('A', { type: 'snapshotTaken', position: 10 });
    channels.log('A', 'ten', 2);
    expect(channels.get('J').silence.longestGapMs).toBe(HEARTBEAT_MS);
    channels.pass(3 * HEARTBEAT_MS);
    expect(channels.get('J').silence.longestGapMs).toBe(HEARTBEAT_MS);
  });

  it('is given the whole suspicion time, however well it is known, and so is its primary', () => {
    const suspicionMs = 8 * SUSPICION_MS;
    const channels = asked(ALONE, suspicionMs);
    channels.log('A', 'before', 10);
    channels.step('A', { type: 'snapshotTaken', position: 10 });
    channels.pass(2 * suspicionMs);
    channels.cut.add('J');
    channels.pass(suspicionMs - HEARTBEAT_MS);
    expect(channels.did('A')).not.toContain('JN dropPeer');
    expect(channels.did('J')).not.toContain('RA readLatest');
    channels.pass(HEARTBEAT_MS);
    expect(channels.did('A')).toContain('JN dropPeer');
    expect(channels.did('J')).toContain('RA readLatest');
  });

  it('is welcomed in order with the log, from the position of the snapshot on', () => {
    const channels = following();
    const toJ = channels.sent.filter(({ to }) => to === 'J').map(({ message }) => message);
    expect(toJ).toMatchObject([
      { type: 'welcome', view: ALONE, position: 10 },
      { type: 'log', position: 10, length: 2, part: 'ten' },
    ]);
    expect(channels.did('A')).toContain('JN sendSnapshot');
    expect(channels.did('J')).toEqual(['JN welcomed', 'VT adopted', 'P4 log']);
  });

  it('takes part in nothing until it is named: outputs do not wait for it', () => {
    const channels = following();
    channels.cut.add('J');
    channels.log('A', 'twelve', 1);
    channels.output('A', 13, 0);
    expect(channels.left('A')).toBe(1);
  });

  it('is not named before it has executed to the position of its snapshot', () => {
    const channels = following();
    executes(channels, 'J', 9);
    channels.pass(2 * HEARTBEAT_MS);
    expect(channels.did('A')).not.toContain('JN claim');
    executes(channels, 'J', 10);
    channels.pass(HEARTBEAT_MS);
    expect(channels.claimOf('A')).toMatchObject({ number: 2, primary: 'A', backups: ['J'] });
  });

  it('is not named while its lag is beyond the bound', () => {
    const channels = following();
    executes(channels, 'J', 10);
    channels.step('J', { type: 'progress', progress: { executed: -1, backlogBytes: 0 } });
    channels.pass(HEARTBEAT_MS);
    executes(channels, 'J', 11);
    const late = channels.nowMs + BOUNDS.lagResumeMs + 1;
    const lagging = { type: 'heartbeat', view: 1, bus: true, left: 0, confirmed: [], settled: 0 } as const;
    const a = channels.get('A');
    a.step({ type: 'peer', peer: 'J', message: { ...lagging, progress: { executed: 0, backlogBytes: 1 } }, nowMs: 20 });
    const peer = { type: 'peer', peer: 'J', nowMs: late } as const;
    const effects = a.step({ ...peer, message: { ...lagging, progress: { executed: 11, backlogBytes: 1 } } });
    expect(effects.some(({ type }) => type === 'claim')).toBe(false);
    expect(
      a
        .step({ ...peer, message: { ...lagging, progress: { executed: 12, backlogBytes: 0 } } })
        .some(({ type }) => type === 'claim'),
    ).toBe(true);
  });

  it('is told what was put out before its snapshot and may be lost with the primary, and is named whatever becomes of that', () => {
    const channels = asked();
    channels.output('A', 0, 0);
    const release = { type: 'releaseInput', stream: 0, offset: 2 } as const;
    channels.step('A', { type: 'output', position: 9, output: release });
    channels.step('A', { type: 'snapshotTaken', position: 10 });
    const pending = channels.sent.flatMap(({ to, message }) =>
      to === 'J' && message.type === 'pending' ? [message] : [],
    );
    expect(pending).toMatchObject([
      { position: 0, output: { type: 'stream', offset: 0 } },
      { position: 9, output: release },
    ]);
    executes(channels, 'J', 10);
    channels.pass(2 * HEARTBEAT_MS);
    expect(channels.claimOf('A').backups).toEqual(['J']);
    channels.win('A');
    channels.pass(HEARTBEAT_MS);
    // The bus has taken the release; nobody has confirmed the bytes.
    channels.kill('A');
    channels.win('J');
    const again = effectsOf(channels, 'J', 'sendBus').flatMap(({ message }) =>
      message.type === 'output' ? [message.output] : [],
    );
    expect(again).toMatchObject([{ type: 'stream', stream: 1, offset: 0 }]);
  });

  it('is told of no operation from before its snapshot: those it repeats', () => {
    const channels = asked();
    const operation = { id: 1n, device: 0, command: 1, argument: 0n, length: 0, data: new Uint8Array(0) };
    channels.step('A', { type: 'output', position: 10, output: { type: 'operation', operation } });
    channels.step('A', { type: 'snapshotTaken', position: 10 });
    expect(channels.sent.filter(({ message }) => message.type === 'pending')).toEqual([]);
  });

  it('is not named before it has what others need not keep for it any more (KP)', () => {
    const channels = following(PAIR);
    channels.cut.add('J');
    channels.log('A', 'twelve', 3);
    const beat = { type: 'heartbeat', view: 1, bus: true, left: 0, confirmed: [], settled: 0 } as const;
    const progress = { executed: 12, backlogBytes: 0 };
    const heard = { type: 'peer', peer: 'J', nowMs: channels.nowMs } as const;
    channels.step('A', { ...heard, message: { ...beat, progress } });
    // B has acknowledged up to 15 and was told to keep nothing below: if J won the next view, it would lack the rest for good.
    expect(channels.did('A')).not.toContain('JN claim');
    channels.step('A', { ...heard, message: { type: 'acknowledgement', view: 1, position: 15, progress } });
    expect(channels.did('A')).toContain('JN claim');
  });

  it('is not named before the others have what it can give nobody: what came with its snapshot (KP)', () => {
    const channels = asked(PAIR);
    channels.cut.add('B');
    channels.log('A', 'before', 10);
    channels.step('A', { type: 'snapshotTaken', position: 10 });
    executes(channels, 'J', 10);
    channels.pass(HEARTBEAT_MS);
    // Were J to win the next view, it could not continue the log for B; were B to win it, J could not follow.
    expect(channels.did('A')).not.toContain('JN claim');
    const progress = { executed: 0, backlogBytes: 0 };
    const message = { type: 'acknowledgement', view: 1, position: 10, progress } as const;
    channels.step('A', { type: 'peer', peer: 'B', nowMs: channels.nowMs, message });
    expect(channels.did('A')).toContain('JN claim');
  });

  it('is not named before the others have what it was told to keep for nobody (KP)', () => {
    const channels = asked(PAIR);
    channels.log('A', 'before', 10);
    channels.step('A', { type: 'snapshotTaken', position: 10 });
    channels.cut.add('B');
    // It goes to J, too, with the word that one backup has to be given nothing by another.
    channels.log('A', 'ten', 2);
    executes(channels, 'J', 12);
    channels.pass(HEARTBEAT_MS);
    expect(channels.get('J').keptParts).toBe(0);
    expect(channels.did('A')).not.toContain('JN claim');
    const progress = { executed: 0, backlogBytes: 0 };
    const message = { type: 'acknowledgement', view: 1, position: 12, progress } as const;
    channels.step('A', { type: 'peer', peer: 'B', nowMs: channels.nowMs, message });
    expect(channels.did('A')).toContain('JN claim');
  });

  it('makes the primary wait when too much log stands unexecuted in its memory', () => {
    const channels = following();
    channels.step('J', { type: 'progress', progress: { executed: -1, backlogBytes: BOUNDS.joiningBacklogBytes + 1 } });
    channels.pass(HEARTBEAT_MS);
    expect(effectsOf(channels, 'A', 'throttle')).toMatchObject([{ on: true }]);
    channels.step('J', { type: 'progress', progress: { executed: -1, backlogBytes: 0 } });
    channels.pass(HEARTBEAT_MS);
    expect(effectsOf(channels, 'A', 'throttle').at(-1)).toMatchObject({ on: false });
  });

  it('is one at a time: another is welcomed when the first is named', () => {
    const channels = named();
    channels.add('K', undefined);
    channels.pass(2 * HEARTBEAT_MS);
    expect(effectsOf(channels, 'A', 'takeSnapshot')).toHaveLength(1);
    channels.win('A');
    channels.pass(HEARTBEAT_MS);
    expect(effectsOf(channels, 'A', 'takeSnapshot')).toHaveLength(2);
  });

  it('is forgotten when it dies: the primary is alone again', () => {
    const channels = following();
    channels.kill('J');
    expect(effectsOf(channels, 'A', 'acknowledged').at(-1)).toMatchObject({ position: Infinity, alone: true });
    expect(channels.get('A').protection.reason).toBe('need secondary');
  });

  it('holds up no output once it is forgotten', () => {
    const channels = following();
    channels.cut.add('J');
    channels.log('A', 'twelve', 1);
    channels.output('A', 13, 0);
    expect(channels.left('A')).toBe(1);
    // It has caught up with its snapshot, and lacks what precedes the output: it is waited for, and not named.
    const beat = { type: 'heartbeat', view: 1, bus: true, left: 0, confirmed: [], settled: 0 } as const;
    const progress = { executed: 12, backlogBytes: 0 };
    channels.step('A', { type: 'peer', peer: 'J', nowMs: channels.nowMs, message: { ...beat, progress } });
    channels.output('A', 13, 3);
    expect(channels.left('A')).toBe(1);
    channels.kill('J');
    expect(channels.left('A')).toBe(2);
  });

  it('is dropped when it is silent, and halts without its primary', () => {
    const channels = following();
    channels.cut.add('J');
    channels.pass(SUSPICION_MS + HEARTBEAT_MS);
    expect(effectsOf(channels, 'A', 'dropPeer')).toMatchObject([{ peer: 'J' }]);
  });

  it('leaves a snapshot that is under way to the next who asks', () => {
    const channels = asked();
    channels.kill('J');
    expect(effectsOf(channels, 'A', 'acknowledged').at(-1)).toMatchObject({ alone: false });
    channels.add('K', undefined);
    channels.pass(HEARTBEAT_MS);
    channels.step('A', { type: 'snapshotTaken', position: 7 });
    expect(effectsOf(channels, 'A', 'takeSnapshot')).toHaveLength(1);
    expect(effectsOf(channels, 'K', 'welcomed')).toMatchObject([{ position: 7 }]);
  });

  it('asks again where the guest could not be saved', () => {
    const channels = asked();
    channels.step('A', { type: 'snapshotFailed', reason: 'not now' });
    channels.pass(HEARTBEAT_MS);
    expect(effectsOf(channels, 'A', 'takeSnapshot')).toHaveLength(2);
  });

  it('halts where nobody is there to be joined', () => {
    const channels = new Channels();
    channels.add('J', undefined);
    channels.pass(START_MS);
    expect(effectsOf(channels, 'J', 'halt')).toMatchObject([{ code: 'JOIN_LOST' }]);
  });

  it('is told of a view that does not name it yet', () => {
    const channels = following(PAIR);
    channels.kill('B');
    channels.win('A');
    expect(channels.get('J').view).toMatchObject({ number: 2, backups: [] });
    channels.log('A', 'twelve', 1);
    expect(channels.did('J').filter(what => what === 'P4 log')).toHaveLength(2);
  });
});

describe('BV: while a claim is out that names a joining replica', () => {
  it('an output waits for the backups of the old view and for the joining replica', () => {
    for (const silent of ['B', 'J']) {
      const channels = named(PAIR);
      channels.cut.add(silent);
      channels.log('A', 'more', 1);
      channels.output('A', 13, 0);
      expect(channels.left('A'), silent).toBe(0);
    }
    const channels = named(PAIR);
    channels.log('A', 'more', 1);
    channels.output('A', 13, 0);
    expect(channels.left('A')).toBe(1);
  });

  it('the joining replica has acknowledged all that ever preceded an output: before, the claim is not sent', () => {
    const channels = following();
    channels.cut.add('J');
    channels.log('A', 'twelve', 1);
    channels.output('A', 13, 0);
    channels.step('A', { type: 'bus', message: { type: 'confirmed', stream: 1, offset: 3 }, nowMs: channels.nowMs });
    const message = { type: 'heartbeat', view: 1, bus: true, left: 0, confirmed: [], settled: 0 } as const;
    const progress = { executed: 12, backlogBytes: 0 };
    channels.step('A', { type: 'peer', peer: 'J', message: { ...message, progress }, nowMs: channels.nowMs });
    expect(channels.did('A')).not.toContain('JN claim');
    // From here on its acknowledgement counts.
    channels.output('A', 14, 3);
    expect(channels.left('A')).toBe(1);
    const acknowledgement = { type: 'acknowledgement', view: 1, position: 13, progress } as const;
    channels.step('A', { type: 'peer', peer: 'J', message: acknowledgement, nowMs: channels.nowMs });
    expect(channels.claimOf('A').backups).toEqual(['J']);
  });

  it('a backup that dies is left out of the view after it', () => {
    const channels = named(PAIR);
    channels.kill('B');
    channels.log('A', 'more', 1);
    channels.output('A', 13, 0);
    channels.win('A');
    expect(channels.left('A')).toBe(0);
    expect(channels.claimOf('A')).toMatchObject({ number: 3, backups: ['J'] });
    channels.win('A');
    expect(channels.left('A')).toBe(1);
  });

  it('the joining replica, when it dies, is left out of the view after it', () => {
    const channels = named();
    channels.kill('J');
    channels.win('A');
    expect(channels.claimOf('A')).toMatchObject({ number: 3, backups: [] });
  });
});

describe('VT: a view that was won', () => {
  it('is told to all it names; they adopt it, acknowledge anew, and the bus is fenced', () => {
    const channels = named(PAIR);
    const view = channels.win('A');
    for (const name of ['A', 'B', 'J']) expect(channels.get(name).view).toEqual(view);
    const anew = channels.sent.filter(({ message }) => message.type === 'acknowledgement' && message.view === 2);
    expect(anew.map(({ from }) => from)).toEqual(['B', 'J']);
    expect(effectsOf(channels, 'A', 'sendBus').at(-1)).toMatchObject({ message: { type: 'fence', view: 2 } });
    expect(channels.get('A').protection).toEqual({ protected: true, reason: '' });
  });

  it('halts a backup that it does not name', () => {
    const channels = new Channels();
    for (const name of ['A', 'B', 'C']) channels.add(name, { ...PAIR, backups: ['B', 'C'] });
    const view = { ...PAIR, number: 2 };
    channels.step('C', { type: 'peer', peer: 'A', message: { type: 'view', view, position: 0 }, nowMs: 0 });
    expect(effectsOf(channels, 'C', 'halt')).toMatchObject([{ code: 'VIEW_LOST' }]);
  });

  it('is believed of its own primary only, and never goes back', () => {
    const channels = named(PAIR);
    const view = channels.win('A');
    const later: View = { ...view, number: 9 };
    channels.step('B', { type: 'peer', peer: 'J', message: { type: 'view', view: later, position: 0 }, nowMs: 0 });
    channels.step('B', { type: 'peer', peer: 'A', message: { type: 'view', view: PAIR, position: 0 }, nowMs: 0 });
    expect(channels.get('B').view).toEqual(view);
  });

  it('lost by a backup to its own primary is adopted, and the log goes on with what came meanwhile (CL)', () => {
    const channels = named(PAIR);
    channels.cut.add('A');
    channels.pass(SUSPICION_MS + HEARTBEAT_MS);
    expect(channels.did('B')).toContain('CL claim');
    const { view } = effectsOf(channels, 'A', 'claim')[0]!;
    channels.cut.clear();
    const message = { type: 'log', view: 1, position: 12, length: 1, settled: 0, part: 'late' } as const;
    channels.step('B', { type: 'peer', peer: 'A', message, nowMs: channels.nowMs });
    expect(effectsOf(channels, 'B', 'log').at(-1)).toMatchObject({ part: 'ten' });
    channels.lose('B', view);
    expect(effectsOf(channels, 'B', 'log').at(-1)).toMatchObject({ part: 'late' });
    expect(channels.get('B').view).toEqual(view);
    // The primary does not know yet that it has won, and goes on in the old view.
    const more = { ...message, position: 13, part: 'later' };
    channels.step('B', { type: 'peer', peer: 'A', message: more, nowMs: channels.nowMs });
    expect(effectsOf(channels, 'B', 'log').at(-1)).toMatchObject({ part: 'later' });
  });
});

describe('RA: a joining replica that loses its primary', () => {
  function bereft(): Channels {
    const channels = named();
    channels.kill('A');
    return channels;
  }

  it('asks the arbiter, and goes on if it was named meanwhile', () => {
    const channels = bereft();
    expect(channels.did('J')).toContain('RA readLatest');
    const view: View = { ...ALONE, number: 2, backups: ['J'] };
    channels.step('J', { type: 'latest', view, nowMs: channels.nowMs });
    expect(channels.claimOf('J')).toMatchObject({ number: 3, primary: 'J', backups: [] });
    channels.win('J');
    expect(channels.did('J')).toContain('P7 promote');
  });

  it('asks again where the arbiter is out of reach, and for a while where nobody has claimed', () => {
    const channels = bereft();
    channels.step('J', { type: 'latest', view: undefined, nowMs: channels.nowMs });
    channels.pass(CLAIM_RETRY_MS - HEARTBEAT_MS);
    expect(effectsOf(channels, 'J', 'readLatest')).toHaveLength(1);
    channels.pass(200 + HEARTBEAT_MS);
    // Once more soon after the answer that it can't be reached, and again where no answer comes at all.
    expect(effectsOf(channels, 'J', 'readLatest')).toHaveLength(4);
    expect(effectsOf(channels, 'J', 'halt')).toEqual([]);
    channels.step('J', { type: 'latest', view: ALONE, nowMs: channels.nowMs });
    expect(effectsOf(channels, 'J', 'halt')).toMatchObject([{ code: 'JOIN_LOST' }]);
  });

  it('halts where another is primary now', () => {
    const channels = bereft();
    const view: View = { ...ALONE, number: 2, primary: 'B' };
    channels.step('J', { type: 'latest', view, nowMs: channels.nowMs });
    expect(effectsOf(channels, 'J', 'halt')).toMatchObject([{ code: 'JOIN_LOST' }]);
    expect(channels.step('J', { type: 'tick', nowMs: channels.nowMs + 1_000, crowding: 1 })).toEqual([]);
  });

  it('never claims a view that nobody named it in', () => {
    const channels = bereft();
    channels.pass(1_000);
    expect(channels.did('J').some(what => what.endsWith(' claim'))).toBe(false);
  });

  it('goes on as before when its primary was only silent', () => {
    const channels = following();
    channels.cut.add('A');
    channels.pass(SUSPICION_MS);
    expect(channels.did('J')).toContain('RA readLatest');
    channels.cut.clear();
    const message = { type: 'log', view: 1, position: 12, length: 1, settled: 0, part: 'late' } as const;
    channels.step('J', { type: 'peer', peer: 'A', message, nowMs: channels.nowMs });
    expect(effectsOf(channels, 'J', 'log').at(-1)).toMatchObject({ part: 'late' });
    // However late the answer is, nothing depends on it any more.
    channels.step('J', { type: 'latest', view: ALONE, nowMs: channels.nowMs + 2 * SUSPICION_MS });
    expect(effectsOf(channels, 'J', 'halt')).toEqual([]);
  });

  it('asks the arbiter no more once its primary is heard again', () => {
    const channels = following();
    channels.cut.add('A');
    channels.pass(SUSPICION_MS);
    const before = effectsOf(channels, 'J', 'readLatest').length;
    expect(before).toBeGreaterThan(0);
    const progress = { executed: 0, backlogBytes: 0 };
    const message = { type: 'heartbeat', view: 1, bus: true, progress, left: 0, confirmed: [], settled: 0 } as const;
    for (const endMs = channels.nowMs + 3 * CLAIM_RETRY_MS; channels.nowMs < endMs; channels.pass(HEARTBEAT_MS))
      channels.step('J', { type: 'peer', peer: 'A', message, nowMs: channels.nowMs });
    expect(effectsOf(channels, 'J', 'readLatest')).toHaveLength(before);
    expect(effectsOf(channels, 'J', 'halt')).toEqual([]);
  });

  it('gives up in time, whatever others than its primary say', () => {
    const channels = bereft();
    const progress = { executed: 0, backlogBytes: 0 };
    const message = { type: 'heartbeat', view: 1, bus: true, progress, left: 0, confirmed: [], settled: 0 } as const;
    channels.step('J', { type: 'peerOpened', peer: 'B', nowMs: channels.nowMs });
    for (const endMs = channels.nowMs + 3 * SUSPICION_MS; channels.nowMs < endMs; channels.pass(HEARTBEAT_MS))
      channels.step('J', { type: 'peer', peer: 'B', message, nowMs: channels.nowMs });
    channels.step('J', { type: 'latest', view: ALONE, nowMs: channels.nowMs });
    expect(effectsOf(channels, 'J', 'halt')).toMatchObject([{ code: 'JOIN_LOST' }]);
  });
});
