// A batch program: it reads its input, works, writes, and ends. Killed anywhere, it writes what it always writes.

import { launch, spread, sweep } from 'epochvisor/testing';
import { expect, test } from 'vitest';
import 'epochvisor/vitest';

const guest = 'guest/build/echo.wasm';
const stdin = 'one\ntwo\nthree\n';

test('it survives the death of its primary, wherever that comes', async () => {
  await expect(guest).toSurviveFailover({ stdin, points: 2 });
});

test('killed in the middle of an epoch, it ends as if nothing had been', async () => {
  await using machine = await launch(guest, { stdin, epochLength: 1_000 });
  const { proof } = await machine.killPrimary({ epoch: 1, instruction: 500 });
  expect(proof?.epoch).toBe(1);
  await machine.expectSameAs('1: one\n2: two\n3: three\n3 lines\n');
});

test('the same, at points of a run of 4,000 instructions, with two backups', async () => {
  await sweep(spread(2, 4_000), async point => {
    await using machine = await launch(guest, { stdin, replicas: 3 });
    await machine.killPrimary(point);
    await expect(machine).toEqualUndisturbed();
  });
});
