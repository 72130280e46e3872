// Which of V8's compilers a module meets.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./optimised.mjs', import.meta.url));

/** Whether a module is in baseline code, for each way of compiling. */
function baseline(flags: readonly string[], ...ways: string[]): readonly string[] {
  const args = ['--allow-natives-syntax', ...flags, SCRIPT, ...ways];
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim().split('\n');
}

describe('a module that is compiled optimised', () => {
  test('is not in baseline code, and those before and after it are', () => {
    const seen = baseline([], 'rewritten', 'optimised', 'rewritten', 'optimised', 'rewritten');
    expect(seen).toEqual(['true', 'false', 'true', 'false', 'true']);
  });

  test('is not in baseline code where V8 has the same bytes in baseline code', () => {
    expect(baseline([], 'rewritten again', 'optimised again', 'rewritten again')).toEqual(['true', 'false', 'true']);
  });

  test('does not change what the process was started with', () => {
    const ways = ['rewritten', 'optimised', 'rewritten'];
    expect(baseline(['--no-liftoff', '--no-wasm-lazy-compilation'], ...ways)).toEqual(['false', 'false', 'false']);
  });
});
