// What every source file keeps to: a first line that says its idea, a name and a size of its own, titles that stand alone.

import { basename } from 'node:path/posix';
import { type SourceTree, sourcesOf } from './source-tree.js';

const SHEBANG = /^#!.*\n/;
/** Names that say only with their folder what they are: where a program or a package is entered. */
const ENTRIES = new Set(['main.ts', 'index.ts']);
const LINES_MIN = 20;
/** A title that begins so needs the one before it. */
const DEPENDENT = /^([Aa]nd|[Nn]or|[Nn]either|[Ll]ikewise|[Bb]ut|[Aa]lso|[Oo]r|[Tt]oo|[Ss]o)\b/;

/** Files that do not begin with a comment that is a sentence. */
export function wordlessBeginnings(tree: SourceTree): string[] {
  return sourcesOf(tree).filter(path => {
    const [paragraph = ''] = /^(\/\/ .*\n)*/.exec(tree.get(path)!.replace(SHEBANG, '')) ?? [];
    const words = paragraph.replaceAll('// ', '').trim();
    // A call of WASI begins with its own name.
    return !/^(?:[^a-z\s]|\w+_\w+).*\s.*[.:?!)]$/s.test(words);
  });
}

/** Files of one name in different folders: a message or a search would not say which is meant. */
export function sharedNames(tree: SourceTree): string[] {
  const named = new Map<string, string[]>();
  for (const path of sourcesOf(tree, 'engine', 'devices')) {
    named.set(basename(path), [...(named.get(basename(path)) ?? []), path]);
  }
  return [...named].flatMap(([name, paths]) => (paths.length > 1 && !ENTRIES.has(name) ? [paths.join(', ')] : []));
}

/** Files too small to be an idea of their own. */
export function crumbs(tree: SourceTree): string[] {
  const files = sourcesOf(tree, 'engine', 'devices').filter(path => !ENTRIES.has(basename(path)));
  return files.filter(path => tree.get(path)!.split('\n').length - 1 < LINES_MIN);
}

/** Titles of tests that can't be understood without the one before. */
export function dependentTitles(tree: SourceTree): string[] {
  const files = sourcesOf(tree, 'test').filter(path => path.endsWith('.test.ts'));
  return files.flatMap(path =>
    titlesIn(tree.get(path)!)
      .filter(title => DEPENDENT.test(title))
      .map(title => `${path}: ${title}`),
  );
}

/** The titles of a test file, in order, as they are written. */
export function titlesIn(text: string): string[] {
  return [...text.matchAll(/^\s*(?:describe|test|it)\b(?:\.\w+)*(?=[(`])/gm)].flatMap(({ index, 0: callee }) => {
    for (let at = index + callee.length; text[at] === '('; at = endOfGroup(text, at)) {
      const inside = /^\(\s*(['"`])/.exec(text.slice(at, at + 200));
      if (inside === null) continue;
      const from = at + inside[0].length - 1;
      return [text.slice(from + 1, endOfString(text, from) - 1)];
    }
    return [];
  });
}

/** The position after the bracket that closes the one at `open`. */
function endOfGroup(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if ('([{'.includes(text[at]!)) depth++;
    else if (')]}'.includes(text[at]!)) depth--;
    else if ('\'"`'.includes(text[at]!)) at = endOfString(text, at) - 1;
    else if (text.startsWith('//', at)) at = text.indexOf('\n', at);
    if (depth === 0) return at + 1;
  }
  return text.length;
}

/** The position after the quote that closes the one at `open`. */
function endOfString(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === text[open]) return at + 1;
  }
  return text.length;
}
