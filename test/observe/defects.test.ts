// The end of a process that something unforeseen has happened to: one line, and the stack where it was asked for.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const DEFECTS = new URL('../../dist/engine/observe/defects.js', import.meta.url).href;
const ERRORS = new URL('../../dist/engine/errors/errors.js', import.meta.url).href;

/** A process that runs this code once it is ready for the worst. */
function ends(code: string, env: NodeJS.ProcessEnv = {}, stderr: 'pipe' | number = 'pipe') {
  const script = `import { answeredBy, endOnDefects } from '${DEFECTS}';
    import { assert, EpochvisorError } from '${ERRORS}';
    endOnDefects();
    ${code}`;
  const { status, stderr: said } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', stderr],
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  return { status, said };
}

const ONE_LINE = /^epochvisor: [^\n]+\n$/;

describe('a defect is one line and a status of 70', () => {
  test.each([
    [
      'an assertion',
      "assert(false, 'two is one')",
      /a defect of epochvisor: assertion failed: two is one \(at .*\[DEFECT\]/,
    ],
    ['a TypeError', 'setImmediate(() => undefined.x)', /a defect of epochvisor: Cannot read properties of undefined/],
    ['a promise that nobody waits for', "Promise.reject(new RangeError('far'))", /a defect of epochvisor: far/],
    ['what is no error', "Promise.reject('a word')", /a defect of epochvisor: a word \[DEFECT\]/],
    ['a message of many lines', "throw new SyntaxError('one\\ntwo')", /a defect of epochvisor: one \(at/],
    [
      'an error of the world',
      "Promise.reject(new EpochvisorError('X_GONE', 'x is gone', 'find it'))",
      /: x is gone \[X_GONE\]: find it/,
    ],
  ])('%s', (_, code, says) => {
    const { status, said } = ends(code);
    expect(said).toMatch(ONE_LINE);
    expect(said).toMatch(says);
    expect(said).not.toMatch(/Error:/);
    expect(status).toBe(70);
  });

  test('where nobody reads stderr', () => {
    expect(ends("setImmediate(() => { throw new Error('x') }); process.stderr.destroy()").status).toBe(70);
  });
});

describe('where somebody answers for it', () => {
  const answered = (name: string, act: string) =>
    `answeredBy(({ message }) => process.stderr.write('${name}: ' + message + '\\n'), async () => { ${act} })`;
  const SLEEP = 'await new Promise(resolve => setTimeout(resolve, 50))';

  test('it is told, and the process goes on; each of what it began itself', () => {
    const first = answered('first', `Promise.reject(new Error('one')); ${SLEEP}`);
    const second = answered('second', `setTimeout(() => { throw new Error('two') }, 1); ${SLEEP}`);
    const { status, said } = ends(`await Promise.all([${first}, ${second}])`);
    expect(said.split('\n').sort()).toEqual(['', 'first: one', 'second: two']);
    expect(status).toBe(0);
  });

  test('no more when that is done', () => {
    const { status, said } = ends(`await ${answered('first', "setTimeout(() => { throw new Error('late') }, 50)")}`);
    expect(said).toMatch(ONE_LINE);
    expect(said).toContain('a defect of epochvisor: late');
    expect(status).toBe(70);
  });
});

describe('with EPOCHVISOR_DEBUG=1', () => {
  const DEBUG = { EPOCHVISOR_DEBUG: '1' };

  test('the stack stands before the line', () => {
    const { said } = ends("assert(false, 'two is one')", DEBUG);
    expect(said).toMatch(
      /^Error: assertion failed: two is one\n(?: {4}at [^\n]*\n)+epochvisor: a defect of epochvisor/,
    );
  });

  test('an error of the world has no stack worth showing', () => {
    expect(ends("throw new EpochvisorError('X_GONE', 'x is gone')", DEBUG).said).toMatch(ONE_LINE);
  });
});
