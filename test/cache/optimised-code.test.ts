// What V8 has optimised is there in the next process; what is damaged, or was made otherwise, is not taken.

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { TestFolder } from '../building/test-folder.js';

const SCRIPT = fileURLToPath(new URL('./kept-code.mjs', import.meta.url));

const folder = new TestFolder();

/** What a process says that does these things. */
function run(what: string[], flags: readonly string[] = [], cache = folder.path): string {
  const env = { ...process.env, EPOCHVISOR_CACHE: cache };
  return execFileSync(process.execPath, [...flags, SCRIPT, ...what], {
    encoding: 'utf8',
    env,
  }).trim();
}

/** The path of the only file with code. */
function kept(): string {
  const names = readdirSync(folder.path).filter(name => name.endsWith('.code'));
  expect(names).toHaveLength(1);
  return folder.file(names[0]!);
}

describe('the code of a module', () => {
  test('is optimised from the beginning where an earlier process has kept it so', () => {
    expect(run(['look'])).toBe('false 42');
    expect(run(['work'])).toBe('kept');
    expect(run(['look'])).toBe('true 42');
  });

  test('is all optimised, and none of it twice, for who asks for the whole', () => {
    expect(run(['whole', 'look'])).toBe('true\nfalse 42');
    expect(run(['look'])).toBe('true 42');
    const { ino } = statSync(kept());
    expect(run(['whole'])).toBe('true');
    expect(statSync(kept()).ino).toBe(ino);
    // What was made on the way is in there.
    expect(run(['work'])).toBe('kept');
    expect(statSync(kept()).ino).toBe(ino);
    expect(run(['whole'], [], 'none')).toBe('false');
  });

  test('is kept for its user alone, and leaves no drafts', () => {
    run(['work']);
    expect(statSync(kept()).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path).filter(name => !/\.(code|rewritten)$/.test(name))).toEqual([]);
  });

  test('is not taken where others can write to it, or it is theirs', () => {
    run(['work']);
    for (const mode of [0o620, 0o602]) {
      chmodSync(kept(), mode);
      expect(run(['look']), mode.toString(8)).toBe('false 42');
    }
    chmodSync(kept(), 0o600);
    expect(run(['look'])).toBe('true 42');
    // Only root can give a file away, and read it then.
    if (process.getuid?.() !== 0) return;
    chownSync(kept(), 65_534, 65_534);
    expect(run(['look'])).toBe('false 42');
  });

  test('can be kept where nothing is optimised yet, and again when there is more', () => {
    expect(run(['idle', 'look'])).toBe('kept\nfalse 42');
    const little = statSync(kept()).size;
    expect(run(['work'])).toBe('kept');
    expect(statSync(kept()).size).toBeGreaterThan(little);
    expect(run(['look'])).toBe('true 42');
  });

  test('is left as it is where there is no more of it', () => {
    run(['work']);
    const { ino } = statSync(kept());
    run(['work']);
    expect(statSync(kept()).ino).toBe(ino);
  });

  test('is not taken where it is damaged, anywhere, and is replaced then', () => {
    run(['work']);
    const whole = readFileSync(kept());
    for (const at of [0, 9, 13, 20, 50, whole.length - 1]) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x10;
      writeFileSync(kept(), damaged);
      expect(run(['look']), `byte ${at}`).toBe('false 42');
    }
    for (const length of [0, 10, 47, 48, whole.length - 1]) {
      writeFileSync(kept(), whole.subarray(0, length));
      expect(run(['look', 'work']), `${length} bytes`).toBe('false 42\nkept');
      expect(run(['look'])).toBe('true 42');
    }
  });

  test('is not taken where V8 was started in another way, and is replaced then', () => {
    const otherwise = ['--no-wasm-bounds-checks'];
    run(['work']);
    expect(run(['look', 'work'], otherwise)).toBe('false 42\nkept');
    expect(run(['look'], otherwise)).toBe('true 42');
    expect(run(['look'])).toBe('false 42');
  });

  test('is not kept where code must not be made from strings, nor without a cache', () => {
    expect(run(['look'], [], 'none')).toBe('false 42');
    expect(run(['work'], [], 'none')).toBe('kept');
    expect(readdirSync(folder.path)).toEqual([]);
    expect(run(['idle'], ['--disallow-code-generation-from-strings'])).toBe('kept');
    expect(readdirSync(folder.path).map(name => name.replace(/^.*\./, ''))).toEqual(['rewritten']);
  });
});
