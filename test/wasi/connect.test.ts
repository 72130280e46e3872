// Connections that a program makes, by opening names in /dev/tcp.

import { beforeEach, describe, expect, test } from 'vitest';
import { FIRST_CONNECTING, madeFor } from '../../devices/connection/connection-streams.js';
import { FIRST_CONNECTOR } from '../../devices/connector/connector-commands.js';
import type { Interrupt, Operation } from '../../engine/protocol/vocabulary.js';
import { OFLAGS_CREAT, OFLAGS_DIRECTORY, OFLAGS_EXCL, RIGHT_FD_READ, RIGHT_FD_WRITE } from '../../engine/wasi/abi.js';
import { ModelFolder } from './model-folder.js';
import { ModelMachine, Stuck } from './model-machine.js';
import { Program } from './program.js';

const S = 1 << 16;
const NETWORK_FD = 4;
const RIGHTS = RIGHT_FD_READ | RIGHT_FD_WRITE;
const NO_DATA = new Uint8Array(0);

let p: Program;
let dialled: Operation[];

/** Descriptor 3 is a directory, 4 has the names. */
beforeEach(() => {
  dialled = [];
  const options = { folders: [new ModelFolder()], configuration: { connectors: ['store', 'other'] } };
  p = new Program(new ModelMachine(options));
  p.machine.onOperation = operation => {
    dialled.push(operation);
    return [made(S, operation), completed(S, operation)];
  };
});

const made = (stream: number, { id }: Operation, offset = 0): Interrupt => ({
  kind: 'opened',
  stream: FIRST_CONNECTING + 1,
  offset,
  opened: stream,
  data: madeFor(id),
});
const completed = (status: number, { id }: Operation): Interrupt => ({
  kind: 'completion',
  operation: id,
  status,
  data: NO_DATA,
});
const open = (name: string, oflags = 0) => p.open(NETWORK_FD, name, { rights: RIGHTS, oflags });

describe('a name to connect to', () => {
  test('is opened like a file, and what is opened is a connection', () => {
    expect(open('other')).toBe(5);
    expect(dialled).toMatchObject([{ device: FIRST_CONNECTOR + 1, command: 1 }]);
    expect(p.machine.consumedOffsets.get(FIRST_CONNECTING + 1)).toBe(1);
    expect(p.fdstat(5)).toMatchObject({ filetype: 6 });
    expect(p.write(5, 'question')).toBe(8);
    expect(p.machine.text(S)).toBe('question');
    p.machine.inbox.push({ kind: 'stream', stream: S, offset: 0, bytes: Buffer.from('answer'), end: true });
    expect([p.read(5), p.read(5)]).toEqual(['"answer"', '""']);
    expect(p.close(5)).toBe('OK');
    expect(p.machine.socketCalls).toEqual([`close ${S}`]);
  });

  test('that nobody answers is no descriptor, and says why', () => {
    const statuses = [-111, -110, -113, -5];
    p.machine.onOperation = operation => [completed(statuses.shift()!, operation)];
    const answers = [0, 1, 2, 3].map(() => open('store'));
    expect(answers).toEqual(['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'EIO']);
    expect(p.fdstat(5)).toBe('EBADF');
  });

  test('is dialled again under its number where the primary died, and the connection is one', () => {
    const attempts: Operation[] = [];
    p.machine.onOperation = operation => {
      attempts.push(operation);
      // The first has been made when its outcome is lost, as without operation ids.
      if (attempts.length === 1) return [made(S, operation), { kind: 'uncertain', operation: operation.id }];
      p.machine.restart();
      return [made(S + 1, operation, 1), completed(S + 1, operation)];
    };
    expect(open('store')).toBe(5);
    expect(attempts.map(({ id }) => id)).toEqual([1n, 1n]);
    expect(p.write(5, 'x')).toBe(1);
    expect(p.machine.text(S + 1)).toBe('x');
    expect(p.machine.socketCalls).toEqual([`close ${S}`]);
  });

  test('has what the other side said before the program knew', () => {
    p.machine.onOperation = operation => [
      made(S, operation),
      { kind: 'stream', stream: S, offset: 0, bytes: Buffer.from('welcome'), end: false },
      completed(S, operation),
    ];
    expect(open('store')).toBe(5);
    expect(p.read(5)).toBe('"welcome"');
  });

  test('waits as long as nothing is known', () => {
    p.machine.onOperation = () => [];
    expect(() => open('store')).toThrow(Stuck);
  });

  test('is known without connecting', () => {
    expect(p.stat(NETWORK_FD, 'store')).toMatchObject({ filetype: 6, size: 0 });
    expect(p.stat(NETWORK_FD, '.')).toMatchObject({ filetype: 3 });
    expect(p.stat(NETWORK_FD, 'nobody')).toBe('ENOENT');
    expect(dialled).toEqual([]);
  });

  test.each([
    ['nobody', 0, 'ENOENT'],
    ['', 0, 'ENOENT'],
    ['../data', 0, 'ENOENT'],
    ['store', OFLAGS_DIRECTORY, 'ENOTDIR'],
    ['store', OFLAGS_CREAT | OFLAGS_EXCL, 'EEXIST'],
    ['store', OFLAGS_CREAT | OFLAGS_DIRECTORY, 'EINVAL'],
  ])('%j with flags %i is %s', (name, oflags, errno) => {
    expect([open(name, oflags), dialled]).toEqual([errno, []]);
  });
});

describe('the folder of names', () => {
  test('is pre-opened behind all others, as /dev/tcp', () => {
    expect(p.call('fd_prestat_get', NETWORK_FD, 0x100)).toBe('OK');
    expect([p.view.getUint8(0x100), p.view.getUint32(0x104, true)]).toEqual([0, 8]);
    expect(p.call('fd_prestat_dir_name', NETWORK_FD, 0x200, 8)).toBe('OK');
    expect(Buffer.from(p.machine.memory().subarray(0x200, 0x208)).toString()).toBe('/dev/tcp');
    expect(p.call('fd_prestat_get', NETWORK_FD + 1, 0x100)).toBe('EBADF');
  });

  test('is nothing to read, write, change or list', () => {
    expect([p.read(NETWORK_FD), p.write(NETWORK_FD, 'x')]).toEqual(['EISDIR', 'EBADF']);
    expect(p.createDirectory(NETWORK_FD, 'new')).toBe('ENOTDIR');
    expect(p.unlink(NETWORK_FD, 'store')).toBe('ENOTDIR');
    expect(p.call('fd_readdir', NETWORK_FD, 0x100, 100, 0n, 0x8000)).toBe('EBADF');
    expect(p.open(NETWORK_FD, '.')).toBe(5);
    expect(p.call('fd_prestat_get', 5, 0x100)).toBe('EBADF');
  });

  test('is not there where there is nothing to connect to', () => {
    p = new Program(new ModelMachine({ folders: [new ModelFolder()] }));
    expect(p.fdstat(NETWORK_FD)).toBe('EBADF');
  });
});
