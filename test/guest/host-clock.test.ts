// The host's clocks as a guest reads them, on hosts whose time of day differs from that on which the machine was described.

import { expect, test } from 'vitest';
import { HostClock } from '../../engine/guest/host-clock.js';

const MINUTE_NS = 60e9;
const nowMs = performance.timeOrigin;

test('on a host that is ten minutes behind time goes on, from the birth of the machine', () => {
  const clock = new HostClock(nowMs + 600_000, nowMs);
  const first = clock.monotonicNs();
  expect(first).toBeLessThan(MINUTE_NS);
  const realTime = clock.realTimeNs();
  expect(realTime).toBeGreaterThanOrEqual(BigInt(Math.floor(nowMs + 600_000)) * 1_000_000n);
  while (clock.monotonicNs() === first) {
    // Its next nanosecond.
  }
  expect(clock.monotonicNs()).toBeGreaterThan(first);
  expect(clock.realTimeNs()).toBeGreaterThan(realTime);
});

test('on a host that is ten minutes ahead they have passed', () => {
  const ns = new HostClock(nowMs, nowMs + 600_000).monotonicNs();
  expect(ns).toBeGreaterThanOrEqual(10 * MINUTE_NS);
  expect(ns).toBeLessThan(11 * MINUTE_NS);
});
