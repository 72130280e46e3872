// The order of folders, and what breaks it: an arrow upward, a circle of files, a pure folder that knows of Node.

import { importsOf, Projects, type SourceTree, sourcesOf, specifiersOf } from './source-tree.js';

/** Nothing in them knows of Node: only what every JavaScript engine has. */
export const PURE_FOLDERS: readonly string[] = [
  'engine/errors',
  'engine/wasm',
  'engine/instrument',
  'engine/protocol',
  'devices/tsconfig.commands.json',
  'engine/wire',
  'engine/streams',
  'engine/wasi',
  'engine/threads',
  'engine/driver',
  'engine/log',
  'engine/simulator',
];

/** All folders, lowest first: a folder imports only from those before it. A project that is not a folder has its file's name. */
export const FOLDERS: readonly string[] = [
  ...PURE_FOLDERS,
  'engine/observe',
  // It runs in a browser.
  'engine/page',
  'engine/journal',
  'engine/instance',
  'engine/suspend',
  'engine/cache',
  // What users of the package import.
  'engine',
  'engine/host',
  'devices',
  'engine/guest',
  'engine/snapshot',
  'engine/recording',
  'engine/channel',
  'engine/arbiter',
  'engine/bus',
  'engine/replica',
  'engine/replay',
  'engine/plain',
  'engine/launch',
  'engine/dashboard',
  'engine/parts',
  'engine/testing',
  'engine/cli',
  // What tests of users import.
  'engine/harness',
  // What programs of users import.
  'engine/embed',
  // AssemblyScript: it runs in the machine, and shares nothing with it.
  'guest',
  'guest/lib',
  'guest/programs/appendable',
  'guest/programs/keyvalue',
  'guest/programs',
  'bench/instrumentation/kernels',
  'bench',
  'examples/embedding',
  'examples/failover',
  'examples/testing',
  'examples/tutorial',
  'test/guests',
  'test',
];

/** Imports of a folder that does not stand below, and folders that stand nowhere. */
export function upwardArrows(tree: SourceTree, order: readonly string[]): string[] {
  const projects = new Projects(tree);
  const named = new Map(sourcesOf(tree).map(path => [path, projects.nameOf(path)]));
  const nowhere = [...new Set([...named.values(), ...projects.names])].filter(name => !order.includes(name));
  const arrows = [...named].flatMap(([path, from]) =>
    importsOf(tree, path).flatMap(target => {
      const to = named.get(target)!;
      if (to === from || order.indexOf(to) < order.indexOf(from)) return [];
      return [`${path} imports ${target}: ${to} does not stand below ${from}`];
    }),
  );
  return [...nowhere.map(name => `${name} is not in the order of folders`), ...arrows];
}

/** What a pure folder imports besides files. */
export function impureImports(tree: SourceTree, pure: readonly string[]): string[] {
  const projects = new Projects(tree);
  return sourcesOf(tree)
    .filter(path => pure.includes(projects.nameOf(path)))
    .flatMap(path => specifiersOf(tree, path).map(specifier => ({ path, specifier })))
    .filter(({ specifier }) => !specifier.startsWith('.'))
    .map(({ path, specifier }) => `${path} imports ${specifier}`);
}

/** References of projects that no import needs, imports that no reference allows, and projects that the root does not build. */
export function wrongReferences(tree: SourceTree): string[] {
  const projects = new Projects(tree);
  const needed = new Map(projects.names.map(name => [name, new Set<string>()]));
  for (const path of sourcesOf(tree)) {
    const from = projects.nameOf(path);
    for (const to of importsOf(tree, path).map(target => projects.nameOf(target))) {
      if (to !== from && needed.has(to)) needed.get(from)?.add(to);
    }
  }
  const differences = (name: string, has: readonly string[], wanted: readonly string[]) => [
    ...has.filter(one => !wanted.includes(one)).map(one => `${name} refers to ${one}, which it does not import`),
    ...wanted.filter(one => !has.includes(one)).map(one => `${name} lacks a reference to ${one}`),
  ];
  return [
    ...[...projects.references()].flatMap(([name, has]) => differences(name, has, [...needed.get(name)!])),
    ...differences('the root', projects.solution(), projects.names),
  ];
}

/** Files that import each other in a circle, each file told of once: `a -> b -> a`, a shortest one. */
export function circles(tree: SourceTree): string[] {
  const imports = new Map(sourcesOf(tree).map(path => [path, importsOf(tree, path)]));
  const reported = new Set<string>();
  return [...imports.keys()].sort().flatMap(start => {
    if (reported.has(start)) return [];
    const circle = shortestCircle(imports, start);
    for (const path of circle) reported.add(path);
    return circle.length === 0 ? [] : [[...circle, start].join(' -> ')];
  });
}

/** Breadth first from `start` until a file imports it. */
function shortestCircle(imports: ReadonlyMap<string, readonly string[]>, start: string): string[] {
  const importer = new Map<string, string | undefined>([[start, undefined]]);
  for (const path of importer.keys()) {
    for (const target of imports.get(path) ?? []) {
      if (target === start) return wayTo(importer, path);
      if (!importer.has(target)) importer.set(target, path);
    }
  }
  return [];
}

function wayTo(importer: ReadonlyMap<string, string | undefined>, end: string): string[] {
  const before = importer.get(end);
  return before === undefined ? [end] : [...wayTo(importer, before), end];
}
