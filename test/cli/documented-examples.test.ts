// The code in the pages about testing is that of the examples, which are run: none has drifted from the other.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const EXAMPLES = 'examples/testing';
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Without its first line, which the page says in its own words. */
const codeOf = (name: string) => read(`${EXAMPLES}/${name}`).replace(/^\/\/ .*\n\n/, '');

const names = readdirSync(join(ROOT, EXAMPLES)).filter(name => name.endsWith('.test.ts'));

test.each(names)('%s is shown as it is run', name => {
  const page = name === 'five-lines.test.ts' ? 'README.md' : 'docs/testing.md';
  const blocks = read(page)
    .split('```')
    .filter((_, at) => at % 2 === 1);
  expect(blocks).toContain(`ts\n${codeOf(name)}`);
});

test('there are four worked examples, and five lines', () => {
  expect(names.sort()).toEqual([
    'batch.test.ts',
    'bus.test.ts',
    'driver.test.ts',
    'five-lines.test.ts',
    'server.test.ts',
  ]);
});
