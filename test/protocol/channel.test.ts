// Channel, rule by rule: what arrives at the I/O thread, and the effects that follow.

import { describe, expect, it } from 'vitest';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import { UNTOLD_SHARE } from '../../engine/protocol/bus-link.js';
import { Channel, type ChannelEffect, type ChannelEvent, CLAIM_RETRY_MS } from '../../engine/protocol/channel.js';
import type { ChannelOptions } from '../../engine/protocol/channel-events.js';
import type { FromBus, PeerMessage } from '../../engine/protocol/messages.js';
import { FIRST_OPENED_STREAM, type Operation, type Output, type View } from '../../engine/protocol/vocabulary.js';

const HEARTBEAT_MS = 10;
const SUSPICION_MS = 50;
const START_MS = 100;
const NO_PROGRESS = { executed: 0, backlogBytes: 0 };

const PAIR: View = { number: 1, machine: 'm', primary: 'A', backups: ['B'], claim: 'first' };
const ALONE: View = { ...PAIR, backups: [] };

type Chan = Channel<string>;
type Effect = ChannelEffect<string>;

function channel(
  incarnation: string,
  view: View = PAIR,
  operationIds = true,
  position = 0,
  timing: Partial<ChannelOptions> = {},
): Chan {
  let claims = 0;
  return new Channel<string>({
    incarnation,
    machine: 'm',
    view,
    position,
    operationIds,
    heartbeatMs: HEARTBEAT_MS,
    tickMs: HEARTBEAT_MS / 2,
    suspicionMs: SUSPICION_MS,
    startMs: START_MS,
    nowMs: 0,
    newClaim: () => `${incarnation}${++claims}`,
    ...timing,
  });
}

/** Connected to its peer and to the bus, which serves it if it is the primary. */
function connected(incarnation: string, view: View = PAIR, operationIds = true, position = 0): Chan {
  const it = channel(incarnation, view, operationIds, position);
  const peer = incarnation === 'A' ? 'B' : 'A';
  it.step({ type: 'peerOpened', peer, nowMs: 0 });
  it.step({ type: 'busOpened', nowMs: 0 });
  if (it.role === 'primary')
    it.step(fromBus({ type: 'fenced', view: view.number, streams: [], next: FIRST_OPENED_STREAM }));
  return it;
}

function fromBus(message: FromBus, nowMs = 0): ChannelEvent<string> {
  return { type: 'bus', message, nowMs };
}

function fromPeer(peer: string, message: PeerMessage<string>, nowMs = 0): ChannelEvent<string> {
  return { type: 'peer', peer, message, nowMs };
}

function log(position: number, length = 1, view = 1): PeerMessage<string> {
  return { type: 'log', view, position, length, settled: 0, part: `part ${position}` };
}

function acknowledgement(position: number, executed = 0, view = 1): PeerMessage<string> {
  return { type: 'acknowledgement', view, position, progress: { executed, backlogBytes: 0 } };
}

function heartbeat(changes: Partial<PeerMessage<string> & { type: 'heartbeat' }> = {}): PeerMessage<string> {
  return {
    type: 'heartbeat',
    view: 1,
    bus: true,
    progress: NO_PROGRESS,
    left: 0,
    confirmed: [],
    settled: 0,
    ...changes,
  };
}

function logged(length = 1): ChannelEvent<string> {
  return { type: 'logged', part: 'part', length };
}

function text(offset: number, stream = 1): Output {
  return { type: 'stream', stream, offset, bytes: Uint8Array.of(1, 2, 3) };
}

/** text(0) and text(3), joined on their way out. */
const BOTH: Output = { type: 'stream', stream: 1, offset: 0, bytes: Uint8Array.of(1, 2, 3, 1, 2, 3) };

function operation(id: bigint): Operation {
  return { id, device: 0x100, command: 3, argument: 0n, length: 0, data: new Uint8Array(0) };
}

function output(position: number, what: Output = text(0)): ChannelEvent<string> {
  return { type: 'output', position, output: what };
}

function tick(nowMs: number): ChannelEvent<string> {
  return { type: 'tick', nowMs, crowding: 1 };
}

/** Time goes on as it does where nothing keeps this replica from its turn; what that leads to. */
function ticks(it: Chan, fromMs: number, untilMs: number): Effect[] {
  const effects: Effect[] = [];
  for (let nowMs = fromMs + HEARTBEAT_MS / 2; nowMs < untilMs; nowMs += HEARTBEAT_MS / 2) {
    effects.push(...it.step(tick(nowMs)));
  }
  return [...effects, ...it.step(tick(untilMs))];
}

function toBus(effects: readonly Effect[]): unknown[] {
  return effects.flatMap(effect => (effect.type === 'sendBus' ? [effect.message] : []));
}

function outputs(effects: readonly Effect[]): Output[] {
  return effects.flatMap(effect =>
    effect.type === 'sendBus' && effect.message.type === 'output' ? [effect.message.output] : [],
  );
}

function shape(effects: readonly Effect[]): string[] {
  return effects.map(({ rule, type }) => `${rule} ${type}`);
}

/** The claim among the effects. */
function claimOf(effects: readonly Effect[]): View {
  const claim = effects.find(({ type }) => type === 'claim');
  if (claim?.type !== 'claim') throw new Error(`no claim among ${shape(effects).join(', ')}`);
  return claim.view;
}

/** Its peer is gone, and it has won the next view. */
function takeOver(it: Chan, peer: string): { view: View; effects: Effect[] } {
  const view = claimOf(it.step({ type: 'peerClosed', peer, reason: 'gone', nowMs: 0 }));
  return { view, effects: it.step({ type: 'claimed', view, answer: { result: 'won' }, nowMs: 0 }) };
}

describe('P0: what execution logs', () => {
  it('goes to the backup with its position', () => {
    const primary = connected('A');
    primary.step(logged(4));
    expect(primary.step(logged(2))).toEqual([
      {
        rule: 'P0',
        type: 'sendPeer',
        peer: 'B',
        message: { type: 'log', view: 1, position: 4, length: 2, settled: 6, part: 'part' },
      },
    ]);
  });

  it('goes nowhere where there is no backup', () => {
    expect(connected('A', ALONE).step(logged())).toEqual([]);
  });
});

describe('P4: a backup receives the log', () => {
  it('hands it to execution and acknowledges it, cumulatively', () => {
    const backup = connected('B');
    backup.step(fromPeer('A', log(0, 3)));
    backup.step({ type: 'progress', progress: { executed: 2, backlogBytes: 9 } });
    expect(backup.step(fromPeer('A', log(3)))).toEqual([
      { rule: 'P4', type: 'log', part: 'part 3' },
      {
        rule: 'P4',
        type: 'sendPeer',
        peer: 'A',
        message: {
          type: 'acknowledgement',
          view: 1,
          position: 4,
          progress: { executed: 2, backlogBytes: 9 },
        },
      },
    ]);
  });

  it('halts on a gap: the connection is in order, so something is wrong with it', () => {
    const backup = connected('B');
    expect(backup.step(fromPeer('A', log(1)))).toMatchObject([{ type: 'halt', code: 'LOG_GAP' }]);
    expect(backup.step(tick(500))).toEqual([]);
  });

  it('takes nothing of another view, and nothing from who is not its primary', () => {
    const backup = connected('B');
    expect(backup.step(fromPeer('A', log(0, 1, 2)))).toEqual([]);
    expect(backup.step(fromPeer('C', log(0)))).toEqual([]);
    expect(connected('A').step(fromPeer('B', log(0)))).toEqual([]);
  });
});

describe('OR: an output', () => {
  it('leaves when the backup has acknowledged all that precedes it', () => {
    const primary = connected('A');
    primary.step(logged(5));
    expect(primary.step(output(5))).toEqual([]);
    expect(outputs(primary.step(fromPeer('B', acknowledgement(4))))).toEqual([]);
    const effects = primary.step(fromPeer('B', acknowledgement(5)));
    expect(effects[0]).toEqual({ rule: 'OR', type: 'acknowledged', position: 5, alone: false });
    expect(outputs(effects)).toEqual([text(0)]);
  });

  it('leaves at once where nothing that precedes it is open', () => {
    expect(outputs(connected('A').step(output(0)))).toEqual([text(0)]);
    expect(outputs(connected('A', ALONE).step(output(7)))).toEqual([text(0)]);
  });

  it('leaves at once where only the snapshot precedes it from which both go on', () => {
    const primary = connected('A', PAIR, true, 7);
    expect(outputs(primary.step(output(7)))).toEqual([text(0)]);
    primary.step(logged());
    expect(outputs(primary.step(output(8, text(3))))).toEqual([]);
  });

  it('that more will follow waits for them, and they leave as one', () => {
    const primary = connected('A');
    expect(primary.step({ type: 'output', position: 0, output: text(0), more: true })).toEqual([]);
    expect(primary.step({ type: 'output', position: 0, output: text(3), more: true })).toEqual([]);
    expect(outputs(primary.step({ type: 'drained' }))).toEqual([BOTH]);
  });

  it('never overtakes one before it', () => {
    const primary = connected('A');
    primary.step(logged(5));
    primary.step(output(5));
    primary.step(output(5, text(3)));
    expect(outputs(primary.step(fromPeer('B', acknowledgement(5))))).toEqual([BOTH]);
  });

  it('of a backup stays with it', () => {
    const backup = connected('B');
    expect(backup.step(output(0))).toEqual([]);
    expect(backup.heldBytes).toBeGreaterThan(0);
  });

  it('waits for the bus', () => {
    const primary = channel('A', ALONE);
    expect(primary.step(output(0))).toEqual([]);
    primary.step({ type: 'busOpened', nowMs: 0 });
    expect(outputs(primary.step(fromBus({ type: 'fenced', view: 1, streams: [], next: FIRST_OPENED_STREAM })))).toEqual(
      [text(0)],
    );
  });

  it('is not released by an acknowledgement that is older than another', () => {
    const primary = connected('A');
    primary.step(logged(9));
    primary.step(fromPeer('B', acknowledgement(5)));
    expect(primary.step(fromPeer('B', acknowledgement(3)))[0]).toMatchObject({ position: 5 });
  });
});

describe('a backup holds no more than it must', () => {
  it('drops what its primary says has left', () => {
    const backup = connected('B');
    backup.step(output(0, { type: 'releaseOperation', operation: 1n }));
    backup.step(output(2, text(0)));
    backup.step(output(4, { type: 'releaseInput', stream: 0, offset: 9 }));
    const before = backup.heldBytes;
    backup.step(fromPeer('A', heartbeat({ left: 1 })));
    expect(backup.heldBytes).toBeLessThan(before);
    backup.step(fromPeer('A', heartbeat({ left: 5, confirmed: [{ stream: 1, offset: 3 }] })));
    expect(backup.heldBytes).toBe(0);
  });

  it('drops nothing on the word of another backup', () => {
    const backup = connected('B', { ...PAIR, backups: ['B', 'C'] });
    backup.step({ type: 'peerOpened', peer: 'C', nowMs: 0 });
    backup.step(output(0, { type: 'releaseOperation', operation: 1n }));
    const before = backup.heldBytes;
    expect(before).toBeGreaterThan(0);
    backup.step(fromPeer('C', heartbeat({ left: 1 })));
    expect(backup.heldBytes).toBe(before);
    backup.step(fromPeer('A', heartbeat({ left: 1 })));
    expect(backup.heldBytes).toBe(0);
  });

  it('keeps a stream’s bytes until they are performed: what has left may be lost with the primary', () => {
    const backup = connected('B');
    backup.step(output(0, text(0)));
    backup.step(fromPeer('A', heartbeat({ left: 5, confirmed: [{ stream: 1, offset: 2 }] })));
    expect(backup.heldBytes).toBeGreaterThan(0);
  });

  it('tells no more to have left than its own guest has said: what that puts out may be a release', () => {
    const backup = connected('B');
    const left = (nowMs: number): number => {
      const [beat] = backup.step(tick(nowMs));
      if (beat?.type !== 'sendPeer' || beat.message.type !== 'heartbeat') throw new Error('no heartbeat');
      return beat.message.left;
    };
    backup.step(fromPeer('A', log(0, 9)));
    expect(left(10)).toBe(0);
    backup.step({ type: 'progress', progress: NO_PROGRESS, said: 4 });
    expect(left(20)).toBe(4);
    // Where something was left in the ring, nothing is known to have been said.
    backup.step({ type: 'progress', progress: { executed: 9, backlogBytes: 0 } });
    expect(left(30)).toBe(4);
    backup.step({ type: 'progress', progress: NO_PROGRESS, said: 2 });
    expect(left(40)).toBe(4);
    backup.step({ type: 'progress', progress: NO_PROGRESS, said: 12 });
    expect(left(50)).toBe(9);
  });

  it('tells no more to have left, when it is promoted, before it writes the log itself', () => {
    const view: View = { ...PAIR, backups: ['B', 'C'] };
    const survivor = channel('B', view);
    for (const peer of ['A', 'C']) survivor.step({ type: 'peerOpened', peer, nowMs: 0 });
    survivor.step({ type: 'busOpened', nowMs: 0 });
    survivor.step(fromPeer('A', log(0, 9)));
    survivor.step({ type: 'progress', progress: NO_PROGRESS, said: 4 });
    takeOver(survivor, 'A');
    survivor.step(fromPeer('C', { type: 'follow', view: 2, position: 9 }));
    survivor.step(fromBus({ type: 'fenced', view: 2, streams: [], next: FIRST_OPENED_STREAM }));
    const left = (nowMs: number) =>
      survivor.step(tick(nowMs)).flatMap(effect => {
        return effect.type === 'sendPeer' && effect.message.type === 'heartbeat' ? [effect.message.left] : [];
      });
    expect(left(10)).toEqual([4]);
    survivor.step({ type: 'progress', progress: NO_PROGRESS, said: 9 });
    survivor.step({ type: 'live' });
    survivor.step(logged(2));
    expect(left(20)).toEqual([11]);
  });

  it('keeps the outcome until the bus has performed it', () => {
    const backup = connected('B');
    backup.step(output(0, { type: 'outcome', outcome: { kind: 'exit', status: 0 } }));
    backup.step(fromPeer('A', heartbeat({ left: 5 })));
    expect(backup.heldBytes).toBeGreaterThan(0);
  });
});

describe('P1: what the bus tells the primary', () => {
  it('input and completions are interrupts for execution', () => {
    const primary = connected('A');
    const bytes = Uint8Array.of(1);
    expect(
      primary.step(
        fromBus({ type: 'interrupt', interrupt: { kind: 'stream', stream: 0, offset: 0, bytes, end: false } }),
      ),
    ).toMatchObject([{ rule: 'P1', type: 'interrupt', interrupt: { kind: 'stream', offset: 0 } }]);
    primary.step(output(0, { type: 'operation', operation: operation(4n) }));
    expect(
      primary.step(
        fromBus({ type: 'interrupt', interrupt: { kind: 'completion', operation: 4n, status: 2, data: bytes } }),
      ),
    ).toMatchObject([{ rule: 'P1', type: 'interrupt', interrupt: { kind: 'completion', operation: 4n, status: 2 } }]);
  });

  it('a completion counts once, and only of what this replica has sent', () => {
    const primary = connected('A');
    const completion: FromBus = {
      type: 'interrupt',
      interrupt: { kind: 'completion', operation: 4n, status: 2, data: new Uint8Array(0) },
    };
    expect(primary.step(fromBus(completion))).toEqual([]);
    primary.step(output(0, { type: 'operation', operation: operation(4n) }));
    expect(primary.step(fromBus(completion))).toHaveLength(1);
    expect(primary.step(fromBus(completion))).toEqual([]);
  });

  it('means nothing to a backup (P3)', () => {
    const backup = connected('B');
    const bytes = new Uint8Array(1);
    expect(
      backup.step(
        fromBus({ type: 'interrupt', interrupt: { kind: 'stream', stream: 0, offset: 0, bytes, end: false } }),
      ),
    ).toEqual([]);
    expect(
      backup.step(
        fromBus({ type: 'interrupt', interrupt: { kind: 'completion', operation: 1n, status: 0, data: bytes } }),
      ),
    ).toEqual([]);
  });
});

describe('suspicion', () => {
  it('comes at once with the end of the connection', () => {
    const effects = connected('B').step({ type: 'peerClosed', peer: 'A', reason: 'gone', nowMs: 1 });
    expect(shape(effects)).toEqual(['CL claim']);
  });

  it('comes after so long without a word, not before', () => {
    const backup = connected('B');
    ticks(backup, 0, 40);
    backup.step(fromPeer('A', heartbeat(), 40));
    expect(ticks(backup, 40, 40 + SUSPICION_MS - 1).some(({ type }) => type === 'claim')).toBe(false);
    expect(claimOf(backup.step(tick(40 + SUSPICION_MS)))).toMatchObject({ number: 2, primary: 'B', backups: [] });
  });

  it('says whether it never came, or has fallen silent, and for how long', () => {
    // The view without it tells of it.
    const reasonOf = (it: ReturnType<typeof channel>): unknown => {
      const claim = claimOf(ticks(it, 50, 3 * SUSPICION_MS));
      const effects = it.step({ type: 'claimed', view: claim, answer: { result: 'won' }, nowMs: 3 * SUSPICION_MS });
      return effects.flatMap(effect => (effect.type === 'view' ? [effect.reason] : []))[0];
    };
    const backup = connected('B');
    backup.step(fromPeer('A', heartbeat(), 40));
    expect(reasonOf(backup)).toBe(`no word from it for ${SUSPICION_MS} ms`);
    expect(reasonOf(channel('B', PAIR))).toBe('it never came');
  });

  it('comes later where this host is crowded', () => {
    // Both are known to speak steadily: a quarter of the time is enough.
    const suspectedMs = (crowding: number): number => {
      const backup = channel('B', PAIR, true, 0, { heartbeatMs: 50, suspicionMs: 1000, startMs: 1000 });
      backup.step({ type: 'peerOpened', peer: 'A', nowMs: 0 });
      for (let nowMs = 0; nowMs <= 5_000; nowMs += 50) {
        backup.step(fromPeer('A', heartbeat(), nowMs));
        backup.step({ type: 'tick', nowMs, crowding });
      }
      for (let nowMs = 5_010; ; nowMs += 10) {
        const claims = backup.step({ type: 'tick', nowMs, crowding }).some(({ type }) => type === 'claim');
        if (claims) return nowMs - 5_000;
      }
    };
    expect([1, 3, 20].map(suspectedMs)).toEqual([250, 500, 1000]);
  });

  it('gives a peer that has not come yet its time to start', () => {
    const primary = channel('A');
    expect(ticks(primary, 0, START_MS - 1).some(({ type }) => type === 'claim')).toBe(false);
    expect(claimOf(primary.step(tick(START_MS)))).toMatchObject({ primary: 'A', backups: [] });
  });

  it('comes at once to who has not come yet and, as is said, never will', () => {
    const gone = { type: 'peerGone', peer: 'A', reason: 'killed', nowMs: 5 } as const;
    expect(shape(channel('B').step(gone))).toEqual(['CL claim']);
    // Of a link that stood its end tells: what came before it may be on its way.
    expect(connected('B').step(gone)).toEqual([]);
    expect(channel('B').step({ ...gone, peer: 'somebody' })).toEqual([]);
  });

  it('does not fall on a peer whose every message is of an older view: its word is not heard', () => {
    const backup = connected('B');
    ticks(backup, 0, 40);
    backup.step(fromPeer('A', heartbeat({ view: 0 }), 40));
    expect(ticks(backup, 40, SUSPICION_MS).some(({ type }) => type === 'claim')).toBe(true);
  });
});

describe('a message that is long on its way', () => {
  const suspects = (effects: readonly Effect[]) => effects.some(({ type }) => type === 'claim');

  it('is no silence: something comes', () => {
    const backup = connected('B');
    for (let nowMs = 0; nowMs < 10 * SUSPICION_MS; nowMs += HEARTBEAT_MS) {
      backup.step({ type: 'stirs', peer: 'A', nowMs });
      expect(suspects(backup.step(tick(nowMs))), `${nowMs}`).toBe(false);
    }
    expect(suspects(ticks(backup, 10 * SUSPICION_MS, 11 * SUSPICION_MS))).toBe(true);
  });

  it('from the bus is none either', () => {
    const drops = (effects: readonly Effect[]) => effects.some(({ type }) => type === 'dropBus');
    const primary = connected('A');
    for (let nowMs = 0; nowMs < 10 * SUSPICION_MS; nowMs += HEARTBEAT_MS) {
      primary.step({ type: 'stirs', nowMs });
      expect(drops(primary.step(tick(nowMs))), `${nowMs}`).toBe(false);
    }
    expect(drops(ticks(primary, 10 * SUSPICION_MS, 11 * SUSPICION_MS))).toBe(true);
  });

  it('of somebody unknown is nothing', () => {
    expect(connected('B').step({ type: 'stirs', peer: 'C', nowMs: 1 })).toEqual([]);
  });
});

describe('a replica that was absent: stopped, or kept from its turn', () => {
  const suspects = (effects: readonly Effect[]) => effects.some(({ type }) => type === 'claim');

  it('hears its sockets before it takes anybody to be silent', () => {
    for (const name of ['A', 'B']) {
      const it = connected(name);
      ticks(it, 0, 20);
      // SIGSTOP, SIGCONT: the first that it knows of it is a late tick.
      expect(suspects(it.step(tick(10_000))), name).toBe(false);
      it.step(fromPeer(name === 'A' ? 'B' : 'A', heartbeat(), 10_000));
      expect(suspects(ticks(it, 10_000, 10_000 + SUSPICION_MS - 1)), name).toBe(false);
    }
  });

  it('suspects who stays silent after the suspicion time of its own, absence left out', () => {
    const backup = connected('B');
    ticks(backup, 0, 20);
    backup.step(tick(10_000));
    // 20 ms before it; and all that a tick is later than a heartbeat is absence.
    const leftMs = SUSPICION_MS - 20 - HEARTBEAT_MS;
    expect(suspects(ticks(backup, 10_000, 10_000 + leftMs - 1))).toBe(false);
    expect(suspects(backup.step(tick(10_000 + leftMs)))).toBe(true);
  });

  it('suspects in the end, though it is kept from its turn again and again', () => {
    const backup = connected('B');
    let suspected = false;
    let turns = 0;
    for (; !suspected && turns < 100; turns++) suspected = suspects(backup.step(tick(1_000 * (turns + 1))));
    expect(turns).toBe(SUSPICION_MS / HEARTBEAT_MS);
  });

  it('learns nothing of others from it, whatever it hears first', () => {
    for (const socketFirst of [true, false]) {
      const backup = connected('B');
      ticks(backup, 0, 20);
      backup.step(fromPeer('A', heartbeat(), 20));
      if (!socketFirst) backup.step(tick(10_000));
      backup.step(fromPeer('A', heartbeat(), 10_000));
      expect(backup.silence.longestGapMs, `socket first: ${socketFirst}`).toBeLessThanOrEqual(20);
    }
  });

  it('suspects at once where a connection has ended meanwhile', () => {
    const backup = connected('B');
    backup.step(tick(10_000));
    expect(suspects(backup.step({ type: 'peerClosed', peer: 'A', reason: 'gone', nowMs: 10_000 }))).toBe(true);
  });

  it('does not give up the bus before it has heard its socket, and does when the bus stays silent', () => {
    const drops = (effects: readonly Effect[]) => effects.some(({ type }) => type === 'dropBus');
    for (const heard of [true, false]) {
      const primary = connected('A');
      expect(drops(primary.step(tick(10_000)))).toBe(false);
      if (heard) primary.step(fromBus({ type: 'heartbeat', taken: 0 }, 10_000));
      primary.step(fromPeer('B', heartbeat(), 10_000));
      expect(drops(ticks(primary, 10_000, 10_000 + SUSPICION_MS - 1)), String(heard)).toBe(!heard);
    }
  });

  it('is not replaced because it was without the bus while it could not look for it', () => {
    const halts = (effects: readonly Effect[]) => effects.some(({ type }) => type === 'halt');
    const primary = connected('A');
    ticks(primary, 0, 20);
    primary.step({ type: 'busClosed', nowMs: 20 });
    primary.step(fromPeer('B', heartbeat({ bus: true }), 20));
    expect(halts(primary.step(tick(10_000)))).toBe(false);
    primary.step(fromPeer('B', heartbeat({ bus: true }), 10_000));
    expect(halts(ticks(primary, 10_000, 10_000 + SUSPICION_MS - 1))).toBe(false);
    primary.step(fromPeer('B', heartbeat({ bus: true }), 10_000 + SUSPICION_MS));
    expect(halts(primary.step(tick(10_000 + SUSPICION_MS)))).toBe(true);
  });
});

describe('CL: a backup that claims', () => {
  it('has closed its log: it accepts and acknowledges nothing more, whatever the outcome', () => {
    const backup = connected('B');
    backup.step(fromPeer('A', log(0)));
    const view = claimOf(backup.step({ type: 'peerClosed', peer: 'A', reason: 'gone', nowMs: 0 }));
    expect(backup.step(fromPeer('A', log(1)))).toEqual([]);
    backup.step({ type: 'claimed', view, answer: { result: 'unreachable', reason: 'down' }, nowMs: 0 });
    expect(backup.step(fromPeer('A', log(1)))).toEqual([]);
  });

  it('receives what came meanwhile, once, where its claim is lost to its primary itself', () => {
    const backup = connected('B');
    const lose = (number: number, position: number): Effect[] => {
      const view = claimOf(backup.step({ type: 'peerClosed', peer: 'A', reason: 'gone', nowMs: 0 }));
      backup.step({ type: 'peerOpened', peer: 'A', nowMs: 0 });
      backup.step(fromPeer('A', log(position)));
      const owner: View = { ...PAIR, number, claim: `theirs ${number}` };
      const effects = backup.step({ type: 'claimed', view, answer: { result: 'lost', owner }, nowMs: 0 });
      return effects.filter(({ type }) => type === 'log' || type === 'halt');
    };
    expect(lose(2, 0)).toEqual([{ rule: 'P4', type: 'log', part: 'part 0' }]);
    expect(lose(3, 1)).toEqual([{ rule: 'P4', type: 'log', part: 'part 1' }]);
  });

  it('is told nothing about outputs that its primary has sent since', () => {
    const backup = connected('B');
    backup.step(output(0, { type: 'releaseOperation', operation: 1n }));
    backup.step({ type: 'peerClosed', peer: 'A', reason: 'gone', nowMs: 0 });
    backup.step(fromPeer('A', heartbeat({ left: 9 })));
    expect(backup.heldBytes).toBeGreaterThan(0);
  });
});

describe('VW: the answer of the arbiter', () => {
  it('won: the view stands, the bus is fenced first, then execution is promoted', () => {
    const backup = connected('B');
    const { view, effects } = takeOver(backup, 'A');
    expect(shape(effects)).toEqual(['VW view', 'FN sendBus', 'P7 promote', 'SX acknowledged']);
    expect(effects[0]).toMatchObject({ view, reason: 'gone' });
    expect(toBus(effects)).toEqual([{ type: 'fence', view: 2 }]);
    expect(effects[3]).toMatchObject({ position: Infinity, alone: true });
    expect(backup.view).toEqual(view);
    expect(backup.role).toBe('primary');
  });

  it('unreachable: the same claim is repeated until there is an answer', () => {
    const backup = connected('B');
    const view = claimOf(backup.step({ type: 'peerClosed', peer: 'A', reason: 'gone', nowMs: 0 }));
    const nowhere = { type: 'claimed', view, answer: { result: 'unreachable', reason: 'down' }, nowMs: 5 } as const;
    expect(backup.step(nowhere)).toEqual([]);
    expect(backup.step(tick(5 + CLAIM_RETRY_MS - 1)).some(({ type }) => type === 'claim')).toBe(false);
    expect(claimOf(backup.step(tick(5 + CLAIM_RETRY_MS)))).toEqual(view);
    expect(backup.step(tick(10 + CLAIM_RETRY_MS)).some(({ type }) => type === 'claim')).toBe(false);
  });

  it('to another claim than the one that is out means nothing', () => {
    const backup = connected('B');
    const view = claimOf(backup.step({ type: 'peerClosed', peer: 'A', reason: 'gone', nowMs: 0 }));
    const other = { ...view, claim: 'another' };
    expect(backup.step({ type: 'claimed', view: other, answer: { result: 'won' }, nowMs: 0 })).toEqual([]);
    expect(backup.role).toBe('backup');
  });
});

describe('LS: a replica that is no part of the machine any more', () => {
  it('halts when its claim is lost, and does nothing from then on', () => {
    const primary = connected('A');
    const view = claimOf(primary.step({ type: 'peerClosed', peer: 'B', reason: 'gone', nowMs: 0 }));
    const owner: View = { ...view, primary: 'B', claim: 'theirs' };
    const effects = primary.step({ type: 'claimed', view, answer: { result: 'lost', owner }, nowMs: 0 });
    expect(effects).toMatchObject([{ rule: 'LS', type: 'halt', code: 'VIEW_LOST' }]);
    expect(primary.step(output(0))).toEqual([]);
    expect(primary.step(tick(1_000))).toEqual([]);
  });

  it('halts when the bus serves a newer view', () => {
    const effects = connected('A').step(fromBus({ type: 'stale', view: 1, current: 2 }));
    expect(effects).toMatchObject([{ rule: 'LS', type: 'halt', code: 'FENCED' }]);
  });

  it('is not moved by what the bus says of a view that it has left itself', () => {
    const backup = connected('B');
    takeOver(backup, 'A');
    expect(backup.step(fromBus({ type: 'stale', view: 1, current: 2 }))).toEqual([]);
  });

  it('halts without the bus for the suspicion time, if its backup has it', () => {
    const primary = connected('A');
    ticks(primary, 0, 40);
    primary.step(fromPeer('B', heartbeat({ bus: true }), 40));
    primary.step({ type: 'busClosed', nowMs: 40 });
    ticks(primary, 40, 85);
    primary.step(fromPeer('B', heartbeat({ bus: true }), 89));
    expect(ticks(primary, 85, 89).some(({ type }) => type === 'halt')).toBe(false);
    primary.step(fromPeer('B', heartbeat({ bus: true }), 90));
    expect(primary.step(tick(90)).at(-1)).toMatchObject({ type: 'halt', code: 'BUS_LOST' });
  });

  it('has the suspicion time to find a bus that was started again, though its backup finds it first (RB)', () => {
    const primary = connected('A');
    ticks(primary, 0, 40);
    primary.step({ type: 'busClosed', nowMs: 40 });
    for (let nowMs = 45; nowMs < 400; nowMs += 5) primary.step(fromPeer('B', heartbeat({ bus: false }), nowMs));
    expect(ticks(primary, 40, 400).some(({ type }) => type === 'halt')).toBe(false);
    for (let nowMs = 400; nowMs < 450; nowMs += 5) {
      primary.step(fromPeer('B', heartbeat({ bus: true }), nowMs));
      expect(ticks(primary, nowMs, nowMs + 4).some(({ type }) => type === 'halt')).toBe(false);
    }
    primary.step(fromPeer('B', heartbeat({ bus: true }), 450));
    expect(primary.step(tick(450)).at(-1)).toMatchObject({ type: 'halt', code: 'BUS_LOST' });
  });

  it('waits without the bus, if its backup has it neither', () => {
    const primary = connected('A');
    ticks(primary, 0, 40);
    primary.step({ type: 'busClosed', nowMs: 40 });
    primary.step(fromPeer('B', heartbeat({ bus: false }), 45));
    expect(ticks(primary, 40, 90).some(({ type }) => type === 'halt')).toBe(false);
  });
});

describe('SX: a primary that lost its backup', () => {
  it('lets nothing leave before it has a view without that backup', () => {
    const primary = connected('A');
    primary.step(logged());
    primary.step(output(1));
    const view = claimOf(primary.step({ type: 'peerClosed', peer: 'B', reason: 'gone', nowMs: 0 }));
    expect(primary.step(fromPeer('B', acknowledgement(1)))).toEqual([]);
    expect(primary.step(output(1, text(3)))).toEqual([]);
    const effects = primary.step({ type: 'claimed', view, answer: { result: 'won' }, nowMs: 0 });
    expect(shape(effects)).toEqual(['VW view', 'FN sendBus', 'SX acknowledged']);
    expect(outputs(effects)).toEqual([]);
    expect(outputs(primary.step(fromBus({ type: 'fenced', view: 2, streams: [], next: FIRST_OPENED_STREAM })))).toEqual(
      [BOTH],
    );
  });

  it('repeats nothing over a connection that was never lost', () => {
    for (const operationIds of [true, false]) {
      const primary = connected('A', PAIR, operationIds);
      primary.step(output(0, { type: 'operation', operation: operation(1n) }));
      primary.step(output(0, text(0)));
      takeOver(primary, 'B');
      expect(primary.step(fromBus({ type: 'fenced', view: 2, streams: [], next: FIRST_OPENED_STREAM }))).toEqual([]);
      const completion: FromBus = {
        type: 'interrupt',
        interrupt: { kind: 'completion', operation: 1n, status: 0, data: new Uint8Array(0) },
      };
      expect(primary.step(fromBus(completion))).toHaveLength(1);
    }
  });

  it('keeps even what was acknowledged while its claim is out', () => {
    const primary = connected('A');
    primary.step(logged());
    primary.step(fromPeer('B', acknowledgement(1)));
    primary.step({ type: 'peerClosed', peer: 'B', reason: 'gone', nowMs: 0 });
    expect(primary.step(output(1))).toEqual([]);
    expect(primary.step({ type: 'drained' })).toEqual([]);
  });

  it('is not promoted: it was the primary', () => {
    expect(takeOver(connected('A'), 'B').effects.some(({ type }) => type === 'promote')).toBe(false);
  });
});

describe('FN: the first act in a view', () => {
  it('is the fence: of the first primary when it reaches the bus', () => {
    expect(toBus(channel('A').step({ type: 'busOpened', nowMs: 0 }))).toEqual([{ type: 'fence', view: 1 }]);
  });

  it('is not done by a backup, nor while a claim is out', () => {
    expect(channel('B').step({ type: 'busOpened', nowMs: 0 })).toEqual([]);
    const primary = channel('A');
    primary.step({ type: 'peerClosed', peer: 'B', reason: 'gone', nowMs: 0 });
    expect(primary.step({ type: 'busOpened', nowMs: 0 })).toEqual([]);
  });

  it('comes later, if the survivor has no bus when it wins', () => {
    const backup = channel('B');
    const { effects } = takeOver(backup, 'A');
    expect(toBus(effects)).toEqual([]);
    expect(toBus(backup.step({ type: 'busOpened', nowMs: 0 }))).toEqual([{ type: 'fence', view: 2 }]);
  });

  it('counts when it is answered for the present view', () => {
    const primary = channel('A', ALONE);
    primary.step({ type: 'busOpened', nowMs: 0 });
    primary.step(output(0));
    expect(primary.step(fromBus({ type: 'fenced', view: 0, streams: [], next: FIRST_OPENED_STREAM }))).toEqual([]);
    expect(
      outputs(primary.step(fromBus({ type: 'fenced', view: 1, streams: [], next: FIRST_OPENED_STREAM }))),
    ).toHaveLength(1);
  });

  it('tells a survivor what is there already: it sends the rest of each stream (OF)', () => {
    const backup = connected('B');
    backup.step(output(0, text(0)));
    backup.step(output(0, text(3)));
    takeOver(backup, 'A');
    const sent = outputs(
      backup.step(
        fromBus({
          type: 'fenced',
          view: 2,
          streams: [{ stream: 1, received: 4, written: 0 }],
          next: FIRST_OPENED_STREAM,
        }),
      ),
    );
    expect(sent).toEqual([{ type: 'stream', stream: 1, offset: 4, bytes: Uint8Array.of(2, 3) }]);
  });
});

describe('RS: the bus was lost and is found', () => {
  it('every unfinished operation and unconfirmed output is sent again, before anything new', () => {
    const primary = connected('A', ALONE);
    primary.step(output(0, text(0)));
    primary.step(output(0, { type: 'operation', operation: operation(1n) }));
    primary.step({ type: 'busClosed', nowMs: 0 });
    primary.step(output(0, text(3)));
    expect(toBus(primary.step({ type: 'busOpened', nowMs: 0 }))).toEqual([{ type: 'fence', view: 1 }]);
    const effects = primary.step(
      fromBus({
        type: 'fenced',
        view: 1,
        streams: [{ stream: 1, received: 3, written: 0 }],
        next: FIRST_OPENED_STREAM,
      }),
    );
    expect(outputs(effects)).toEqual([{ type: 'operation', operation: operation(1n) }, text(3)]);
    expect(shape(effects)).toEqual(['RS sendBus', 'OR sendBus']);
  });

  it('in the paper’s world an operation that was sent ends in an uncertain interrupt instead', () => {
    const primary = connected('A', ALONE, false);
    primary.step(output(0, { type: 'operation', operation: operation(1n) }));
    primary.step({ type: 'busClosed', nowMs: 0 });
    primary.step({ type: 'busOpened', nowMs: 0 });
    const effects = primary.step(fromBus({ type: 'fenced', view: 1, streams: [], next: FIRST_OPENED_STREAM }));
    expect(effects).toEqual([{ rule: 'RS', type: 'interrupt', interrupt: { kind: 'uncertain', operation: 1n } }]);
    const late: FromBus = {
      type: 'interrupt',
      interrupt: { kind: 'completion', operation: 1n, status: 0, data: new Uint8Array(0) },
    };
    expect(primary.step(fromBus(late))).toEqual([]);
  });
});

describe('RL: a release', () => {
  it('waits for acknowledgement like any output', () => {
    const primary = connected('A');
    primary.step(logged());
    expect(primary.step(output(1, { type: 'releaseInput', stream: 0, offset: 5 }))).toEqual([]);
    expect(outputs(primary.step(fromPeer('B', acknowledgement(1))))).toHaveLength(1);
  });

  it('has left, as far as the backup is told, when the bus has taken as many outputs', () => {
    const primary = connected('A');
    const left = (nowMs: number): number => {
      for (const effect of primary.step(tick(nowMs))) {
        if (effect.type === 'sendPeer' && effect.message.type === 'heartbeat') return effect.message.left;
      }
      throw new Error('no heartbeat');
    };
    primary.step(logged(3));
    primary.step(fromPeer('B', acknowledgement(3), 90));
    primary.step(fromBus({ type: 'heartbeat', taken: 0 }, 90));
    primary.step(output(2, { type: 'releaseInput', stream: 0, offset: 5 }));
    expect(left(100)).toBe(2);
    primary.step(output(3, text(0)));
    expect(left(110)).toBe(2);
    // An answer to what was sent later, which another's output may have caused, proves nothing.
    primary.step(fromBus({ type: 'confirmed', stream: 1, offset: 3 }));
    expect(left(120)).toBe(2);
    primary.step(fromBus({ type: 'heartbeat', taken: 1 }, 120));
    expect(left(130)).toBe(3);
  });
});

describe('a word whose time was taken before that of another', () => {
  it('does not turn back the time', () => {
    const primary = connected('A');
    ticks(primary, 0, SUSPICION_MS - HEARTBEAT_MS);
    primary.step(fromPeer('B', heartbeat(), 0));
    const effects = ticks(primary, SUSPICION_MS - HEARTBEAT_MS, SUSPICION_MS + HEARTBEAT_MS);
    expect(effects.filter(({ type }) => type === 'claim')).toEqual([]);
  });
});

describe('a peer that is no part of the machine', () => {
  it('is forgotten when its connection ends, with all that was learnt of it', () => {
    const primary = connected('A');
    const longestMs = () => primary.silence.longestGapMs;
    primary.step({ type: 'peerOpened', peer: 'X', nowMs: 0 });
    primary.step(tick(HEARTBEAT_MS));
    primary.step(fromPeer('X', heartbeat(), HEARTBEAT_MS));
    expect(longestMs()).toBe(HEARTBEAT_MS);
    primary.step({ type: 'peerClosed', peer: 'X', reason: 'gone', nowMs: HEARTBEAT_MS });
    expect(longestMs()).toBe(0);
  });
});

describe('LG: heartbeats and lag', () => {
  it('says between them what the bus has, as often as that is a share of what a backup may hold until then', () => {
    const untold = BOUNDS.heldBytes * UNTOLD_SHARE;
    const primary = connected('A');
    const told = (offset: number, stream = 1): unknown[] => {
      return primary.step(fromBus({ type: 'confirmed', stream, offset })).flatMap(effect => {
        return effect.type === 'sendPeer' && effect.message.type === 'heartbeat' ? [effect.message.confirmed] : [];
      });
    };
    expect(told(untold - 1)).toEqual([]);
    const both = [
      { stream: 1, offset: untold - 1 },
      { stream: 2, offset: 1 },
    ];
    expect(told(1, 2)).toEqual([both]);
    expect(told(untold, 2)).toEqual([]);
    expect(told(untold + 1, 2)).toHaveLength(1);
  });

  it('says each interval whether it has the bus, how far it is, and what has left', () => {
    const backup = connected('B');
    backup.step({ type: 'progress', progress: { executed: 7, backlogBytes: 3 } });
    const [beat] = backup.step(tick(HEARTBEAT_MS));
    expect(beat).toMatchObject({
      type: 'sendPeer',
      peer: 'A',
      message: { type: 'heartbeat', bus: true, progress: { executed: 7, backlogBytes: 3 } },
    });
    expect(backup.step(tick(HEARTBEAT_MS + 1))).toEqual([]);
    // A timer comes a little early, not so much.
    expect(backup.step(tick(2 * HEARTBEAT_MS - 2))).toEqual([]);
    expect(backup.step(tick(2 * HEARTBEAT_MS))).toHaveLength(1);
  });

  it('makes the primary wait past the bound, and go on when the backup has caught up', () => {
    const primary = connected('A');
    primary.step(logged(10));
    const first = 100;
    primary.step(fromPeer('B', acknowledgement(10, 0), first));
    const late = first + BOUNDS.lagMs + 1;
    expect(primary.step(fromPeer('B', heartbeat(), late))).toEqual([{ rule: 'LG', type: 'throttle', on: true }]);
    expect(primary.lagMs(late)).toBe(BOUNDS.lagMs + 1);
    const caughtUp = heartbeat({ progress: { executed: 10, backlogBytes: 0 } });
    expect(primary.step(fromPeer('B', caughtUp, late + 1))).toEqual([{ rule: 'LG', type: 'throttle', on: false }]);
    expect(primary.lagMs(late + 1)).toBe(0);
  });

  it('lets the primary go on as soon as an acknowledgement says that the backup has caught up', () => {
    const primary = connected('A');
    primary.step(logged(10));
    primary.step(fromPeer('B', acknowledgement(10, 0), 0));
    primary.step(fromPeer('B', heartbeat(), BOUNDS.lagMs + 1));
    const effects = primary.step(fromPeer('B', acknowledgement(10, 10), BOUNDS.lagMs + 1));
    expect(effects).toContainEqual({ rule: 'LG', type: 'throttle', on: false });
  });

  it('lets the primary go on when the lagging backup is no part of the view any more', () => {
    const primary = connected('A');
    primary.step(logged(10));
    primary.step(fromPeer('B', acknowledgement(10, 0), 0));
    primary.step(fromPeer('B', heartbeat(), BOUNDS.lagMs + 1));
    expect(takeOver(primary, 'B').effects.at(-1)).toEqual({ rule: 'LG', type: 'throttle', on: false });
  });
});

describe('VT: a view that was won before a backup of it is connected', () => {
  it('is told when it is, with how far the log goes', () => {
    const survivor = channel('B', { ...PAIR, backups: ['B', 'C'] });
    for (const peer of ['A', 'C']) survivor.step({ type: 'peerOpened', peer, nowMs: 0 });
    const { view } = takeOver(survivor, 'A');
    const again = survivor.step({ type: 'peerOpened', peer: 'C', nowMs: 0 });
    expect(again).toContainEqual(
      expect.objectContaining({ type: 'sendPeer', peer: 'C', message: { type: 'view', view, position: 0 } }),
    );
  });
});

describe('XT: the end', () => {
  it('comes when the bus has performed the outcome, for primary and backup', () => {
    for (const name of ['A', 'B']) {
      const replica = connected(name);
      const peer = name === 'A' ? 'B' : 'A';
      const outcome = { kind: 'exit', status: 4 } as const;
      // The other is told: it may be without the bus just now, and our end looks like a death.
      expect(replica.step(fromBus({ type: 'finished', outcome }))).toEqual([
        { rule: 'XT', type: 'sendPeer', peer, message: { type: 'finished', outcome } },
        { rule: 'XT', type: 'finish', outcome },
      ]);
      expect(replica.step({ type: 'peerClosed', peer, reason: 'gone', nowMs: 0 })).toEqual([]);
    }
  });

  it('comes by the word of another replica, also without the bus, and nobody claims a view when that one is gone', () => {
    const outcome = { kind: 'trap', message: 'unreachable', count: 7, exact: true } as const;
    const backup = connected('B');
    backup.step({ type: 'busClosed', nowMs: 0 });
    expect(backup.step(fromPeer('A', { type: 'finished', outcome }))).toContainEqual({
      rule: 'XT',
      type: 'finish',
      outcome,
    });
    expect(backup.step({ type: 'peerClosed', peer: 'A', reason: 'gone', nowMs: 1 })).toEqual([]);
  });
});

describe('what the user is told', () => {
  it('is Protected only with a connected backup of the view', () => {
    expect(connected('A').protection).toEqual({ protected: true, reason: '' });
    expect(channel('A').protection).toEqual({ protected: false, reason: 'starting' });
    expect(channel('A', ALONE).protection).toEqual({ protected: false, reason: 'need secondary' });
    const claiming = connected('A');
    claiming.step({ type: 'peerClosed', peer: 'B', reason: 'gone', nowMs: 0 });
    expect(claiming.protection).toEqual({ protected: false, reason: 'changing view' });
  });

  it('is not Protected with fewer backups than were asked for', () => {
    const primary = channel('A', PAIR, true, 0, { backupsWanted: 2 });
    primary.step({ type: 'peerOpened', peer: 'B', nowMs: 0 });
    expect(primary.protection).toEqual({ protected: false, reason: 'need secondary' });
  });
});
