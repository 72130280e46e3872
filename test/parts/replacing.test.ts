// When an agent starts another replica, and when it does not.

import { expect, test } from 'vitest';
import { Replacing } from '../../engine/parts/replacing.js';

const killed = { reason: 'killed by SIGKILL', killed: true };
const halted = (code: string) => ({ reason: `halted: ${code}`, killed: false, halted: { code, message: code } });

test('the pause grows up to a bound while replicas end soon, and what ends them is said once', () => {
  const replacing = new Replacing();
  const decided = Array.from({ length: 8 }, () => replacing.ended(killed, 0));
  expect(decided.map(one => one.type === 'again' && one.delayMs)).toEqual([
    200, 400, 800, 1600, 3200, 5000, 5000, 5000,
  ]);
  expect(decided.map(one => one.type === 'again' && one.isNews)).toEqual([true, ...Array(7).fill(false)]);
  expect(replacing.ended(halted('DIVERGED'), 9_999)).toEqual({ type: 'again', delayMs: 5000, isNews: true });
});

test('one that was part of the machine for a while has mended what was', () => {
  const replacing = new Replacing();
  for (let times = 0; times < 5; times++) replacing.ended(killed, 0);
  expect(replacing.ended(killed, 10_000)).toEqual({ type: 'again', delayMs: 200, isNews: true });
});

test.each(['PEER_REFUSED', 'MODULE_CHANGED', 'VIEW_CORRUPT', 'PORT_IN_USE'])('%s is not a matter of time', code => {
  expect(new Replacing().ended(halted(code), 60_000)).toEqual({ type: 'never' });
});

test.each(['VIEW_LOST', 'FENCED', 'JOIN_LOST', 'BUS_LOST', 'DIVERGED', 'GUEST_THREAD', 'DEFECT'])('%s is', code => {
  expect(new Replacing().ended(halted(code), 0)).toMatchObject({ type: 'again' });
});
