// Do the sources keep to the order of folders, and does each check see what breaks it?

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { circles, FOLDERS, impureImports, PURE_FOLDERS, upwardArrows, wrongReferences } from './layers.js';
import { importsOf, Projects, readSourceTree, type SourceTree } from './source-tree.js';

const sources = readSourceTree(fileURLToPath(new URL('../../', import.meta.url)));

const all = { include: ['**/*.ts'] };

/** A tree of three folders: `high` imports `low`; `bare` is compiled by none. */
function planted(
  files: Readonly<Record<string, string>> = {},
  projects: Readonly<Record<string, object>> = {},
): SourceTree {
  const written = {
    'tsconfig.json': { references: [{ path: './low' }, { path: './high' }] },
    'low/tsconfig.json': all,
    'high/tsconfig.json': { ...all, references: [{ path: '../low' }] },
    ...projects,
  };
  return new Map([
    ...Object.entries(written).map(([path, project]): [string, string] => [path, JSON.stringify(project)]),
    ['low/a.ts', 'export const a = 1;\n'],
    ['high/b.ts', "import { a } from '../low/a.js';\n"],
    ...Object.entries(files),
  ]);
}

const order = ['low', 'high'];

describe('the sources', () => {
  test('have folders that import only from folders below them', () => {
    expect(upwardArrows(sources, FOLDERS)).toEqual([]);
  });

  test('have no folder in the order that is not there', () => {
    const projects = new Projects(sources);
    const present = new Set([...sources.keys()].map(path => projects.nameOf(path)));
    expect(FOLDERS.filter(name => !present.has(name))).toEqual([]);
  });

  test('have no circle of files, of types or otherwise', () => {
    expect(circles(sources)).toEqual([]);
  });

  test('have pure folders that import nothing of Node and no package', () => {
    expect(impureImports(sources, PURE_FOLDERS)).toEqual([]);
  });

  test('have projects that refer to exactly the folders that they import', () => {
    expect(wrongReferences(sources)).toEqual([]);
  });

  test('are read: hundreds of files, and what a file imports, starts or loads later', () => {
    expect(sources.size).toBeGreaterThan(400);
    const imports = (path: string) => importsOf(sources, path);
    expect(imports('engine/protocol/outbox.ts')).toContain('engine/protocol/bounds.ts');
    expect(imports('engine/replica/thread-host.ts')).toContain('engine/guest/guest-thread.ts');
    expect(imports('engine/cli/verbs.ts')).toContain('engine/cli/run.ts');
    expect(imports('guest/programs/hello.ts')).toContain('guest/lib/console.ts');
    expect(imports('test/suspend/clone-thread.test.ts')).toContain('test/suspend/clone-thread.mjs');
  });
});

describe('a planted tree', () => {
  test('that keeps to the order has no fault', () => {
    const tree = planted();
    expect([upwardArrows(tree, order), circles(tree), impureImports(tree, order), wrongReferences(tree)]).toEqual([
      [],
      [],
      [],
      [],
    ]);
  });

  test('with an arrow upward is told by the import, also of a type only', () => {
    const tree = planted({ 'low/c.ts': "import type { B } from '../high/b.js';\n" });
    expect(upwardArrows(tree, order)).toEqual(['low/c.ts imports high/b.ts: high does not stand below low']);
  });

  test('with a thread that a lower folder starts in a higher one has an arrow upward', () => {
    const tree = planted({ 'low/c.ts': "new Worker(new URL('../high/b.js', import.meta.url));\n" });
    expect(upwardArrows(tree, order)).toEqual(['low/c.ts imports high/b.ts: high does not stand below low']);
  });

  test('with a folder that nobody has ordered is told by its name', () => {
    expect(upwardArrows(planted({ 'new/d.ts': '' }), order)).toEqual(['new is not in the order of folders']);
    expect(upwardArrows(planted({}, { 'other/tsconfig.json': all }), order)).toEqual([
      'other is not in the order of folders',
    ]);
  });

  test('with a circle is told by its files, one told by types or of three files as well', () => {
    const two = { 'low/c.ts': "import type { D } from './d.js';\n", 'low/d.ts': "export { C } from './c.js';\n" };
    expect(circles(planted(two))).toEqual(['low/c.ts -> low/d.ts -> low/c.ts']);
    const three = {
      'low/c.ts': "import {\n  D,\n} from './d.js';\nimport './a.js';\n",
      'low/d.ts': "const e = await import('./e.js');\n",
      'low/e.ts': "new URL('./c.js', import.meta.url);\n",
    };
    expect(circles(planted(three))).toEqual(['low/c.ts -> low/d.ts -> low/e.ts -> low/c.ts']);
  });

  test('with two circles is told of both', () => {
    const pair = (one: string, other: string) => ({
      [`low/${one}.ts`]: `import './${other}.js';\n`,
      [`low/${other}.ts`]: `import './${one}.js';\n`,
    });
    expect(circles(planted({ ...pair('c', 'd'), ...pair('e', 'f') }))).toHaveLength(2);
  });

  test('with a pure folder that knows of Node or of a package is told by the file', () => {
    const tree = planted({ 'low/c.ts': "import { join } from 'node:path';\n", 'low/d.ts': "import('ws');\n" });
    expect(impureImports(tree, ['low'])).toEqual(['low/c.ts imports node:path', 'low/d.ts imports ws']);
    expect(impureImports(tree, ['high'])).toEqual([]);
  });

  test('with a reference too many or too few is told by the project', () => {
    expect(wrongReferences(planted({ 'high/b.ts': '' }))).toEqual(['high refers to low, which it does not import']);
    expect(wrongReferences(planted({}, { 'high/tsconfig.json': all }))).toEqual(['high lacks a reference to low']);
    expect(wrongReferences(planted({}, { 'other/tsconfig.json': all }))).toEqual([
      'the root lacks a reference to other',
    ]);
  });

  test('with a second project in a folder is told of files by the project that compiles them', () => {
    const projects = {
      'tsconfig.json': { references: [{ path: './low' }, { path: './low/tsconfig.part.json' }, { path: './high' }] },
      'low/tsconfig.json': { ...all, exclude: ['*/*-part.ts', 'left'], references: [{ path: 'tsconfig.part.json' }] },
      'low/tsconfig.part.json': { include: ['*/*-part.ts'] },
    };
    const files = {
      'low/x/one-part.ts': "import '../left/f.js';\n",
      'low/left/f.ts': '',
      'low/c.ts': "import './x/one-part.js';\n",
    };
    const tree = planted(files, projects);
    const names = new Projects(tree);
    expect(Object.keys(files).map(path => names.nameOf(path))).toEqual(['low/tsconfig.part.json', 'low/left', 'low']);
    expect(upwardArrows(tree, ['low/tsconfig.part.json', 'low/left', ...order])).toEqual([
      'low/x/one-part.ts imports low/left/f.ts: low/left does not stand below low/tsconfig.part.json',
    ]);
    expect(wrongReferences(tree)).toEqual([]);
  });
});
