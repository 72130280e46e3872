// Clocks and the interval timer: sleeps that end in time whatever else happens, and periods that do not drift.
import { beforeAll, describe, expect, it } from 'vitest';
import { compileDrivers, type DriverLibrary } from './driver-library.js';
import type { FakeWorld } from './fake-machine.js';

let load: (world?: FakeWorld) => DriverLibrary;
beforeAll(async () => {
  load = await compileDrivers();
});

describe('sleeping', () => {
  it('ends at the deadline, though input arrives and ends meanwhile', () => {
    const library = load({ input: [1000, 2000, 3000].map(atNs => ({ atNs, bytes: 'x' })) });
    const wokenNs = library.exports.sleepUntil(50_000n);
    expect(wokenNs).toBeGreaterThanOrEqual(50_000n);
    expect(wokenNs).toBeLessThan(51_000n);
    expect(library.exports.timerInterrupts()).toBe(1);
  });

  it('returns for a deadline that has passed', () => {
    const library = load();
    const nowNs = library.exports.sleepUntil(10_000n);
    expect(library.exports.sleepUntil(5_000n)).toBeGreaterThanOrEqual(nowNs);
    expect(library.exports.sleepUntil(0n)).toBeGreaterThanOrEqual(nowNs);
    expect(library.exports.sleepUntil(-1n)).toBeGreaterThanOrEqual(nowNs);
  });

  it('loses no wake-up, wherever the deadline falls', () => {
    for (let deadlineNs = 1n; deadlineNs < 3000n; deadlineNs += 50n) {
      const library = load();
      library.exports.interruptEnable(true);
      expect(library.exports.sleepUntil(deadlineNs)).toBeGreaterThanOrEqual(deadlineNs);
      expect(library.exports.interruptEnable(false)).toBe(1);
    }
  });
});

describe('a period', () => {
  it('does not drift', () => {
    const library = load();
    const startNs = library.devices.nowNs;
    expect(library.exports.tick(10_000n, 100)).toBeLessThan(1_000n);
    expect(library.devices.nowNs - startNs).toBeLessThan(1_002_000n);
  });

  it('gives up no tick when it is late', () => {
    const library = load();
    // The first tick is waited for; the four after it have long passed by then, and leave no timer armed.
    expect(library.exports.tick(1n, 5)).toBeGreaterThan(0n);
    expect(library.exports.timerInterrupts()).toBe(1);
    library.exports.interruptEnable(true);
    library.exports.monotonicNs();
    expect(library.exports.timerInterrupts()).toBe(1);
  });
});

describe('clocks', () => {
  it('answer what the machine says', () => {
    const library = load();
    library.devices.nowNs = 5_000n;
    expect(library.exports.monotonicNs()).toBe(5_100n);
    expect(library.exports.realTimeNs()).toBe(5_200n);
  });
});
