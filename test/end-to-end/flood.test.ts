// A machine with megabytes of output under way loses its replicas, and no byte: bench/flood goes on for a thousand.

import { expect, it } from 'vitest';
import { expectedOf, faultOf, flooded, planOf } from '../../bench/flood/flooded.js';

it.each([
  ['a fast reader, the primary', { kibibytes: 20_000, stallMs: 0, kills: [{ role: 'primary', afterMs: 40 }] }],
  ['a fast reader, the primary at once', { kibibytes: 64_000, stallMs: 0, kills: [{ role: 'primary', afterMs: 0 }] }],
  ['a slow reader, the primary', { kibibytes: 8_000, stallMs: 4, kills: [{ role: 'primary', afterMs: 120 }] }],
  ['a slow reader, the backup', { kibibytes: 8_000, stallMs: 4, kills: [{ role: 'backup', afterMs: 80 }] }],
  [
    'a slow reader, the primary, and who took over',
    {
      kibibytes: 8_000,
      stallMs: 10,
      replicas: 3,
      kills: [
        { role: 'primary', afterMs: 60 },
        { role: 'primary', afterMs: 150 },
      ],
    },
  ],
] as const)('much output is whole: %s is killed', async (_, planned) => {
  const plan = { ...planOf(1), replicas: 2, ...planned } as const;
  const outcome = await flooded(plan);
  expect(faultOf(outcome, await expectedOf(plan)), outcome.stderr).toBeUndefined();
  expect(outcome.kills, 'no pass where no kill landed').toBeGreaterThan(0);
});
