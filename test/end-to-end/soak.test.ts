// The soak, for a few kills: `npm run soak` does it for ten minutes.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { generator } from './seeds.js';

const SOAK = fileURLToPath(new URL('../../dist/bench/soak/main.js', import.meta.url));
const seed = String(Math.floor(generator()() * 1e6));

test.each(['2', '3'])(
  'kill after kill, %s replicas: what comes out is what one undisturbed machine writes',
  replicas => {
    const args = [
      join(SOAK),
      '--kills',
      '8',
      '--minutes',
      '0',
      '--mebibytes',
      '4',
      '--replicas',
      replicas,
      '--seed',
      seed,
    ];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stdout + stderr).toContain('are those of the plain machine');
    expect(status).toBe(0);
  },
);
