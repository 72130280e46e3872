// The reference in docs is what the code has: a flag, a field or an error code that is new is in it, or this is red.

import { expect, test } from 'vitest';
import { reference } from './reference.js';

test('docs/reference.md has every verb, flag, field of the status and error code', async () => {
  const text = await reference();
  for (const known of ['`--durability <WHAT>`', '`PORT_IN_USE`', '`lagMs`']) expect(text).toContain(known);
  await expect(text).toMatchFileSnapshot('../../docs/reference.md');
});
