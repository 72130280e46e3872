// The cache of rewritten modules: what it gives back, takes for a miss, keeps apart, and forgets.

import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cacheFolder, prune } from '../../engine/cache/cache-folder.js';
import { rewriteCached } from '../../engine/cache/rewritten-modules.js';
import * as instrumenter from '../../engine/instrument/instrument.js';
import { TestFolder } from '../building/test-folder.js';
import { wat } from '../building/wat.js';

const GUEST = wat('(module (func (export "one") (result i32) (i32.const 1)))');

/** Imports of one name, dropped segments, bulk operations, a handler, a loop and a recursion: all that has glue. */
const SUSPENDED = `(module
  (import "host" "call" (func $call (param i32)))
  (import "host" "call" (func $again (param i32)))
  (memory 1) (data $data "x")
  (func $loop (export "loop") (param i32) (result i32)
    (loop (call $call (local.get 0)) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0))
  (func $recursion (export "recursion") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (call $loop (i32.const 2)))))
    (i32.add (call $recursion (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
  (func (export "interrupt") (param i32 i64 i32)
    (memory.init $data (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $data) (call $again (i32.const 1))))`;

const parent = new TestFolder();
let folder: string;

beforeEach(() => {
  folder = parent.file('cache');
  vi.stubEnv('EPOCHVISOR_CACHE', folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** The path of the only entry. */
function entry(): string {
  const names = readdirSync(folder);
  expect(names.length).toBe(1);
  return join(folder, names[0]!);
}

/** A miss writes a new file, a hit none. */
async function isHit(bytes: Uint8Array, options = {}): Promise<boolean> {
  const before = readdirSync(folder).map(name => [name, statSync(join(folder, name)).ino]);
  await rewriteCached(bytes, options, { cache: true });
  return (
    JSON.stringify(readdirSync(folder).map(name => [name, statSync(join(folder, name)).ino])) === JSON.stringify(before)
  );
}

describe('the cache of rewritten modules', () => {
  test('gives what was rewritten, module and report', async () => {
    const first = await rewriteCached(GUEST, {}, { cache: true });
    const second = await rewriteCached(GUEST, {}, { cache: true });
    expect(Buffer.from(second.module)).toEqual(Buffer.from(first.module));
    expect(second.report).toEqual(first.report);
    expect(second).toEqual(expect.objectContaining({ report: instrumenter.instrument(GUEST).report }));
    expect(await isHit(GUEST)).toBe(true);
  });

  test('continues from an entry as from the rewriting itself', async () => {
    const options = { suspendable: true, interruptHandler: 'interrupt' };
    const bytes = wat(SUSPENDED);
    const { facts, continuations } = instrumenter.instrumentWithContinuations(bytes, options);
    await rewriteCached(bytes, options, { cache: true });
    const cached = await rewriteCached(bytes, options, { cache: true });
    expect(cached.facts).toEqual(facts);
    const points = [
      { function: facts!.firstFunction + 1, point: 0, state: 'here' },
      { function: facts!.boundary, point: 1, state: 'callee' },
      { function: facts!.firstFunction + 2, point: 0, state: 'callee' },
    ] as const;
    expect((await cached.continuations()).build(points)).toEqual(continuations.build(points));
  });

  test('has nothing to continue with where the module is not suspendable', async () => {
    const rewritten = await rewriteCached(GUEST, {}, { cache: true });
    expect(rewritten.facts).toBeUndefined();
    await expect(rewritten.continuations()).rejects.toThrow('the module is suspendable');
  });

  test('keeps modules and options apart', async () => {
    const other = wat('(module (func (export "two") (result i32) (i32.const 2)))');
    await rewriteCached(GUEST, {}, { cache: true });
    expect(await isHit(other)).toBe(false);
    expect(await isHit(GUEST, { counting: 'exact' })).toBe(false);
    expect(await isHit(GUEST, { counting: 'exact' })).toBe(true);
    expect((await rewriteCached(GUEST, { counting: 'exact' }, { cache: true })).report.counting).toBe('exact');
    expect((await rewriteCached(GUEST, {}, { cache: true })).report.counting).toBe('block');
  });

  test('is left alone with cache: false', async () => {
    await rewriteCached(GUEST, {}, { cache: false });
    expect(() => readdirSync(folder)).toThrow('ENOENT');
  });

  test('takes an entry cut at any length for a miss, and replaces it', async () => {
    const expected = Buffer.from((await rewriteCached(GUEST, {}, { cache: true })).module);
    const whole = readFileSync(entry());
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(entry(), whole.subarray(0, length));
      expect(Buffer.from((await rewriteCached(GUEST, {}, { cache: true })).module)).toEqual(expected);
      expect(readFileSync(entry())).toEqual(whole);
    }
  });

  test('takes an entry with any byte flipped for a miss, and replaces it', async () => {
    const expected = Buffer.from((await rewriteCached(GUEST, {}, { cache: true })).module);
    const whole = readFileSync(entry());
    for (let at = 0; at < whole.length; at += 3) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x10;
      writeFileSync(entry(), damaged);
      expect(Buffer.from((await rewriteCached(GUEST, {}, { cache: true })).module)).toEqual(expected);
      expect(readFileSync(entry())).toEqual(whole);
    }
  });

  test('does not keep a module that is refused', async () => {
    await expect(rewriteCached(new Uint8Array([1, 2, 3]), {}, { cache: true })).rejects.toThrow(
      expect.objectContaining({ code: 'NOT_WASM' }),
    );
    expect(() => readdirSync(folder)).toThrow('ENOENT');
  });

  test('rewrites all the same where the folder cannot be written', async () => {
    const file = parent.file('file');
    writeFileSync(file, '');
    vi.stubEnv('EPOCHVISOR_CACHE', join(file, 'below'));
    expect((await rewriteCached(GUEST, {}, { cache: true })).report.functions).toBe(1);
  });

  test('forgets what was not read for longest when it is full, and drafts that a dead process left', async () => {
    const write = (name: string, bytes: number, age_s: number): void => {
      const path = join(folder, name);
      writeFileSync(path, Buffer.alloc(bytes));
      const time = Date.now() / 1000 - age_s;
      utimesSync(path, time, time);
    };
    await rewriteCached(GUEST, {}, { cache: true });
    const own = readdirSync(folder);
    write('old.rewritten', 600, 300);
    write('recent.rewritten', 600, 200);
    write('dead.rewritten.1.x.draft', 10, 7200);
    write('live.rewritten.2.y.draft', 10, 10);
    write('unrelated', 5000, 9999);
    const used = statSync(join(folder, own[0]!)).size;
    prune(folder, used + 700);
    expect(readdirSync(folder).sort()).toEqual(
      [...own, 'recent.rewritten', 'live.rewritten.2.y.draft', 'unrelated'].sort(),
    );
  });

  test('lies in EPOCHVISOR_CACHE, else in XDG_CACHE_HOME, else in ~/.cache', () => {
    expect(cacheFolder()).toBe(folder);
    vi.stubEnv('EPOCHVISOR_CACHE', '');
    vi.stubEnv('XDG_CACHE_HOME', '/x');
    expect(cacheFolder()).toBe('/x/epochvisor');
    vi.stubEnv('XDG_CACHE_HOME', '');
    vi.stubEnv('HOME', '/home/someone');
    expect(cacheFolder()).toBe('/home/someone/.cache/epochvisor');
  });
});
