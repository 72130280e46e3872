// An arbiter by its address: folders, etcd, and what is refused in one line.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EtcdArbiter } from '../../engine/arbiter/etcd-arbiter.js';
import { openArbiter, parseArbiter } from '../../engine/arbiter/open-arbiter.js';
import type { EpochvisorError } from '../../engine/errors/errors.js';
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

test.each(['consul://host:2379', 'constructor:x', 'folder:', ''])('%j is refused', async address => {
  await expect(openArbiter(address)).rejects.toMatchObject({
    code: 'ARBITER_UNSUPPORTED',
    line: expect.stringMatching(/^"[^"]*" is no arbiter .*folder:PATH, or an etcd, etcd:/),
  });
});

test.each(['etcd://h:1,h:2/p', 'etcds://h'])(
  '%s is an etcd, of which nothing is asked before it is needed',
  async address => {
    expect(await openArbiter(address)).toBeInstanceOf(EtcdArbiter);
  },
);

test('a password is in no message', async () => {
  const refused = await Promise.all(
    ['etcd://root:sesame@h:99999', 'etcd:/root:sesame@h', 'konsul://root:sesame@h', 'etcd://root:%zsesame@h'].map(
      address => openArbiter(address).catch((error: EpochvisorError) => error.line),
    ),
  );
  expect(refused.join('\n')).toMatch(/^("[^"]*" is no .*\n?){4}$/);
  expect(refused.join('\n')).not.toContain('sesame');
});
