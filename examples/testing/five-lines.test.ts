// Whether a guest survives failover, in five lines.

import { expect, test } from 'vitest';
import 'epochvisor/vitest';

test('my guest survives failover', async () => {
  await expect('guest/build/compute.wasm').toSurviveFailover({ args: ['20', '4'], points: 3 });
});
