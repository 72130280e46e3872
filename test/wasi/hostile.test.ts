// Calls with any arguments: always an errno, never an exception, and no byte of memory changes but where answers go.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RIGHTS_DIRECTORY, RIGHTS_INHERITED } from '../../engine/wasi/abi.js';
import { ModelFolder } from './model-folder.js';
import { Exit, ModelMachine, Stuck } from './model-machine.js';
import { Program } from './program.js';

const NO_DATA = new Uint8Array(0);

/** Parameters of each call: i, a 32-bit number; l, a 64-bit one; f, a descriptor. */
const CALLS: Readonly<Record<string, string>> = {
  args_get: 'ii',
  args_sizes_get: 'ii',
  clock_res_get: 'ii',
  clock_time_get: 'ili',
  environ_get: 'ii',
  environ_sizes_get: 'ii',
  fd_advise: 'flli',
  fd_allocate: 'fll',
  fd_close: 'f',
  fd_datasync: 'f',
  fd_fdstat_get: 'fi',
  fd_fdstat_set_flags: 'fi',
  fd_fdstat_set_rights: 'fll',
  fd_filestat_get: 'fi',
  fd_filestat_set_size: 'fl',
  fd_filestat_set_times: 'flli',
  fd_pread: 'fiili',
  fd_prestat_dir_name: 'fii',
  fd_prestat_get: 'fi',
  fd_pwrite: 'fiili',
  fd_read: 'fiii',
  fd_readdir: 'fiili',
  fd_renumber: 'ff',
  fd_seek: 'flii',
  fd_sync: 'f',
  fd_tell: 'fi',
  fd_write: 'fiii',
  path_create_directory: 'fii',
  path_filestat_get: 'fiiii',
  path_filestat_set_times: 'fiiilli',
  path_link: 'fiiifii',
  path_open: 'fiiiillii',
  path_readlink: 'fiiiii',
  path_remove_directory: 'fii',
  path_rename: 'fiifii',
  path_symlink: 'iifii',
  path_unlink_file: 'fii',
  poll_oneoff: 'iiii',
  proc_exit: 'i',
  proc_raise: 'i',
  random_get: 'ii',
  sched_yield: '',
  sock_accept: 'fii',
  sock_recv: 'fiiiii',
  sock_send: 'fiiii',
  sock_shutdown: 'fi',
};

const MEMORY_BYTES = 1 << 16;

/** Descriptors 0 to 2 standard, 3 a directory, 4 a listener, 5 a connection, 6 a file, 7 a directory. */
function program(): Program {
  const folder = new ModelFolder({ f: 'content', d: { g: '' }, l: { link: 'd/g' } });
  const p = new Program(
    new ModelMachine({
      folders: [folder],
      memoryBytes: MEMORY_BYTES,
      configuration: {
        arguments: ['a', 'b'],
        environment: ['X=1'],
        listeners: [0x40],
        connectors: ['f'],
        filesBytesMax: 1 << 20,
      },
    }),
  );
  const { kernel } = p.machine;
  kernel.deliver({ kind: 'opened', stream: 0x40, offset: 0, opened: 0x80, data: NO_DATA });
  expect(p.call('sock_accept', 3, 0, 0x8000)).toBe('OK');
  expect(p.mustOpen(4, 'f')).toBe(7);
  expect(p.mustOpen(4, 'd', { rights: RIGHTS_DIRECTORY, inheriting: RIGHTS_INHERITED })).toBe(8);
  for (const stream of [0, 0x80]) {
    kernel.deliver({ kind: 'stream', stream, offset: 0, bytes: Buffer.from('some input'), end: true });
  }
  return p;
}

const word = fc.oneof(
  fc.integer({ min: 0, max: 64 }),
  fc.integer({ min: 0x1000, max: 0x1100 }),
  fc.integer({ min: MEMORY_BYTES - 70, max: MEMORY_BYTES + 2 }),
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
);
const long = fc.oneof(fc.bigInt({ min: -2n, max: 70n }), fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }));
const descriptor = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: -2, max: 70_000 }));

const argument = { i: word, l: long, f: descriptor } as const;
const anyCall = fc.constantFrom(...Object.keys(CALLS)).chain(name => {
  const parameters = [...CALLS[name]!] as (keyof typeof argument)[];
  return fc.tuple(
    fc.constant(name),
    fc.tuple(...parameters.map(kind => argument[kind] as fc.Arbitrary<number | bigint>)),
  );
});

/** Puts plausible lists and paths where arguments may point. */
function furnish(p: Program, bytes: Uint8Array): void {
  p.machine.memory().set(bytes, 0x1000);
  p.machine.memory().set(Buffer.from('d/g\0../f//.'), 0x20);
  // A buffer that leaves memory by one byte.
  p.view.setUint32(0x40, MEMORY_BYTES - 1, true);
  p.view.setUint32(0x44, 2, true);
}

/** A call that blocks for ever, or ends the program, is as good as one that answers. */
function attempt(p: Program, name: string, values: (number | bigint)[]): string {
  try {
    return p.call(name, ...values);
  } catch (thrown) {
    if (thrown instanceof Exit || thrown instanceof Stuck) return 'OK';
    throw thrown;
  }
}

test('all of preview 1 is there, and nothing else', () => {
  expect(Object.keys(program().machine.kernel.imports()).sort()).toEqual(Object.keys(CALLS).sort());
});

test('any sequence of calls with any arguments answers errnos', () => {
  fc.assert(
    fc.property(
      fc.array(anyCall, { minLength: 1, maxLength: 40 }),
      fc.uint8Array({ maxLength: 300 }),
      (calls, bytes) => {
        const p = program();
        furnish(p, bytes);
        for (const [name, values] of calls) {
          expect(attempt(p, name, values)).toMatch(/^(OK|E[A-Z0-9]+)$/);
          // A call that was left waiting is not made again: a new one must not find what it remembered.
          if (hasPending(p)) return;
        }
      },
    ),
    { numRuns: 500 },
  );
});

function hasPending(p: Program): boolean {
  return (p.machine.kernel.save() as { pending: unknown }).pending !== undefined;
}

test('a call that fails for an address has changed nothing', () => {
  fc.assert(
    fc.property(anyCall, fc.uint8Array({ maxLength: 300 }), ([name, values], bytes) => {
      const p = program();
      furnish(p, bytes);
      const memory = p.machine.memory().slice();
      const state = p.machine.kernel.save();
      const text = p.machine.text(1);
      if (attempt(p, name, values) !== 'EFAULT') return;
      expect(Buffer.from(p.machine.memory()).equals(memory)).toBe(true);
      expect(p.machine.kernel.save()).toEqual(state);
      expect(p.machine.text(1)).toBe(text);
    }),
    { numRuns: 1000 },
  );
});

describe('addresses', () => {
  const end = MEMORY_BYTES;

  test.each([
    ['clock_time_get', [0, 0n, end - 7]],
    ['fd_fdstat_get', [4, end - 23]],
    ['fd_filestat_get', [4, end - 63]],
    ['fd_prestat_get', [4, end - 7]],
    ['fd_prestat_dir_name', [4, end, 1]],
    ['fd_read', [7, end - 7, 1, 0]],
    ['fd_read', [7, 0x2000, 0x2000_0000, 0]],
    ['fd_read', [7, 0x2000, 0, end - 3]],
    ['fd_write', [1, -8, 1, 0]],
    ['fd_write', [1, 0x40, 1, 0]],
    ['fd_read', [0, 0x40, 1, 0]],
    ['fd_pwrite', [7, 0x40, 1, 0n, 0]],
    ['fd_write', [1, 0, -1, 0]],
    ['fd_pread', [7, 0, 1, 0n, -1]],
    ['fd_readdir', [4, 0, -1, 0n, 0]],
    ['fd_readdir', [4, 0, 10, 0n, end - 3]],
    ['fd_seek', [7, 0n, 0, end - 7]],
    ['fd_tell', [7, end - 7]],
    ['path_open', [4, 0, end, 1, 0, 0n, 0n, 0, 0]],
    ['path_open', [4, 0, 0x20, 3, 0, 0n, 0n, 0, end - 3]],
    ['path_open', [4, 0, 0x20, -1, 0, 0n, 0n, 0, 0]],
    ['path_filestat_get', [4, 0, 0x20, 3, end - 63]],
    ['path_readlink', [4, 0x20, 3, 0, -1, 0]],
    ['path_symlink', [0x20, 3, 4, -1, 1]],
    ['path_link', [4, 0, 0x20, 3, 4, -1, 1]],
    ['path_rename', [4, -1, 1, 4, 0x20, 3]],
    ['random_get', [end - 1, 2]],
    ['sock_accept', [3, 0, end - 3]],
    ['sock_recv', [6, 0, 0, 0, end - 3, 0]],
    ['sock_recv', [6, 0, 0, 0, 0, end - 1]],
    ['sock_send', [6, end - 7, 1, 0, 0]],
  ] as [string, (number | bigint)[]][])('%s outside memory is EFAULT', (name, values) => {
    const p = program();
    furnish(p, new Uint8Array(0));
    expect(p.call(name, ...values)).toBe('EFAULT');
  });

  test('buffers of more than 2^32 bytes together are EINVAL', () => {
    const p = new Program(new ModelMachine({ memoryBytes: MEMORY_BYTES }));
    const list = 0x1000;
    // 1,024 buffers that each are the whole memory, in a memory that is large enough to hold that many bytes.
    const large = new Uint8Array(1 << 23);
    p.machine.memory = () => large;
    const view = new DataView(large.buffer);
    for (let k = 0; k < 1024; k++) view.setUint32(list + k * 8 + 4, 1 << 23, true);
    expect(p.call('fd_write', 1, list, 1024, 0)).toBe('EINVAL');
    expect(p.machine.text(1)).toBe('');
  });

  test('buffers beyond the thousandth or so are left for the next call', () => {
    const p = new Program(new ModelMachine());
    for (let k = 0; k < 2000; k++) p.view.setUint32(0x1000 + k * 8 + 4, 1, true);
    expect(p.call('fd_write', 1, 0x1000, 2000, 0x8000)).toBe('OK');
    expect(p.view.getUint32(0x8000, true)).toBe(1024);
  });
});
