// Do the sources keep to the conventions of files, and does each check see a file that does not?

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { crumbs, dependentTitles, sharedNames, titlesIn, wordlessBeginnings } from './conventions.js';
import { readSourceTree } from './source-tree.js';

const sources = readSourceTree(fileURLToPath(new URL('../../', import.meta.url)));

describe('every source file', () => {
  test('begins with a comment that is a sentence', () => {
    expect(wordlessBeginnings(sources)).toEqual([]);
  });

  test('of engine and devices has a name that no other has', () => {
    expect(sharedNames(sources)).toEqual([]);
  });

  test('of engine and devices has at least 20 lines, unless a program or the package is entered there', () => {
    expect(crumbs(sources)).toEqual([]);
  });
});

test('no title of a test begins with a word that needs the title before it', () => {
  expect(dependentTitles(sources)).toEqual([]);
});

describe('a planted file', () => {
  const long = '\n'.repeat(20);

  test('without a sentence in its first line is found', () => {
    const beginnings = {
      'engine/none.ts': "import './x.js';\n",
      'engine/word.ts': '// Utilities.\n',
      'engine/open.ts': '// What it is and\nexport {};\n',
      'engine/docstring.ts': '/** Of what follows. */\nexport {};\n',
      'engine/later.ts': '\n// A sentence.\n',
      'engine/lower.ts': '// and so it goes.\n',
    };
    expect(wordlessBeginnings(new Map(Object.entries(beginnings)))).toEqual(Object.keys(beginnings));
  });

  test('with a sentence in its first line, or in a comment that goes on, passes', () => {
    const beginnings = {
      'engine/one.ts': '// What it is.\nexport {};\n',
      'engine/two.ts': '// What it is, which is too long\n// for a line.\n//\n// then more\n',
      'engine/cli/main.ts': '#!/usr/bin/env node\n// The command line.\n',
      'test/x/question.test.ts': '// Does it do so?\n',
      'engine/wasi/calls/x.ts': '// path_open: what the flags mean.\n',
    };
    expect(wordlessBeginnings(new Map(Object.entries(beginnings)))).toEqual([]);
  });

  test('with the name of another is found, but in tests, and where a program is entered', () => {
    const paths = ['engine/a/x.ts', 'devices/x.ts', 'test/x.ts', 'engine/a/main.ts', 'engine/b/main.ts', 'engine/y.ts'];
    expect(sharedNames(new Map(paths.map(path => [path, ''])))).toEqual(['engine/a/x.ts, devices/x.ts']);
  });

  test('of 19 lines is found, one of 20 is not', () => {
    const tree = new Map([
      ['engine/short.ts', long.slice(1)],
      ['devices/short.ts', ''],
      ['engine/long.ts', long],
      ['engine/index.ts', ''],
      ['test/short.ts', ''],
    ]);
    expect(crumbs(tree)).toEqual(['engine/short.ts', 'devices/short.ts']);
  });

  test('with a title that leans on the one before is found', () => {
    const text =
      "test('stands', () => {});\nit.each([\n  ['(', 1],\n])('nor does %s', () => {});\ndescribe('Orders', () => {});\ntest('OR: rule', () => {});\n";
    expect(dependentTitles(new Map([['test/x.test.ts', text]]))).toEqual(['test/x.test.ts: nor does %s']);
  });

  test('has the titles of all its tests read, whatever stands between callee and title', () => {
    const text = [
      "describe('one', () => {",
      '  test(`two`, { timeout: 1 }, () => {});',
      '  it.skipIf(f(")"))(',
      '    "it\'s three",',
      '  );',
      "  it.each([[')', `]`], // it's a comment (",
      "  ] as const)('four \\'%s\\'', () => {});",
      '  describe.each(cases)("five", () => {});',
      "  testing('no test');",
    ].join('\n');
    expect(titlesIn(text)).toEqual(['one', 'two', "it's three", "four \\'%s\\'", 'five']);
  });
});
