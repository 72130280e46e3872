// An arbiter by its address: folders, and what is refused in one line.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openArbiter, parseArbiter } from '../../engine/arbiter/open-arbiter.js';
import { view } from './conformance.js';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'epochvisor-arbiter-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

test.each(['', 'folder:'])('%jPATH is the folder', async scheme => {
  const arbiter = await openArbiter(`${scheme}${join(base, 'a:b')}`);
  expect(await arbiter.claim(view(1, 'x'))).toEqual({ result: 'won' });
  expect(await readdir(join(base, 'a:b'))).toEqual(['machine-1-0000000001.json']);
});

test('a path is a folder whatever is in it, if it does not begin like a scheme', () => {
  expect(parseArbiter('./a:b')).toEqual({ scheme: 'folder', rest: './a:b' });
  expect(parseArbiter('folder:a:b')).toEqual({ scheme: 'folder', rest: 'a:b' });
  expect(parseArbiter('views')).toEqual({ scheme: 'folder', rest: 'views' });
});

test.each(['etcd://host:2379', 'constructor:x', 'folder:', ''])('%j is refused', async address => {
  await expect(openArbiter(address)).rejects.toMatchObject({
    code: 'ARBITER_UNSUPPORTED',
    line: expect.stringMatching(/^"[^"]*" is no arbiter .*folder:PATH$/),
  });
});
