// What the replicas of a launched machine have measured, those that are gone among them.

import type { MachineFigures } from '../observe/machine-figures.js';
import { bothMeasured, NOTHING_MEASURED } from '../protocol/measured-times.js';
import type { ReplicaProgress } from '../replica/replica-report.js';

export const NO_FIGURES_YET: MachineFigures = {
  logBytes: 0,
  heldFor: NOTHING_MEASURED,
  roundTrips: NOTHING_MEASURED,
};

interface MeasuredReplica {
  readonly progress: ReplicaProgress | undefined;
}

export function withFigures(past: MachineFigures, replicas: readonly MeasuredReplica[]): MachineFigures {
  return replicas.reduce((sum, { progress }) => {
    if (progress === undefined) return sum;
    return {
      logBytes: sum.logBytes + progress.logBytes,
      heldFor: bothMeasured(sum.heldFor, progress.heldFor),
      roundTrips: bothMeasured(sum.roundTrips, progress.roundTrips),
    };
  }, past);
}
