// The sources of this repository as text: which files there are, what each imports, and which project compiles it.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path/posix';

/** Where sources are. */
const FOLDERS = ['engine', 'devices', 'guest', 'bench', 'examples', 'test'];
/** What is built, or brought from elsewhere. */
const LEFT_OUT = new Set(['build', 'results', 'test/spec/core']);
/** What tests import as users do, by the name of the package. */
const EXPORTED: Readonly<Record<string, string>> = {
  'epochvisor/host': 'engine/host/index.ts',
  'epochvisor/machine': 'engine/embed/index.ts',
  'epochvisor/testing': 'engine/harness/index.ts',
  'epochvisor/vitest': 'engine/harness/vitest-matchers.ts',
};
const PROJECT = /^tsconfig(\..+)?\.json$/;

/** The text of each file, by its path from the root of the repository. */
export type SourceTree = ReadonlyMap<string, string>;

/** All TypeScript and JavaScript of the repository, and its projects. */
export function readSourceTree(root: string): SourceTree {
  const tree = new Map<string, string>([['tsconfig.json', readFileSync(join(root, 'tsconfig.json'), 'utf8')]]);
  const read = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (LEFT_OUT.has(entry.name) || LEFT_OUT.has(path)) continue;
      if (entry.isDirectory()) read(path);
      else if (isSource(path) || PROJECT.test(entry.name)) tree.set(path, readFileSync(join(root, path), 'utf8'));
    }
  };
  for (const folder of FOLDERS) read(folder);
  return tree;
}

export function isSource(path: string): boolean {
  return /\.(ts|mjs)$/.test(path);
}

export function sourcesOf(tree: SourceTree, ...folders: readonly string[]): string[] {
  const paths = [...tree.keys()].filter(isSource);
  return folders.length === 0 ? paths : paths.filter(path => folders.some(folder => path.startsWith(`${folder}/`)));
}

/** What the file names after `from` or `import`, and, relative to itself, as a thread or process to start. */
export function specifiersOf(tree: SourceTree, path: string): string[] {
  const text = tree.get(path) ?? '';
  const imported = text.matchAll(/\b(?:from|import)\s*\(?\s*'([^'\s]+)'/g);
  const started = text.matchAll(/\bnew URL\('(\.[^'\s]+\.m?js)', import\.meta\.url\)/g);
  return [...new Set([...imported, ...started].map(match => match[1]!))];
}

/** The files of the tree that the file imports, for their types only or not, or starts. */
export function importsOf(tree: SourceTree, path: string): string[] {
  return specifiersOf(tree, path).flatMap(specifier => {
    const exported = EXPORTED[specifier];
    if (exported !== undefined && exported !== path) return [exported];
    if (!specifier.startsWith('.')) return [];
    const named = normalize(join(dirname(path), specifier));
    // TypeScript names what it compiles to; AssemblyScript names no ending.
    const found = [named.replace(/\.js$/, '.ts'), named, `${named}.ts`].find(file => tree.has(file));
    return found === undefined || found === path ? [] : [found];
  });
}

interface Project {
  readonly include?: readonly string[];
  readonly files?: readonly string[];
  readonly exclude?: readonly string[];
  readonly references?: readonly { readonly path: string }[];
}

/** A project's name: its folder, or its file where that is not `tsconfig.json`. */
function projectName(path: string): string {
  return basename(path) === 'tsconfig.json' ? dirname(path) : path;
}

function projectsOf(tree: SourceTree): Map<string, Project> {
  const paths = [...tree.keys()].filter(path => PROJECT.test(basename(path)) && path !== 'tsconfig.json');
  return new Map(paths.map(path => [path, JSON.parse(tree.get(path)!) as Project]));
}

/** The patterns that our projects use: `**\/` for folders, `*` within a name; a folder stands for all in it. */
function globExpression(pattern: string): RegExp {
  const literal = pattern.replace(/[.+]/g, '\\$&');
  return new RegExp(`^${literal.replace(/\*\*\/|\*/g, star => (star === '*' ? '[^/]*' : '(.*/)?'))}(/.*)?$`);
}

function compiles(project: Project, file: string): boolean {
  const matches = (patterns: readonly string[] | undefined) =>
    patterns?.some(pattern => globExpression(pattern).test(file)) === true;
  return project.files?.includes(file) === true || (matches(project.include) && !matches(project.exclude));
}

/** The names of the projects, and which of them each source belongs to: the folder that it is in, for what none compiles. */
export class Projects {
  readonly #projects: Map<string, Project>;
  readonly #tree: SourceTree;

  constructor(tree: SourceTree) {
    this.#tree = tree;
    this.#projects = projectsOf(tree);
  }

  get names(): string[] {
    return [...this.#projects.keys()].map(projectName);
  }

  nameOf(file: string): string {
    const asCompiled = file.replace(/\.mjs$/, '.ts');
    const around = [...this.#projects].filter(([path, project]) => {
      const folder = dirname(path);
      return file.startsWith(`${folder}/`) && compiles(project, asCompiled.slice(folder.length + 1));
    });
    const nearest = around.sort(([a], [b]) => dirname(b).length - dirname(a).length)[0];
    return nearest === undefined ? dirname(file) : projectName(nearest[0]);
  }

  /** By the name of each project the names of those that it refers to. */
  references(): Map<string, string[]> {
    return new Map([...this.#projects].map(([path, project]) => [projectName(path), referred(path, project)]));
  }

  /** What the solution at the root refers to. */
  solution(): string[] {
    return referred('tsconfig.json', JSON.parse(this.#tree.get('tsconfig.json') ?? '{}') as Project);
  }
}

function referred(path: string, project: Project): string[] {
  return (project.references ?? []).map(reference => {
    const target = normalize(join(dirname(path), reference.path));
    return target.endsWith('.json') ? projectName(target) : target;
  });
}
