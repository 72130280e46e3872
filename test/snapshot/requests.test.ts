// Snapshots asked for at awkward times: of guests that wait, that have ended and wait, that trap, that nobody can copy.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { STDIN } from '../../devices/console/console-streams.js';
import { DIRECTORY_LOAD, FIRST_DIRECTORY } from '../../devices/directory/directory-commands.js';
import type { MachineOptions } from '../../engine/guest/machine-options.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import { wat } from '../building/wat.js';
import { guestBytes } from '../guest-library/fake-machine.js';
import { ModelFolder } from '../wasi/model-folder.js';
import { bytesOf, OPTIONS, Run, stateOf, type World } from './guest-host.js';

// Compiled, for a guest thread loads it.
const HOOK = '../../dist/engine/testing/flip-hook.js';
const { flipHook } = (await import(HOOK)) as typeof import('../../engine/testing/flip-hook.js');

const ECHO: World = { module: guestBytes('echo'), options: { ...OPTIONS, arguments: ['echo'] } };

function input(run: Run, offset: number, text: string, end = false): void {
  const bytes = new TextEncoder().encode(text);
  run.thread.sendInterrupt({ kind: 'stream', stream: STDIN, offset, bytes, end });
}

/** A backup from the bytes of a snapshot; it takes the log from there on as it is written. */
function join(world: World, primary: Run, state: ReturnType<typeof stateOf>): Run {
  const backup = new Run(world, { role: 'backup', restores: true });
  backup.onLoaded = () => backup.thread.restore(stateOf(bytesOf(state, world.options)));
  primary.onPart = part => backup.thread.sendLog(part.bytes);
  return backup;
}

function start(world: World, alone: boolean): Run {
  const run = new Run(world, {});
  run.thread.setAcknowledged(alone ? Infinity : 0, alone);
  run.thread.begin();
  return run;
}

describe.each([
  ['nobody takes its log', true],
  ['a backup takes its log', false],
])('a guest that waits, %s', (_, alone) => {
  test('is copied while it waits, goes on waiting, and so does its copy', async () => {
    const run = start(ECHO, alone);
    input(run, 0, 'one\n');
    await sleep(50);
    const state = await run.snapshot();
    const backup = join(ECHO, run, state);
    expect(state.execution.input).toMatchObject([{ stream: STDIN, offset: 4, ended: false }]);
    await sleep(50);
    input(run, 4, 'two\n', true);
    const there = await run.end();
    backup.thread.sendPromotion();
    expect(there.streams.get(1)).toEqual({ offset: 0, text: '1: one\n2: two\n2 lines\n' });
    const streams = new Map([[1, { offset: 7, text: '2: two\n2 lines\n' }]]);
    expect(await backup.end()).toEqual({ streams, outcome: there.outcome });
  });
});

describe('a snapshot to be kept', () => {
  test('does not make a guest log for whom nobody takes it', async () => {
    const run = start(ECHO, true);
    await sleep(50);
    await run.snapshot(false);
    input(run, 0, 'text', true);
    const seen = await run.end();
    expect(seen.streams.get(1)?.text).toBe('1: text\n1 lines\n');
    expect(run.parts).toEqual([]);
  });

  test('while another is under way comes after it', async () => {
    const run = start(ECHO, false);
    const positions: number[] = [];
    run.onSnapshot = state => positions.push(state.position);
    for (let count = 0; count < 3; count++) run.requestSnapshot(false);
    while (positions.length < 3) await sleep(5);
    input(run, 0, '', true);
    await run.end();
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
  });
});

/** Creates a file, writes to it, and returns without waiting for the device. */
const WRITER = wat(`(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "file") (data (i32.const 32) "hello")
  (func (export "_start")
    (if (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 1) (i64.const 64) (i64.const 0)
      (i32.const 0) (i32.const 0)) (then unreachable))
    (i32.store (i32.const 4) (i32.const 32)) (i32.store (i32.const 8) (i32.const 5))
    (if (call $write (i32.load (i32.const 0)) (i32.const 4) (i32.const 1) (i32.const 12)) (then unreachable))))`);

describe('a guest that has ended', () => {
  test('is copied while it waits for its devices, and its copy waits, too', async () => {
    const options: MachineOptions = {
      ...OPTIONS,
      arguments: ['writer'],
      wasi: {
        environment: [],
        terminals: [false, false, false],
        directories: [{ guestPath: '/data', device: FIRST_DIRECTORY, readOnly: false }],
        filesBytesMax: 1 << 20,
      },
    };
    const world: World = { module: WRITER, options };
    const folder = new ModelFolder();
    const held: Operation[] = [];
    const run = start(world, false);
    const complete = (operation: Operation) =>
      run.thread.sendInterrupt({ kind: 'completion', operation: operation.id, ...folder.perform(operation) });
    let changes = 0;
    run.onOperation = operation => {
      if (operation.command !== DIRECTORY_LOAD) changes += 1;
      if (changes > 1) held.push(operation);
      else complete(operation);
    };
    while (held.length === 0) await sleep(5);
    await sleep(20);
    const state = await run.snapshot();
    expect(state.stage).toEqual({ at: 'end', outcome: { kind: 'exit', status: 0 } });
    expect(state.image.activations).toEqual([]);
    const backup = join(world, run, state);
    await sleep(50);
    for (const operation of held) complete(operation);
    const there = await run.end();
    backup.thread.sendPromotion();
    expect(await backup.end()).toEqual({ streams: new Map(), outcome: there.outcome });
    expect(folder.tree()).toEqual({ file: 'hello' });
  });
});

describe('a bit that changes by itself', () => {
  /** Counts in its first page for ever, and never looks at its second: nothing but a digest sees what changes there. */
  const COUNTER = wat(`(module (memory (export "memory") 2) (func (export "_start")
    (loop $again (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))) (br $again))))`);
  const world: World = { module: COUNTER, options: OPTIONS };
  const address = 65_536 + 5;

  test('in a backup is found by a state digest, which says where, and the primary does not mind', async () => {
    const run = start(world, false);
    const state = await run.snapshot();
    const replica = { incarnation: 'b', shared: new SharedArrayBuffer(256) };
    const hook = { ...flipHook({ count: state.count + 1, address, bit: 3 }), replica };
    const backup = new Run(world, { role: 'backup', restores: true, hook });
    backup.onLoaded = () => backup.thread.restore(stateOf(bytesOf(state, world.options)));
    for (const part of run.parts) if (part.from >= state.position) backup.thread.sendLog(part.bytes);
    run.onPart = part => backup.thread.sendLog(part.bytes);
    const message = await new Promise<string>(resolve => {
      backup.onDiverged = resolve;
    });
    expect(message).toMatch(/epoch \d+, .*differs.*: memory differs, in pages 0 to 1 \(addresses 0 to 131071\)/);
    await backup.thread.terminate();
    const { position } = run;
    while (run.position === position) await sleep(1);
    await run.thread.terminate();
  });
});
