// Guests on real guest threads, snapshotted as often as they can be: whoever goes on from the bytes does what they did.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PROGRAMS } from '../../bench/wasi/cases.js';
import { FIRST_DIRECTORY } from '../../devices/directory/directory-commands.js';
import { DISK_FLUSH, DISK_READ, FIRST_DISK } from '../../devices/disk/disk-commands.js';
import { DISK_KIND } from '../../devices/disk/disk-kind.js';
import { TELLER } from '../../devices/teller/teller-commands.js';
import { TELLER_KIND } from '../../devices/teller/teller-kind.js';
import type { MachineOptions } from '../../engine/guest/machine-options.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import { wat } from '../building/wat.js';
import { guestBytes } from '../guest-library/fake-machine.js';
import { needs } from '../setup/needs.js';
import { builtUnwinder } from '../wasi/built.js';
import { type Folder, ModelFolder } from '../wasi/model-folder.js';
import {
  type Kept,
  OPTIONS,
  type PrimaryRun,
  runBackup,
  runPrimary,
  runResumed,
  type Seen,
  stateOf,
  type World,
} from './guest-host.js';

const DISK_BYTES = 1 << 20;
const NOTHING = new Uint8Array(0);
const STDERR = 2;

/** A disk of 1 MiB and a teller. */
function performer(): (operation: Operation) => { status: number; data: Uint8Array } {
  const disk = new Uint8Array(DISK_BYTES);
  return ({ device, command, argument, length, data }) => {
    if (device !== FIRST_DISK || command === DISK_FLUSH) return { status: 0, data: NOTHING };
    const at = Number(argument);
    if (command === DISK_READ) return { status: length, data: disk.slice(at, at + length) };
    disk.set(data, at);
    return { status: data.length, data: NOTHING };
  };
}

/** Loops for a while, then traps, two calls deep. */
const TRAP = wat(`(module (memory (export "memory") 1) (func $deep (local $left i32)
  (local.set $left (i32.const 100000000))
  (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (i32.store (i32.const 65536) (i32.const 1)))
  (func (export "_start") (call $deep)))`);

function bare(name: string, args: readonly (string | number)[], more: Partial<MachineOptions> = {}): World {
  const devices = [
    { number: FIRST_DISK, kind: DISK_KIND.name, sizeBytes: DISK_BYTES },
    { number: TELLER, kind: TELLER_KIND.name, sizeBytes: 0 },
  ];
  const options = { ...OPTIONS, devices, arguments: [name, ...args.map(String)], ...more };
  return { module: guestBytes(name), options, input: 'one\ntwo\nthree', perform: performer() };
}

const BARE: readonly (readonly [name: string, world: () => World])[] = [
  ['compute', () => bare('compute', [800, 1])],
  ['compute, original', () => bare('compute', [100, 1], { variant: 'original' })],
  ['compute, revised, counting exactly', () => bare('compute', [5, 1], { variant: 'revised', counting: 'exact' })],
  ['recursive', () => bare('recursive', [], { epochLength: 1000 })],
  ['clock-random', () => bare('clock-random', [200], { epochLength: 500 })],
  ['ticks', () => bare('ticks', [20])],
  ['disk', () => bare('disk', [], { epochLength: 100 })],
  ['teller', () => bare('teller', [20], { epochLength: 1000 })],
  ['echo', () => bare('echo', [], { epochLength: 100 })],
  ['a trap in a loop that was suspended', () => ({ module: TRAP, options: OPTIONS })],
];

function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Folder {
  const root: Record<string, Folder | string | Uint8Array> = {};
  for (const [path, content] of Object.entries(files)) {
    const names = path.split('/');
    let at = root;
    for (const name of names.slice(0, -1)) {
      at[name] ??= {};
      at = at[name] as typeof root;
    }
    at[names[names.length - 1]!] = content;
  }
  return root;
}

function wasi(program: (typeof PROGRAMS)[number]): World & { readonly folder: ModelFolder } {
  const folder = new ModelFolder(folderOf(program.files ?? {}));
  const directories = [{ guestPath: '/data', device: FIRST_DIRECTORY, readOnly: false }];
  const options: MachineOptions = {
    ...OPTIONS,
    epochLength: 10_000,
    arguments: [program.name, ...program.arguments],
    wasi: {
      environment: program.environment,
      terminals: [false, false, false],
      directories,
      filesBytesMax: 1 << 28,
    },
  };
  const module = readFileSync(program.program());
  return { module, options, input: program.stdin, perform: operation => folder.perform(operation), folder };
}

/** What is to come after a snapshot. */
function rest(run: PrimaryRun, kept: Kept): Seen {
  const { written } = stateOf(kept.bytes).execution;
  const streams = [...run.seen.streams].flatMap(([stream, { text }]) => {
    const offset = written.find(item => item.stream === stream)?.offset ?? 0;
    return offset === text.length ? [] : [[stream, { offset, text: text.slice(offset) }] as const];
  });
  return { streams: new Map(streams), outcome: run.seen.outcome };
}

/** What differs after an uncertain interrupt: a driver says there that it has repeated something. */
function withoutStderr({ streams, outcome }: Seen): Seen {
  return { streams: new Map([...streams].filter(([stream]) => stream !== STDERR)), outcome };
}

async function expectBackups(world: World, run: PrimaryRun): Promise<void> {
  expect(run.taken).toBeGreaterThan(0);
  for (const kept of run.kept) {
    expect(await runBackup(world, kept, run.parts), `from position ${kept.position}`).toEqual(rest(run, kept));
  }
}

describe('a backup that starts from a snapshot of the guest', () => {
  test.each(BARE)('%s', async (_, world) => {
    const given = world();
    const run = await runPrimary(given);
    // A guest that fails at once shows nothing.
    if (run.seen.outcome.kind === 'exit') expect(run.seen.outcome.status).toBe(0);
    await expectBackups(given, run);
  });

  test('of a primary whose log nobody took before', async () => {
    const given = bare('compute', [800, 1]);
    const run = await runPrimary(given, true);
    expect(run.parts[0]!.from).toBeGreaterThanOrEqual(run.kept[0]!.position);
    await expectBackups(given, run);
  });
});

describe('a backup that starts from a snapshot of the WASI program', () => {
  for (const program of PROGRAMS) {
    test(program.name, { ...needs(program.language), timeout: 120_000 }, async () => {
      const world = wasi(program);
      await expectBackups(world, await runPrimary(world));
    });
  }
});

describe('a backup that starts from a snapshot of a program that leaves by exceptions', () => {
  test('in the middle of what it leaves', { ...needs('c'), timeout: 120_000 }, async () => {
    const options: MachineOptions = {
      ...OPTIONS,
      epochLength: 1_000,
      arguments: ['unwinder'],
      wasi: { environment: [], terminals: [false, false, false], directories: [], filesBytesMax: 1 << 20 },
    };
    const world = { module: readFileSync(builtUnwinder()), options };
    const run = await runPrimary(world);
    expect(run.seen.outcome).toEqual({ kind: 'exit', status: 0 });
    await expectBackups(world, run);
  });
});

describe('a machine that goes on from a file', () => {
  test.each(['compute', 'recursive', 'disk', 'teller'] as const)('does the rest: %s', async name => {
    const world = () => bare(name, name === 'compute' ? [200, 1] : name === 'teller' ? [20] : [], { epochLength: 100 });
    const given = world();
    const run = await runPrimary(given);
    const [kept] = run.kept.slice(-1);
    expect(run.seen.outcome).toEqual({ kind: 'exit', status: 0 });
    const { operations, ...seen } = await runResumed(given, kept!);
    // What was outstanding is asked for again, by its number, and nothing else twice.
    const ids = new Set(operations.map(({ id }) => id));
    expect(ids.size).toBe(operations.length);
    for (const { id } of stateOf(kept!.bytes).execution.outstanding) expect(ids).toContain(id);
    expect(withoutStderr(seen)).toEqual(withoutStderr(rest(run, kept!)));
  });
});
