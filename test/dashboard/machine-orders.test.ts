// What a page orders is done to the replica that is meant, and to no other process.

import { beforeEach, expect, test } from 'vitest';
import { MachineOrders, type OrderedMachine, parseOrder } from '../../engine/dashboard/machine-orders.js';
import { statusOf } from '../../engine/launch/launch-status.js';
import { NO_PROGRESS } from '../../engine/replica/replica-report.js';

let sent: [pid: number, signal: string][];
let machine: { -readonly [Name in keyof OrderedMachine]: OrderedMachine[Name] };
const orders = (repairs = true) => new MachineOrders(machine, repairs, (pid, signal) => void sent.push([pid, signal]));

beforeEach(() => {
  sent = [];
  const view = { number: 1, machine: 'm', primary: 'a', backups: ['b'], claim: 'c' };
  const replicas = [
    { incarnation: 'a', pid: 11 },
    { incarnation: 'b', pid: 12 },
  ];
  const progress = { ...NO_PROGRESS, protected: true };
  const told = replicas.map(one => ({ ...one, joins: false, hasEnded: false, running: true, progress }));
  machine = { status: statusOf(view, told, 2), replicas };
});

test('a failover kills the primary, a restart the backup', () => {
  expect(orders().carryOut({ order: 'failover' })).toBe('The primary, process 11, was killed.');
  expect(orders().carryOut({ order: 'restart' })).toBe('The backup, process 12, was killed.');
  expect(sent).toEqual([
    [11, 'SIGKILL'],
    [12, 'SIGKILL'],
  ]);
});

test('where the machine is not protected nobody is killed', () => {
  machine.status = { ...machine.status, protected: false, reason: 'need secondary' };
  for (const order of ['failover', 'restart'] as const) {
    expect(() => orders().carryOut({ order })).toThrow(/not protected \(need secondary\).*no test/);
  }
  expect(sent).toEqual([]);
});

test('without repair the backup is not killed, for no other would join', () => {
  expect(() => orders(false).carryOut({ order: 'restart' })).toThrow(/without repair/);
  expect(sent).toEqual([]);
});

test('a replica is paused until it goes on, or ends', () => {
  const all = orders();
  all.carryOut({ order: 'pause', incarnation: 'a' });
  all.carryOut({ order: 'pause', incarnation: 'b' });
  expect(all.paused).toEqual(machine.replicas);
  all.carryOut({ order: 'resume', incarnation: 'a' });
  expect(all.paused).toEqual([{ incarnation: 'b', pid: 12 }]);
  machine.replicas = machine.replicas.slice(0, 1);
  expect(all.paused).toEqual([]);
  expect(sent).toEqual([
    [11, 'SIGSTOP'],
    [12, 'SIGSTOP'],
    [11, 'SIGCONT'],
  ]);
});

test('who has ended, has no process, or was never a replica gets no signal', () => {
  machine.replicas = [{ incarnation: 'a', pid: 0 }];
  for (const incarnation of ['a', 'b', 'x', '']) {
    expect(() => orders().carryOut({ order: 'pause', incarnation })).toThrow(/has ended/);
  }
  expect(() => orders().carryOut({ order: 'failover' })).toThrow(/has ended/);
  expect(sent).toEqual([]);
});

test('an order is read, and what is none is not', () => {
  expect(parseOrder('{"order":"failover","x":1}')).toEqual({ order: 'failover' });
  expect(parseOrder('{"order":"pause","incarnation":"a"}')).toEqual({ order: 'pause', incarnation: 'a' });
  const none = [
    '',
    '{',
    'null',
    '1',
    '[]',
    '{"order":"kill"}',
    '{"order":"pause"}',
    '{"order":"pause","incarnation":7}',
  ];
  expect(none.map(parseOrder).filter(one => one !== undefined)).toEqual([]);
});
