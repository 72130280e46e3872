// Randomness from outside, logged: both replicas draw the same.
import * as hardware from './hardware';

/** 64 random bits. */
export function random64(): u64 {
  return <u64>hardware.random();
}
