// `bench --compare`: another commit beside this tree, in turn; the figures of both, their ratios, and what can't be compared.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import { compare } from '../../bench/compare/compare.js';
import { figuresOf } from '../../bench/compare/figures.js';
import { ratioOf } from '../../bench/compare/ratios.js';
import { checkRevision, UnusableRevision } from '../../bench/compare/revision.js';
import { Bench } from '../end-to-end/command.js';

const DEPENDENCIES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const bench = new Bench();

function git(...words: string[]): void {
  const who = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];
  execFileSync('git', ['-C', bench.folder, ...who, ...words], { stdio: 'pipe' });
}

/** A repository of two commits whose only bench prints a time: 4 in the first, 2 in the last. */
function repository(): void {
  const files = {
    '.gitignore': 'dist/\nnode_modules\ntmp/\n',
    'package.json': '{ "type": "module" }',
    'tsconfig.json':
      '{ "compilerOptions": { "outDir": "dist", "rootDir": ".", "types": [] }, "files": ["bench/start/main.ts"] }',
    'guest/build.mjs': '',
    'bench/start/main.ts': "console.log('| what | ms |\\n| - | -: |\\n| whole | 4 |');",
  };
  git('init', '-q');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(bench.file(path)), { recursive: true });
    writeFileSync(bench.file(path), text);
  }
  symlinkSync(DEPENDENCIES, bench.file('node_modules'));
  git('add', '.');
  git('commit', '-qm', 'first');
  writeFileSync(bench.file('bench/start/main.ts'), files['bench/start/main.ts'].replace('4', '2'));
  git('commit', '-qam', 'second');
}

test('both sides are measured in turn, and nothing of the other is left', async () => {
  repository();
  execFileSync(process.execPath, [join(DEPENDENCIES, 'typescript', 'bin', 'tsc'), '-b'], { cwd: bench.folder });
  vi.stubEnv('TMPDIR', bench.file('tmp'));
  const printed: string[] = [];
  const comparison = { revision: 'HEAD~1', benches: ['start'], times: 2, flags: [] };
  await compare(comparison, text => printed.push(text), bench.folder);
  expect(printed.join('')).toMatch(/^\| whole, ms +\| +4 \| +2 \| +0\.500 \| +0\.500 to 0\.500 \| yes/m);
  expect(existsSync(bench.file('.git/worktrees'))).toBe(false);
  expect(bench.temporaryFiles()).toEqual([]);
  vi.unstubAllEnvs();
});

test.each([
  ['a commit that does not exist', 'nowhere', ['start'], "there is no commit 'nowhere' here"],
  ['what looks like a flag', '--all', ['start'], "there is no commit '--all' here"],
  ['a commit without the bench', 'HEAD', ['tcp'], "HEAD has no bench 'tcp'"],
])('%s is refused', (_, revision, benches, reason) => {
  repository();
  expect(() => checkRevision(bench.folder, revision, benches)).toThrow(new UnusableRevision(reason));
});

test('a tree with changes is refused', () => {
  repository();
  writeFileSync(bench.file('new'), '');
  expect(() => checkRevision(bench.folder, 'HEAD', ['start'])).toThrow('not committed');
});

test.each([
  [['start', '--compare', 'nowhere'], "there is no commit 'nowhere' here"],
  [['--compare'], '--compare needs a value'],
  [['takeover', '--compare', 'HEAD'], "'takeover' can't be compared"],
  [['start', '--compare', 'HEAD', '--times', '1'], '--times is a whole number from 2 on'],
])('%j is refused in one line, with status 2', async (words, reason) => {
  const { status, stderr, stdout } = await bench.startProgram('bench/main.js', words).ended;
  expect(stderr).toMatch(/^bench: .*\n$/);
  expect(stderr).toContain(reason);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
});

describe('figures', () => {
  test('are the numbers that fill a cell, by section, row and column', () => {
    const printed =
      '| a | x | y |\n| - | - | - |\n| row | 1.5 | 3 (4) |\n| **mean** | **1,000** | |\n\n## Later\n\n| b | z |\n| - | - |\n| r | -2 |\n';
    expect([...figuresOf(printed)]).toEqual([
      ['row, 3 (4), x', 1.5],
      ['mean, x', 1000],
      ['Later: r, z', -2],
    ]);
  });

  test('have a ratio with an interval that holds what both differ by', () => {
    const { ratio, from, to } = ratioOf([10, 11, 10, 9], [20, 21, 21, 18])!;
    expect(ratio).toBeCloseTo(2, 1);
    expect(from).toBeLessThan(2);
    expect(to).toBeGreaterThan(2);
  });

  test('have none from one round, or where one is not positive', () => {
    expect(ratioOf([1], [2])).toBeUndefined();
    expect(ratioOf([0, 1], [2, 2])).toBeUndefined();
  });
});
