// The page that explains the protocol cites each rule, and none that there is not.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RULES } from '../../engine/protocol/rules.js';

test('docs/protocol.md explains every rule of the protocol, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/protocol.md'), 'utf8');
  const cited = [...page.matchAll(/\(([A-Z][A-Z0-9](?:, [A-Z][A-Z0-9])*)\)|; ([A-Z][A-Z0-9])\)/g)];
  const labels = new Set(cited.flatMap(([, several, one]) => (several ?? one)!.split(', ')));
  expect([...labels].sort()).toEqual(Object.keys(RULES).sort());
});
