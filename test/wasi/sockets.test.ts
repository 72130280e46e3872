// Listening sockets and connections, over streams that the test drives.

import { describe, expect, test } from 'vitest';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import { FDFLAGS_NONBLOCK, RIFLAGS_RECV_PEEK, RIFLAGS_RECV_WAITALL } from '../../engine/wasi/abi.js';
import { ModelFolder } from './model-folder.js';
import { ModelMachine, Stuck } from './model-machine.js';
import { Program } from './program.js';

const NO_DATA = new Uint8Array(0);

const LISTENER = 0x40;
const LISTENER_FD = 3;

/** Descriptor 3 listens, 4 is a directory. */
function program(): Program {
  return new Program(new ModelMachine({ folders: [new ModelFolder()], configuration: { listeners: [LISTENER] } }));
}

function connect(p: Program, stream: number): void {
  p.machine.inbox.push({ kind: 'opened', stream: LISTENER, offset: 0, opened: stream, data: NO_DATA });
}

function receive(p: Program, stream: number, text: string, end = false): void {
  p.machine.inbox.push({ kind: 'stream', stream, offset: 0, bytes: Buffer.from(text), end });
}

function accept(p: Program, fd = LISTENER_FD, flags = 0): number | string {
  const errno = p.call('sock_accept', fd, flags, 0x8000);
  return errno === 'OK' ? p.view.getUint32(0x8000, true) : errno;
}

function recv(p: Program, fd: number, lengths: number[], flags = 0): string {
  for (const [index, length] of lengths.entries()) {
    p.view.setUint32(0x100 + index * 8, 0x10000 + lengths.slice(0, index).reduce((a, b) => a + b, 0), true);
    p.view.setUint32(0x104 + index * 8, length, true);
  }
  const errno = p.call('sock_recv', fd, 0x100, lengths.length, flags, 0x8000, 0x8004);
  if (errno !== 'OK') return errno;
  const bytes = p.view.getUint32(0x8000, true);
  return `"${Buffer.from(p.machine.memory().subarray(0x10000, 0x10000 + bytes)).toString()}"`;
}

function send(p: Program, fd: number, text: string, flags = 0): number | string {
  p.machine.memory().set(Buffer.from(text), 0x10000);
  p.view.setUint32(0x100, 0x10000, true);
  p.view.setUint32(0x104, text.length, true);
  const errno = p.call('sock_send', fd, 0x100, 1, flags, 0x8000);
  return errno === 'OK' ? p.view.getUint32(0x8000, true) : errno;
}

/** One connection, accepted: descriptor 5, stream 0x80. */
function connected(): Program {
  const p = program();
  connect(p, 0x80);
  expect(accept(p)).toBe(5);
  return p;
}

describe('a listener', () => {
  test('blocks until a connection comes, and gives them in order', () => {
    const p = program();
    connect(p, 0x80);
    connect(p, 0x81);
    expect(accept(p)).toBe(5);
    expect(p.machine.boundaries).toBe(1);
    expect(accept(p)).toBe(6);
    expect(send(p, 5, 'first')).toBe(5);
    expect(send(p, 6, 'second')).toBe(6);
    expect(p.machine.text(0x80)).toBe('first');
    expect(p.machine.text(0x81)).toBe('second');
    expect(() => accept(p)).toThrow(Stuck);
  });

  test('that does not block says that there is none', () => {
    const p = program();
    expect(p.call('fd_fdstat_set_flags', LISTENER_FD, FDFLAGS_NONBLOCK)).toBe('OK');
    expect(accept(p)).toBe('EAGAIN');
    p.machine.kernel.deliver({ kind: 'opened', stream: LISTENER, offset: 0, opened: 0x80, data: NO_DATA });
    expect(accept(p, LISTENER_FD, FDFLAGS_NONBLOCK)).toBe(5);
    expect(p.fdstat(5)).toMatchObject({ flags: FDFLAGS_NONBLOCK, filetype: 6 });
    expect(recv(p, 5, [10])).toBe('EAGAIN');
  });

  test('wakes a poll', () => {
    const p = program();
    connect(p, 0x80);
    p.view.setUint8(0x108, 1);
    p.view.setUint32(0x110, LISTENER_FD, true);
    expect(p.call('poll_oneoff', 0x100, 0x4000, 1, 0x8000)).toBe('OK');
    expect(p.view.getUint32(0x8000, true)).toBe(1);
    expect(accept(p)).toBe(5);
  });

  test('is nothing to read, write or shut down', () => {
    const p = program();
    expect(p.read(LISTENER_FD)).toBe('ENOTCONN');
    expect(p.write(LISTENER_FD, 'x')).toBe('EBADF');
    expect(recv(p, LISTENER_FD, [1])).toBe('ENOTCONN');
    expect(send(p, LISTENER_FD, 'x')).toBe('ENOTCONN');
    expect(p.call('sock_shutdown', LISTENER_FD, 1)).toBe('ENOTCONN');
  });

  test('that is closed closes the connections that waited, and those that come late', () => {
    const p = program();
    p.machine.kernel.deliver({ kind: 'opened', stream: LISTENER, offset: 0, opened: 0x80, data: NO_DATA });
    expect(p.close(LISTENER_FD)).toBe('OK');
    p.machine.kernel.deliver({ kind: 'opened', stream: LISTENER, offset: 1, opened: 0x81, data: NO_DATA });
    p.machine.kernel.settle();
    expect(p.machine.socketCalls).toEqual(['close 128', 'close 129']);
    expect(p.machine.consumedOffsets.get(LISTENER)).toBe(2);
  });

  test('is released connection by connection, as they are accepted: how many wait is bounded by the bus', () => {
    const p = program();
    for (let k = 0; k < 3; k++) connect(p, 0x80 + k);
    accept(p);
    expect(p.machine.consumedOffsets.get(LISTENER)).toBe(1);
    p.machine.restart();
    accept(p);
    expect(p.machine.consumedOffsets.get(LISTENER)).toBe(2);
    expect(p.close(LISTENER_FD)).toBe('OK');
    expect(p.machine.consumedOffsets.get(LISTENER)).toBe(3);
  });

  test('stands before the directories, and libc finds those behind it', () => {
    const p = program();
    expect(p.call('fd_prestat_get', LISTENER_FD, 0x100)).toBe('OK');
    expect([p.view.getUint8(0x100), p.view.getUint32(0x104, true)]).toEqual([1, 0]);
    expect(p.call('fd_prestat_dir_name', LISTENER_FD, 0x100, 10)).toBe('EBADF');
    expect(p.call('fd_prestat_get', LISTENER_FD + 1, 0x100)).toBe('OK');
    expect([p.view.getUint8(0x100), p.view.getUint32(0x104, true)]).toEqual([0, 1]);
    expect(p.call('fd_prestat_get', LISTENER_FD + 2, 0x100)).toBe('EBADF');
  });
});

describe('a connection', () => {
  test('is read and written by calls for files as well', () => {
    const p = connected();
    receive(p, 0x80, 'request');
    expect(p.read(5, 3)).toBe('"req"');
    expect(recv(p, 5, [10])).toBe('"uest"');
    expect(p.machine.consumedOffsets.get(0x80)).toBe(7);
    expect(p.write(5, 'ans', 'wer')).toBe(6);
    expect(p.machine.text(0x80)).toBe('answer');
  });

  test('has what came before it was accepted', () => {
    const p = program();
    connect(p, 0x80);
    receive(p, 0x80, 'early', true);
    expect(accept(p)).toBe(5);
    expect(recv(p, 5, [10])).toBe('"early"');
    expect(recv(p, 5, [10])).toBe('""');
  });

  test('can be looked into without taking', () => {
    const p = connected();
    receive(p, 0x80, 'abcdef');
    expect(recv(p, 5, [2, 1, 2], RIFLAGS_RECV_PEEK)).toBe('"abcde"');
    expect(p.machine.consumedOffsets.has(0x80)).toBe(false);
    expect(recv(p, 5, [10])).toBe('"abcdef"');
  });

  test('can be waited for until all has come, boundary after boundary', () => {
    const p = connected();
    let boundaries = 0;
    p.machine.onBoundary = () => receive(p, 0x80, `<${boundaries++}>`);
    expect(recv(p, 5, [4, 3], RIFLAGS_RECV_WAITALL)).toBe('"<0><1><"');
    expect(p.machine.consumedOffsets.get(0x80)).toBe(6);
    p.machine.onBoundary = () => receive(p, 0x80, '!', true);
    expect(recv(p, 5, [100], RIFLAGS_RECV_WAITALL)).toBe('"2>!"');
  });

  test('takes as much of what is written as there is room for, and blocks where there is none', () => {
    const p = connected();
    const window = BOUNDS.openedOutputBytes;
    expect(send(p, 5, 'x'.repeat(40_000))).toBe(40_000);
    expect(send(p, 5, 'y'.repeat(40_000))).toBe(window - 40_000);
    expect(() => send(p, 5, 'z')).toThrow(Stuck);
    p.machine.inbox.push({ kind: 'taken', stream: 0x80, offset: 32_768 });
    expect(send(p, 5, 'z'.repeat(40_000))).toBe(32_768);
    expect(p.machine.text(0x80)).toBe('x'.repeat(40_000) + 'y'.repeat(window - 40_000) + 'z'.repeat(32_768));
    p.machine.inbox.push({ kind: 'taken', stream: 0x80, offset: window });
    expect(send(p, 5, 'y')).toBe(1);
  });

  test('that does not block says that there is no room', () => {
    const p = connected();
    expect(send(p, 5, 'x'.repeat(1 << 16))).toBe(BOUNDS.openedOutputBytes);
    expect(p.call('fd_fdstat_set_flags', 5, FDFLAGS_NONBLOCK)).toBe('OK');
    expect(send(p, 5, 'y')).toBe('EAGAIN');
  });

  test('can be shut down one way at a time', () => {
    const p = connected();
    expect(p.call('sock_shutdown', 5, 2)).toBe('OK');
    expect(p.call('sock_shutdown', 5, 2)).toBe('OK');
    expect(send(p, 5, 'x')).toBe('EPIPE');
    expect(p.machine.socketCalls).toEqual(['finish 128']);
    receive(p, 0x80, 'still heard');
    expect(recv(p, 5, [100])).toBe('"still heard"');
    expect(p.call('sock_shutdown', 5, 1)).toBe('OK');
    p.machine.kernel.deliver({ kind: 'stream', stream: 0x80, offset: 11, bytes: Buffer.from('x'), end: false });
    expect(recv(p, 5, [100])).toBe('""');
    expect(p.call('sock_shutdown', 5, 0)).toBe('EINVAL');
    expect(p.call('sock_shutdown', 5, 4)).toBe('EINVAL');
  });

  test('that breaks gives what had come, then the error', () => {
    const p = connected();
    receive(p, 0x80, 'rest');
    p.machine.inbox.push({ kind: 'reset', stream: 0x80 });
    expect(recv(p, 5, [100])).toBe('"rest"');
    expect(recv(p, 5, [100])).toBe('ECONNRESET');
    expect(send(p, 5, 'x')).toBe('EPIPE');
  });

  test('is closed with its descriptor', () => {
    const p = connected();
    expect(p.close(5)).toBe('OK');
    expect(p.machine.socketCalls).toEqual(['close 128']);
    expect(recv(p, 5, [1])).toBe('EBADF');
  });

  test('refuses flags that do not exist', () => {
    const p = connected();
    expect(recv(p, 5, [1], 4)).toBe('EINVAL');
    expect(send(p, 5, 'x', 1)).toBe('EINVAL');
    expect(accept(p, LISTENER_FD, 1 << 5)).toBe('EINVAL');
    expect(accept(p, 5)).toBe('EINVAL');
  });
});

test('what is no socket is ENOTSOCK, what is nothing EBADF', () => {
  const p = program();
  for (const fd of [0, 1, 4]) {
    expect(p.call('sock_shutdown', fd, 1)).toBe('ENOTSOCK');
    expect(accept(p, fd)).toBe('ENOTSOCK');
    expect(recv(p, fd, [1])).toBe('ENOTSOCK');
    expect(send(p, fd, 'x')).toBe('ENOTSOCK');
  }
  expect(p.call('sock_shutdown', 99, 1)).toBe('EBADF');
  expect(accept(p, 99)).toBe('EBADF');
});
