// Which modules are guests: bare ones, WASI programs, and what is refused in one line.

import { describe, expect, test } from 'vitest';
import { checkGuest } from '../../engine/guest/guest-check.js';
import { WASI_IMPORTS } from '../../engine/guest/wasi-imports.js';
import { wat } from '../building/wat.js';

const WASI = '"wasi_snapshot_preview1"';
const START = '(func (export "_start")) (memory (export "memory") 1)';

/** The notation of messages as the text format has it. */
function typed(notation: string): string {
  const [, params, results] = /^\((.*)\) -> \((.*)\)$/.exec(notation)!;
  const list = (types: string) => types.replaceAll(',', '');
  return `(param ${list(params!)}) (result ${list(results!)})`;
}

describe('a module is', () => {
  test('a WASI program by its imports, all of preview 1 with their types', () => {
    const imports = Object.entries(WASI_IMPORTS).map(
      ([name, type]) => `(import ${WASI} "${name}" (func ${typed(type)}))`,
    );
    expect(imports).toHaveLength(46);
    expect(checkGuest(wat(`(module ${imports.join('\n')} ${START})`))).toBe('wasi');
  });

  test('a bare guest by its imports, or because it has none', () => {
    expect(checkGuest(wat(`(module (import "epochvisor" "wait" (func)) ${START})`))).toBe('bare');
    expect(checkGuest(wat(`(module ${START})`))).toBe('bare');
    expect(checkGuest(wat('(module (func (export "_start")))'))).toBe('bare');
  });
});

describe('a module is refused that', () => {
  const exit = `(import ${WASI} "proc_exit" (func (param i32)))`;
  test.each([
    [
      'imports the hardware as well as WASI',
      `(import "epochvisor" "wait" (func)) ${exit} ${START}`,
      'GUEST_IMPORT',
      /both/,
    ],
    [
      'imports a function of no preview',
      `(import ${WASI} "fd_dance" (func)) ${START}`,
      'GUEST_IMPORT',
      /fd_dance, which/,
    ],
    [
      'imports the preview before',
      `(import "wasi_unstable" "fd_close" (func)) ${START}`,
      'GUEST_IMPORT',
      /wasi_unstable/,
    ],
    [
      'imports a function with another type',
      `(import ${WASI} "fd_close" (func (param i64) (result i32))) ${START}`,
      'GUEST_IMPORT',
      /fd_close as \(i64\) -> \(i32\), which is \(i32\) -> \(i32\) here/,
    ],
    ['imports a memory', `(import ${WASI} "memory" (memory 1)) (func (export "_start"))`, 'GUEST_IMPORT', /memory/],
    ['has no _start', `${exit} (memory (export "memory") 1)`, 'GUEST_NO_START', /no function _start/],
    ['exports no memory', `${exit} (func (export "_start"))`, 'GUEST_NO_MEMORY', /no memory/],
    ['has a _start with a parameter', '(func (export "_start") (param i32))', 'GUEST_NO_START', /\(i32\) -> \(\)/],
  ])('%s', (_, text, code, message) => {
    let refusal: unknown;
    try {
      checkGuest(wat(`(module ${text})`));
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('is a WASI library: the hint says so', () => {
    const reactor = wat(`(module ${exit} (memory (export "memory") 1) (func (export "_initialize")))`);
    expect(() => checkGuest(reactor)).toThrow(expect.objectContaining({ hint: expect.stringMatching(/reactor/) }));
  });
});
