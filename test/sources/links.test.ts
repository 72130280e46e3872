// What the pages link to is there: files, and headings.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const pages = ['README.md', 'ARCHITECTURE.md', 'docs', 'examples'].flatMap(name =>
  name.endsWith('.md')
    ? [join(ROOT, name)]
    : readdirSync(join(ROOT, name), { recursive: true, encoding: 'utf8' })
        .filter(path => path.endsWith('.md') && !path.includes('node_modules'))
        .map(path => join(ROOT, name, path)),
);

const withoutCode = (text: string) => text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '`');

/** As GitHub makes them of headings. */
function anchors(path: string): Set<string> {
  const headings = readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

test.each(pages.map(page => [relative(ROOT, page), page]))('%s', (_, page) => {
  const broken = [...withoutCode(readFileSync(page, 'utf8')).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter(link => {
      const [path, anchor] = link.split('#') as [string, string?];
      const target = path === '' ? page : join(dirname(page), path);
      return !existsSync(target) || (anchor !== undefined && !anchors(target).has(anchor));
    });
  expect(broken).toEqual([]);
});

test('there are pages to look at', () => {
  expect(pages.length).toBeGreaterThan(10);
});
