// The kernel's state: plain data, from which another kernel goes on as if nothing had happened.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FIRST_CONNECTING, madeFor } from '../../devices/connection/connection-streams.js';
import { hashPlain } from '../../engine/guest/plain-hash.js';
import {
  FDFLAGS_APPEND,
  FDFLAGS_SYNC,
  OFLAGS_CREAT,
  OFLAGS_TRUNC,
  RIFLAGS_RECV_WAITALL,
  RIGHTS_DIRECTORY,
  RIGHTS_INHERITED,
} from '../../engine/wasi/abi.js';
import { ModelFolder } from './model-folder.js';
import { ModelMachine } from './model-machine.js';
import { Program } from './program.js';

const NO_DATA = new Uint8Array(0);
/** Descriptor 3 listens, 4 is the folder, 5 has the names to connect to. */
const NETWORK_FD = 5;

/** Something of everything: what it answers, call by call. */
function* script(p: Program): Iterable<unknown> {
  const whole = { rights: RIGHTS_DIRECTORY, inheriting: RIGHTS_INHERITED };
  p.machine.inbox.push({
    kind: 'stream',
    stream: 0,
    offset: 0,
    bytes: new TextEncoder().encode('typed text'),
    end: true,
  });
  yield p.read(0, 3);
  yield p.stat(4, 'dir/file');
  const fd = p.mustOpen(4, 'new', { oflags: OFLAGS_CREAT, flags: FDFLAGS_APPEND });
  for (let k = 0; k < 150; k++) yield p.write(fd, `line ${k}\n`);
  yield p.fstat(fd);
  yield p.seek(fd, -5, 2);
  yield p.read(fd);
  const dir = p.mustOpen(4, 'dir', whole);
  const { entries } = p.readdir(dir, 0n, 60) as { entries: { cookie: bigint }[] };
  yield entries;
  yield p.createDirectory(dir, 'made');
  yield p.symlink('../new', dir, 'made/link');
  yield p.readdir(dir, entries[entries.length - 1]!.cookie);
  yield p.rename(4, 'new', dir, 'renamed');
  yield p.unlink(dir, 'file');
  const safe = p.mustOpen(4, 'safe', { oflags: OFLAGS_CREAT, flags: FDFLAGS_SYNC });
  yield p.write(safe, 'kept');
  yield p.setPathTimes(4, 'safe', 1n, 2n, 5);
  yield p.read(0);
  yield p.read(0);
  p.machine.inbox.push({ kind: 'opened', stream: 0x40, offset: 0, opened: 0x80, data: NO_DATA });
  yield p.call('sock_accept', 3, 0, 0x8000);
  const socket = p.view.getUint32(0x8000, true);
  let pieces = 0;
  p.machine.onBoundary = () => {
    const bytes = new TextEncoder().encode(`<${pieces}>`);
    p.machine.inbox.push({ kind: 'stream', stream: 0x80, offset: 3 * pieces++, bytes, end: false });
  };
  p.view.setUint32(0x100, 0x10000, true);
  p.view.setUint32(0x104, 7, true);
  yield p.call('sock_recv', socket, 0x100, 1, RIFLAGS_RECV_WAITALL, 0x8000, 0x8004);
  p.machine.onBoundary = () => undefined;
  yield p.read(socket);
  yield p.write(socket, 'answer');
  p.view.setBigUint64(0x118, 5000n, true);
  p.machine.memory().fill(0, 0x100, 0x118);
  yield p.call('poll_oneoff', 0x100, 0x4000, 1, 0x8000);
  yield p.machine.monotonicNs;
  yield p.call('fd_sync', fd);
  yield p.call('random_get', 0x100, 8);
  yield p.view.getBigUint64(0x100, true);
  yield p.open(dir, 'renamed', { oflags: OFLAGS_TRUNC });
  yield p.close(fd);
  yield p.call('fd_renumber', dir, 4);
  yield p.names(4);
  yield p.fdstat(safe);
  yield p.close(socket);
  p.machine.onOperation = ({ id: operation }) => [
    { kind: 'opened', stream: FIRST_CONNECTING, offset: 0, opened: 0x81, data: madeFor(operation) },
    { kind: 'completion', operation, status: 0x81, data: NO_DATA },
  ];
  yield p.write(p.mustOpen(NETWORK_FD, 'there'), 'question');
}

function machine(): ModelMachine {
  const folder = new ModelFolder({ dir: { file: 'x', other: 'y' }, big: 'z'.repeat(5000) }, 1000);
  return new ModelMachine({ folders: [folder], configuration: { listeners: [0x40], connectors: ['there'] } });
}

function outcome(restart: (machine: ModelMachine) => void): unknown {
  const m = machine();
  const p = new Program(m);
  const answers: unknown[] = [];
  for (const answer of script(p)) {
    answers.push(answer);
    restart(m);
  }
  return { answers, tree: m.folders[0]!.tree(), written: [...m.written], state: m.kernel.save() };
}

describe('a kernel that is saved and restored', () => {
  const undisturbed = outcome(() => undefined);

  test('between any two calls answers like one that was left alone', () => {
    expect(outcome(m => m.restart())).toEqual(undisturbed);
  });

  test('at every boundary in a call that waits answers like one that was left alone', () => {
    const restarting = (m: ModelMachine) => {
      const deliver = m.deliver.bind(m);
      m.deliver = () => {
        m.restart();
        const some = deliver();
        m.restart();
        return some;
      };
    };
    let begun = false;
    const run = outcome(m => {
      if (!begun) restarting(m);
      begun = true;
    });
    expect(run).toEqual(undisturbed);
  });

  test('is, for a digest, the same as one that was left alone, whichever part is looked at', () => {
    const m = machine();
    for (const _ of script(new Program(m))) {
      const samples = () => [0, 1, 2, 3, 50].map(turn => hashPlain(m.kernel.sample(turn), turn));
      const before = samples();
      m.restart();
      expect(samples()).toEqual(before);
    }
  });

  test('shows each of its files to some digest', () => {
    const content = (bytes: string) => {
      const files = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`file${index}`, bytes]));
      const m = new ModelMachine({ folders: [new ModelFolder(files)] });
      const p = new Program(m);
      p.stat(3, 'file0');
      return (turn: number) =>
        JSON.stringify(m.kernel.sample(turn), (_, value) => (typeof value === 'bigint' ? `${value}` : value));
    };
    const seen = new Set<string>();
    const sample = content('text');
    for (let turn = 0; turn < 200; turn++) {
      for (const [, inode] of sample(turn).matchAll(/"number":(\d+)/g)) seen.add(inode!);
    }
    expect(seen.size).toBe(101);
  });

  test('saves a state that later calls do not change', () => {
    const m = machine();
    const saved: { state: unknown; copy: unknown }[] = [];
    for (const _ of script(new Program(m))) {
      const state = m.kernel.save();
      saved.push({ state, copy: structuredClone(state) });
    }
    for (const { state, copy } of saved) expect(state).toEqual(copy);
  });

  test('refuses a state of another version', () => {
    const m = machine();
    m.kernel.save = () => ({ version: 2 });
    expect(() => m.restart()).toThrow(/version/);
  });
});

describe('the tree in memory and the folder of the device', () => {
  const names = ['a', 'b', 'c', 'a/a', 'a/b', 'b/a', 'b/a/c', 'c/l', 'l', 'a/', 'l/b'];
  const name = fc.constantFrom(...names);
  const step = fc.oneof(
    fc.tuple(fc.constant('create'), name, name),
    fc.tuple(fc.constant('mkdir'), name, name),
    fc.tuple(fc.constant('symlink'), name, name),
    fc.tuple(fc.constant('link'), name, name),
    fc.tuple(fc.constant('rename'), name, name),
    fc.tuple(fc.constant('unlink'), name, name),
    fc.tuple(fc.constant('rmdir'), name, name),
    fc.tuple(fc.constant('write'), name, name),
    fc.tuple(fc.constant('truncate'), name, name),
  );

  function take(p: Program, [kind, first, second]: readonly [string, string, string]): unknown {
    switch (kind) {
      case 'create':
        return p.createFile(3, first);
      case 'mkdir':
        return p.createDirectory(3, first);
      case 'symlink':
        return p.symlink(second, 3, first);
      case 'link':
        return p.link(3, first, 3, second);
      case 'rename':
        return p.rename(3, first, 3, second);
      case 'unlink':
        return p.unlink(3, first);
      case 'rmdir':
        return p.removeDirectory(3, first);
      default: {
        const oflags = kind === 'truncate' ? OFLAGS_TRUNC : OFLAGS_CREAT;
        const fd = p.open(3, first, { oflags, rights: 1 << 6, flags: FDFLAGS_APPEND, follow: true });
        if (typeof fd !== 'number') return fd;
        p.write(fd, second);
        return p.close(fd);
      }
    }
  }

  /** The tree as the program sees it. */
  function seen(p: Program, directory: number): Record<string, unknown> {
    const { entries } = p.readdir(directory, 2n, 60_000) as { entries: { name: string; filetype: number }[] };
    return Object.fromEntries(
      entries.map(entry => {
        if (entry.filetype === 7) return [entry.name, { link: p.readlink(directory, entry.name).slice(3) }];
        if (entry.filetype === 4) {
          const fd = p.mustOpen(directory, entry.name);
          const text = p.read(fd, 60_000).slice(1, -1);
          p.close(fd);
          return [entry.name, text];
        }
        const opening = { rights: RIGHTS_DIRECTORY, inheriting: RIGHTS_INHERITED };
        const fd = p.mustOpen(directory, entry.name, opening);
        const tree = seen(p, fd);
        p.close(fd);
        return [entry.name, tree];
      }),
    );
  }

  test('are the same after any changes, and a kernel that loads the folder anew sees the same', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), fc.integer({ min: 0, max: 9 }), (steps, period) => {
        const folder = new ModelFolder({ a: { a: 'text' }, l: { link: 'a' } });
        let failures = 0;
        folder.failure = () => (period > 0 && ++failures % (period + 4) === 0 ? -28 : 0);
        const p = new Program(new ModelMachine({ folders: [folder] }));
        for (const [index, taken] of steps.entries()) {
          take(p, taken);
          if (index % 7 === 3) p.machine.restart();
        }
        const sight = (tree: Record<string, unknown>) => (period === 0 ? tree : shape(tree));
        expect(sight(seen(p, 3))).toEqual(sight(folder.tree()));
        const again = new ModelFolder();
        again.image = () => folder.image(true);
        const other = new Program(new ModelMachine({ folders: [again] }));
        expect(seen(other, 3)).toEqual(folder.tree());
      }),
      { numRuns: 100 },
    );
  });

  /** Names and kinds: contents may differ where a write failed at the device, and the program was told. */
  function shape(tree: Record<string, unknown>): unknown {
    return Object.fromEntries(
      Object.entries(tree)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => [key, typeof value === 'string' ? 'file' : shapeOf(value)]),
    );
  }

  function shapeOf(value: unknown): unknown {
    const { link } = value as { link?: unknown };
    return typeof link === 'string' ? value : shape(value as Record<string, unknown>);
  }
});
