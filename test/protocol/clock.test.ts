// The machine's clock (CK): never less than any value before it, on whichever host.

import { describe, expect, it } from 'vitest';
import { Clock, SOURCE_MONOTONIC, SOURCE_RANDOM, SOURCE_REAL_TIME } from '../../engine/protocol/clock.js';

describe('the clock of a machine', () => {
  it('is the host’s, where that goes forward', () => {
    const clock = new Clock();
    expect(clock.readMonotonicNs(10.9)).toBe(10);
    expect(clock.readMonotonicNs(20)).toBe(20);
    expect(clock.readRealTimeNs(7n)).toBe(7n);
  });

  it('stands still while the host’s goes back', () => {
    const clock = new Clock();
    clock.readRealTimeNs(100n);
    expect(clock.readRealTimeNs(40n)).toBe(100n);
    expect(clock.readRealTimeNs(101n)).toBe(101n);
  });

  it('goes on from the greatest value that was sent, at the pace of the survivor’s host', () => {
    const clock = new Clock();
    clock.observe(SOURCE_REAL_TIME, 5_000n);
    clock.observe(SOURCE_MONOTONIC, 900n);
    clock.observeMonotonicNs(1_000);
    clock.observe(SOURCE_MONOTONIC, 950n);
    clock.adopt(300n, 20);
    expect(clock.readRealTimeNs(301n)).toBe(5_001n);
    expect(clock.readMonotonicNs(25)).toBe(1_005);
  });

  // Seed 13913 of the simulator: a reading that was no whole number made the offset none, and all that was read from then on.
  it('gives whole ns, whatever the host reads at the promotion', () => {
    const clock = new Clock();
    clock.observeMonotonicNs(1_000);
    clock.adopt(0n, 20.75);
    expect(clock.readMonotonicNs(25.25)).toBe(1_005);
  });

  it('takes a host that is ahead as it is', () => {
    const clock = new Clock();
    clock.observe(SOURCE_REAL_TIME, 5n);
    clock.observeMonotonicNs(5);
    clock.adopt(100n, 200);
    expect(clock.readRealTimeNs(101n)).toBe(101n);
    expect(clock.readMonotonicNs(201)).toBe(201);
  });

  it('keeps its two clocks apart, and takes no random value for a time', () => {
    const clock = new Clock();
    clock.observe(SOURCE_REAL_TIME, 5_000n);
    clock.observe(SOURCE_RANDOM, 9_999n);
    clock.adopt(0n, 0);
    expect(clock.readMonotonicNs(3)).toBe(3);
    expect(clock.readRealTimeNs(0n)).toBe(5_000n);
  });
});
