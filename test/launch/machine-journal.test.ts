// What a machine's journal has of each thing that happens: its event, its rule, and how much of what strangers do.

import { EventEmitter } from 'node:events';
import { beforeEach, expect, test, vi } from 'vitest';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { LaunchedMachine } from '../../engine/launch/launched-machine.js';
import type { MachineEvents } from '../../engine/launch/launching.js';
import { describeEvent, journalMachine } from '../../engine/launch/machine-journal.js';
import type { JournalEvent } from '../../engine/observe/event-journal.js';
import { RULES } from '../../engine/protocol/rules.js';

const A = { incarnation: 'a', pid: 1 };
const B = { incarnation: 'b', pid: 2 };
const view = (number: number, primary: string, ...backups: string[]) => {
  return { number, machine: 'm', primary, backups, claim: 'c' };
};

let machine: EventEmitter<MachineEvents>;
let events: JournalEvent[];
beforeEach(() => {
  machine = Object.assign(new EventEmitter<MachineEvents>(), { status: { primary: A, backups: [B] } });
  events = [];
  journalMachine(machine as unknown as LaunchedMachine, event => events.push(event));
});

test('a failover is a view, a primary that is another, a fence, and a replica that goes live', () => {
  machine.emit('view', view(2, 'b'), 'the socket has ended');
  machine.emit('fenced', 2, 'b', 12.4);
  machine.emit('live', B, 9, 0);
  expect(events).toEqual([
    { event: 'view', rule: 'VW', view: 2, primary: 'b', backups: [], reason: 'the socket has ended' },
    { event: 'failover', rule: 'P7', view: 2, from: 'a', to: 'b', reason: 'the socket has ended' },
    { event: 'fenced', rule: 'FN', view: 2, incarnation: 'b', silentMs: 12 },
    { event: 'live', rule: 'P7', replica: B, failoverEpoch: 9 },
  ]);
});

test('operations that ended uncertain are an event of their own', () => {
  machine.emit('live', B, 9, 3);
  expect(events.at(-1)).toEqual({ event: 'uncertain', rule: 'P8', replica: B, failoverEpoch: 9, operations: 3 });
});

test('who is named and was not has joined; who lost a backup is no other primary', () => {
  machine.emit('view', view(2, 'a'), 'silent');
  machine.emit('view', view(3, 'a', 'c'), 'joined');
  expect(events.map(({ event }) => event)).toEqual(['view', 'view', 'joined']);
  expect(events.at(-1)).toEqual({ event: 'joined', rule: 'JN', view: 3, incarnation: 'c' });
});

test('what differs is told apart by where it showed: at the end of an epoch, or by its state', () => {
  machine.emit('halted', B, 'DIVERGED', 'the backup is at x, its primary at the state digest of epoch 3');
  machine.emit('halted', B, 'DIVERGED', "at the end of epoch 3, the backup's state differs from its primary's: memory");
  machine.emit('halted', B, 'FENCED', 'the bus serves view 3');
  machine.emit('halted', B, 'GUEST_THREAD', 'it has ended');
  expect(events.map(({ event, rule }) => [event, rule])).toEqual([
    ['divergence', 'DG'],
    ['divergence', 'SD'],
    ['halted', 'LS'],
    ['halted', undefined],
  ]);
});

test('of what strangers try the first is written, and the rest counted', () => {
  const error = new EpochvisorError('PEER_UNPROVEN', 'it speaks HTTP');
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    for (let call = 0; call < 1_000; call++) machine.emit('refused', error);
    expect(events).toHaveLength(20);
    expect(events[0]).toEqual({ event: 'refused', code: 'PEER_UNPROVEN', message: 'it speaks HTTP' });
    vi.advanceTimersByTime(60_000);
    machine.emit('refused', error);
    expect(events.slice(20)).toEqual([{ event: 'refusals', count: 980 }, events[0]]);
  } finally {
    vi.useRealTimers();
  }
});

test('every event is a line of words, and cites a rule that there is', () => {
  machine.emit('running', A);
  machine.emit('joining', B, 2);
  machine.emit('unjoined', B, 'killed by SIGKILL', true);
  machine.emit('lost', A, 'killed by SIGKILL');
  machine.emit('unlogged', A, new EpochvisorError('LOG_FULL', 'no room'), true);
  machine.emit('logWaits', A, 'no room');
  machine.emit('logWaits', A, '');
  expect(events).toHaveLength(7);
  for (const { rule } of events) expect(Object.keys(RULES)).toContain(rule ?? 'P0');
  expect(events.map(describeEvent)[3]).toBe('lost replica={"incarnation":"a","pid":1} reason="killed by SIGKILL"');
  expect(describeEvent({ event: 'view', rule: 'VW', view: 2, primary: 'b' })).toBe('view (VW) view=2 primary=b');
});
