// poll_oneoff: clocks and descriptors, several at once.

import { describe, expect, test } from 'vitest';
import { RIGHTS_FILE } from '../../engine/wasi/abi.js';
import { ModelMachine, REAL_TIME_NS, Stuck } from './model-machine.js';
import { errnoName, Program, programIn } from './program.js';

type Subscription =
  | { clock: number; timeoutNs: bigint; absolute?: boolean }
  | { read: number }
  | { write: number }
  | { type: number };

interface Event {
  readonly of: number;
  readonly errno: string;
  readonly type: number;
  readonly bytes?: number;
  readonly hangup?: boolean;
}

const SUBSCRIPTIONS = 0x100;
const EVENTS = 0x4000;

function poll(p: Program, ...subscriptions: Subscription[]): Event[] | string {
  p.machine.memory().fill(0, SUBSCRIPTIONS, SUBSCRIPTIONS + 48 * subscriptions.length);
  for (const [index, subscription] of subscriptions.entries()) {
    const at = SUBSCRIPTIONS + 48 * index;
    p.view.setBigUint64(at, BigInt(index) | (0x1234n << 48n), true);
    if ('type' in subscription) p.view.setUint8(at + 8, subscription.type);
    else if ('clock' in subscription) {
      p.view.setUint32(at + 16, subscription.clock, true);
      p.view.setBigUint64(at + 24, subscription.timeoutNs, true);
      p.view.setUint16(at + 40, subscription.absolute ? 1 : 0, true);
    } else {
      p.view.setUint8(at + 8, 'read' in subscription ? 1 : 2);
      p.view.setUint32(at + 16, 'read' in subscription ? subscription.read : subscription.write, true);
    }
  }
  const errno = p.call('poll_oneoff', SUBSCRIPTIONS, EVENTS, subscriptions.length, 0x8000);
  if (errno !== 'OK') return errno;
  return Array.from({ length: p.view.getUint32(0x8000, true) }, (_, index) => {
    const at = EVENTS + 32 * index;
    expect(p.view.getBigUint64(at, true) >> 48n).toBe(0x1234n);
    const type = p.view.getUint8(at + 10);
    const event = { of: p.view.getUint16(at, true), errno: errnoName(p.view.getUint16(at + 8, true)), type };
    if (type === 0) return event;
    const bytes = Number(p.view.getBigUint64(at + 16, true));
    return { ...event, bytes, hangup: p.view.getUint16(at + 24, true) === 1 };
  });
}

const readable = (of: number, bytes: number, hangup = false) => ({ of, errno: 'OK', type: 1, bytes, hangup });
const writable = (of: number) => ({ of, errno: 'OK', type: 2, bytes: 0, hangup: false });
const passed = (of: number) => ({ of, errno: 'OK', type: 0 });

function program(): Program {
  return new Program(new ModelMachine());
}

function type(p: Program, text: string, end = false): void {
  p.machine.inbox.push({ kind: 'stream', stream: 0, offset: 0, bytes: Buffer.from(text), end });
}

describe('a clock', () => {
  test('wakes the program when its time has passed', () => {
    const p = program();
    const before = p.machine.monotonicNs;
    expect(poll(p, { clock: 1, timeoutNs: 5_000_000n })).toEqual([passed(0)]);
    expect(p.machine.monotonicNs).toBe(before + 5_000_000n);
    expect(p.machine.boundaries).toBe(1);
  });

  test('with an absolute time does so at that time', () => {
    const p = program();
    const at = p.machine.monotonicNs + 77n;
    expect(poll(p, { clock: 1, timeoutNs: at, absolute: true })).toEqual([passed(0)]);
    expect(p.machine.monotonicNs).toBe(at);
  });

  test('of real time is waited for on the monotonic clock', () => {
    const p = program();
    const before = p.machine.monotonicNs;
    expect(poll(p, { clock: 0, timeoutNs: 9n })).toEqual([passed(0)]);
    expect(p.machine.monotonicNs).toBe(before + 9n);
    p.machine.environments = 0;
    expect(poll(p, { clock: 0, timeoutNs: REAL_TIME_NS + 3000n, absolute: true })).toEqual([passed(0)]);
    // The model's real time moves by 1,000 ns a reading: it was read second.
    expect(p.machine.monotonicNs).toBe(before + 9n + 1000n);
  });

  test('whose time is over answers at once', () => {
    const p = program();
    expect(poll(p, { clock: 1, timeoutNs: 0n })).toEqual([passed(0)]);
    expect(poll(p, { clock: 1, timeoutNs: 1n, absolute: true })).toEqual([passed(0)]);
    expect(poll(p, { clock: 0, timeoutNs: 1n, absolute: true })).toEqual([passed(0)]);
    expect(p.machine.boundaries).toBe(0);
  });

  test('beyond all times never comes', () => {
    expect(() => poll(program(), { clock: 1, timeoutNs: (1n << 64n) - 1n })).toThrow(Stuck);
  });

  test('that comes first is told alone, those that are due together', () => {
    const p = program();
    const late = { clock: 1, timeoutNs: 300n };
    expect(poll(p, late, { clock: 1, timeoutNs: 100n }, { clock: 0, timeoutNs: 100n })).toEqual([passed(1), passed(2)]);
    expect(p.machine.timerNs).toBe(0);
  });

  test('that does not exist is an error of its event', () => {
    expect(poll(program(), { clock: 9, timeoutNs: 1n }, { clock: 2, timeoutNs: 1n })).toEqual([
      { of: 0, errno: 'EINVAL', type: 0 },
      { of: 1, errno: 'ENOTSUP', type: 0 },
    ]);
  });
});

describe('a descriptor', () => {
  test('to write to is ready', () => {
    expect(poll(program(), { write: 1 }, { write: 2 })).toEqual([writable(0), writable(1)]);
  });

  test('to read from is ready when something came', () => {
    const p = program();
    type(p, 'abc');
    expect(poll(p, { read: 0 })).toEqual([readable(0, 3)]);
    expect(p.machine.boundaries).toBe(1);
    expect(p.read(0, 2)).toBe('"ab"');
    expect(poll(p, { read: 0 })).toEqual([readable(0, 1)]);
  });

  test('at its end is ready, and says so', () => {
    const p = program();
    type(p, 'a', true);
    expect(poll(p, { read: 0 })).toEqual([readable(0, 1, true)]);
    expect(p.read(0)).toBe('"a"');
    expect(poll(p, { read: 0 })).toEqual([readable(0, 0, true)]);
  });

  test('of a file is always ready', () => {
    const { p } = programIn({ f: 'abcd' });
    const fd = p.mustOpen(3, 'f');
    p.read(fd, 1);
    expect(poll(p, { read: fd }, { write: fd })).toEqual([readable(0, 3), writable(1)]);
  });

  test('that is wrong is an error of its event', () => {
    const { p } = programIn({ f: '' });
    const powerless = p.mustOpen(3, 'f', { rights: RIGHTS_FILE & ~((1 << 1) | (1 << 27)) });
    const subscriptions = [{ read: 99 }, { read: 3 }, { read: 1 }, { write: 0 }, { read: powerless }];
    expect((poll(p, ...subscriptions) as Event[]).map(event => event.errno)).toEqual([
      'EBADF',
      'EBADF',
      'EBADF',
      'EBADF',
      'ENOTCAPABLE',
    ]);
  });
});

describe('a clock and a descriptor', () => {
  test('the descriptor comes first: the timer is disarmed', () => {
    const p = program();
    type(p, 'x');
    let armed = 0;
    p.machine.onBoundary = () => {
      armed = p.machine.timerNs;
    };
    expect(poll(p, { clock: 1, timeoutNs: 1000n }, { read: 0 })).toEqual([readable(1, 1)]);
    expect(armed).toBe(Number(p.machine.monotonicNs) + 1000);
    expect(p.machine.timerNs).toBe(0);
  });

  test('the clock comes first', () => {
    const p = program();
    expect(poll(p, { read: 0 }, { clock: 1, timeoutNs: 1000n })).toEqual([passed(1)]);
  });

  test('both at one boundary are both told', () => {
    const p = program();
    p.machine.onBoundary = () => {
      type(p, 'x');
      p.machine.inbox.push({ kind: 'timer', timeNs: p.machine.timerNs });
    };
    expect(poll(p, { read: 0 }, { clock: 1, timeoutNs: 1000n })).toEqual([readable(0, 1), passed(1)]);
  });

  test('a descriptor that is ready reads no clock', () => {
    const p = program();
    expect(poll(p, { write: 1 }, { clock: 1, timeoutNs: 1000n })).toEqual([writable(0)]);
    expect(p.machine.environments).toBe(0);
  });

  test('what is delivered and is not waited for does not wake', () => {
    const p = program();
    p.machine.inbox.push({ kind: 'completion', operation: 99n, status: 0, data: new Uint8Array(0) });
    expect(poll(p, { read: 0 }, { clock: 1, timeoutNs: 1000n })).toEqual([passed(1)]);
    expect(p.machine.boundaries).toBe(2);
  });
});

test('wrong arguments are refused', () => {
  const p = program();
  expect(poll(p)).toBe('EINVAL');
  expect(poll(p, { type: 3 })).toBe('EINVAL');
  expect(p.call('poll_oneoff', 0, 0x4000, -1, 0x8000)).toBe('EINVAL');
  expect(p.call('poll_oneoff', p.machine.memory().length - 47, 0x4000, 1, 0x8000)).toBe('EFAULT');
  expect(p.call('poll_oneoff', 0, p.machine.memory().length - 31, 1, 0x8000)).toBe('EFAULT');
  expect(p.call('poll_oneoff', 0, 0x4000, 1, p.machine.memory().length)).toBe('EFAULT');
});
