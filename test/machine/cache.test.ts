import { mkdtempSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as instrumenter from '../../engine/instrument/instrument.js';
import { cacheFolder, prune, rewriteCached } from '../../engine/machine/cache.js';
import { wat } from '../building/wat.js';

const GUEST = wat('(module (func (export "one") (result i32) (i32.const 1)))');

let folder: string;

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'cache-')), 'cache');
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
function isHit(bytes: Uint8Array, options = {}): boolean {
  const before = readdirSync(folder).map(name => [name, statSync(join(folder, name)).ino]);
  rewriteCached(bytes, options, { cache: true });
  return (
    JSON.stringify(readdirSync(folder).map(name => [name, statSync(join(folder, name)).ino])) === JSON.stringify(before)
  );
}

describe('the cache of rewritten modules', () => {
  test('gives what was rewritten, module and report', () => {
    const first = rewriteCached(GUEST, {}, { cache: true });
    const second = rewriteCached(GUEST, {}, { cache: true });
    expect(Buffer.from(second.module)).toEqual(Buffer.from(first.module));
    expect(second.report).toEqual(first.report);
    expect(second).toEqual(expect.objectContaining({ report: instrumenter.instrument(GUEST).report }));
    expect(isHit(GUEST)).toBe(true);
  });

  test('keeps modules and options apart', () => {
    const other = wat('(module (func (export "two") (result i32) (i32.const 2)))');
    rewriteCached(GUEST, {}, { cache: true });
    expect(isHit(other)).toBe(false);
    expect(isHit(GUEST, { counting: 'exact' })).toBe(false);
    expect(isHit(GUEST, { counting: 'exact' })).toBe(true);
    expect(rewriteCached(GUEST, { counting: 'exact' }, { cache: true }).report.counting).toBe('exact');
    expect(rewriteCached(GUEST, {}, { cache: true }).report.counting).toBe('block');
  });

  test('is left alone with cache: false', () => {
    rewriteCached(GUEST, {}, { cache: false });
    expect(() => readdirSync(folder)).toThrow('ENOENT');
  });

  test('takes an entry cut at any length for a miss, and replaces it', () => {
    const expected = Buffer.from(rewriteCached(GUEST, {}, { cache: true }).module);
    const whole = readFileSync(entry());
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(entry(), whole.subarray(0, length));
      expect(Buffer.from(rewriteCached(GUEST, {}, { cache: true }).module)).toEqual(expected);
      expect(readFileSync(entry())).toEqual(whole);
    }
  });

  test('takes an entry with any byte flipped for a miss, and replaces it', () => {
    const expected = Buffer.from(rewriteCached(GUEST, {}, { cache: true }).module);
    const whole = readFileSync(entry());
    for (let at = 0; at < whole.length; at += 3) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x10;
      writeFileSync(entry(), damaged);
      expect(Buffer.from(rewriteCached(GUEST, {}, { cache: true }).module)).toEqual(expected);
      expect(readFileSync(entry())).toEqual(whole);
    }
  });

  test('does not keep a module that is refused', () => {
    expect(() => rewriteCached(new Uint8Array([1, 2, 3]), {}, { cache: true })).toThrow(
      expect.objectContaining({ code: 'NOT_WASM' }),
    );
    expect(() => readdirSync(folder)).toThrow('ENOENT');
  });

  test('rewrites all the same where the folder cannot be written', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'cache-')), 'file');
    writeFileSync(file, '');
    vi.stubEnv('EPOCHVISOR_CACHE', join(file, 'below'));
    expect(rewriteCached(GUEST, {}, { cache: true }).report.functions).toBe(1);
  });

  test('forgets what was not read for longest when it is full, and drafts that a dead process left', () => {
    const write = (name: string, bytes: number, age_s: number): void => {
      const path = join(folder, name);
      writeFileSync(path, Buffer.alloc(bytes));
      const time = Date.now() / 1000 - age_s;
      utimesSync(path, time, time);
    };
    rewriteCached(GUEST, {}, { cache: true });
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
