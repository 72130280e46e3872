// The clocks. Each reading is an environment instruction: both replicas see the same value.
import * as hardware from './hardware';

/** Nanoseconds since some fixed instant; never goes backwards, also across a failover. */
export function monotonicNs(): i64 {
  return hardware.clock(hardware.Clock.MONOTONIC);
}

/** Nanoseconds since 1970. */
export function realTimeNs(): i64 {
  return hardware.clock(hardware.Clock.REAL);
}
