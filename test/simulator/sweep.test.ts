// A small run, struck at each of its steps: no point of it is special.

import { describe, expect, it } from 'vitest';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import type { Fault } from '../../engine/simulator/faults.js';
import { choosePair, type RunOptions } from '../../engine/simulator/run-plan.js';
import { simulate } from '../../engine/simulator/simulated-run.js';

/** Fourteen steps of a guest that talks to both devices and both streams; the network is about as fast as the guest. */
const SMALL: RunOptions = {
  ...choosePair(11),
  seed: 11,
  replicas: 2,
  epochLength: 20,
  guestSteps: 14,
  instructionNs: 1_000,
  networkNs: [1e4, 1e5],
  deviceNs: [1e4, 2e5],
  arbiterNs: [1e5, 1e6],
  arbiterLossProbability: 0.2,
  ringNs: 1e4,
  faults: [],
};

/** Steps of the run without faults. */
function steps(run: RunOptions): number {
  return simulate(run).steps;
}

function sweep(run: RunOptions, strike: (atStep: number) => Fault[], stride = 1): number {
  let failovers = 0;
  const last = steps(run);
  for (let atStep = 0; atStep < last; atStep += stride) {
    const { failure, coverage } = simulate({ ...run, faults: strike(atStep) });
    expect(failure, `struck at step ${atStep} of ${last}`).toBeUndefined();
    failovers += coverage.failovers;
  }
  return failovers;
}

const WORLDS = VARIANTS.flatMap(variant => [true, false].map(operationIds => ({ variant, operationIds })));

describe.each(WORLDS)('$variant, operation ids $operationIds: at every step', world => {
  const run = { ...SMALL, ...world };

  it('the primary is killed, and the backup goes on', () => {
    expect(sweep(run, atStep => [{ kind: 'kill', replica: 0, atStep }])).toBeGreaterThan(50);
  });

  it('the backup is killed, and the primary goes on alone', () => {
    expect(sweep(run, atStep => [{ kind: 'kill', replica: 1, atStep }])).toBe(0);
  });

  it('the primary is stopped for longer than the suspicion time, wakes up, and is refused', () => {
    const pause = (atStep: number): Fault[] => [
      { kind: 'pause', replica: 0, what: 'process', durationNs: 1.5e8, atStep },
    ];
    expect(sweep(run, pause, 2)).toBeGreaterThan(20);
  });

  it('the connection between the replicas is reset: one of them goes on', () => {
    sweep(run, atStep => [{ kind: 'reset', path: 'peers', atStep }], 2);
  });

  it('the connection of the primary to the bus is reset: it attaches again', () => {
    sweep(run, atStep => [{ kind: 'reset', path: 'bus 0', atStep }], 2);
  });
});

describe('two faults, the second soon after the first', () => {
  it('the primary is killed, then the arbiter cannot be reached: the survivor waits for it', () => {
    const both = (atStep: number): Fault[] => [
      { kind: 'kill', replica: 0, atStep },
      { kind: 'arbiterOutage', silent: false, durationNs: 3e8, atStep },
    ];
    expect(sweep(SMALL, both, 3)).toBeGreaterThan(20);
  });

  it('the survivor loses its connection to the bus while it takes over', () => {
    for (const later of [10, 40, 80]) {
      const both = (atStep: number): Fault[] => [
        { kind: 'kill', replica: 0, atStep },
        { kind: 'reset', path: 'bus 1', atStep: atStep + later },
      ];
      sweep(SMALL, both, 5);
    }
  });

  it('both are killed: the machine is lost, and nothing contradicts what was seen of it', () => {
    for (const later of [1, 20, 60]) {
      const both = (atStep: number): Fault[] => [
        { kind: 'kill', replica: 0, atStep },
        { kind: 'kill', replica: 1, atStep: atStep + later },
      ];
      sweep(SMALL, both, 5);
    }
  });
});
