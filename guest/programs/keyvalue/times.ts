// Times to live, as commands give them: for how long or until when, in seconds or milliseconds.
import { realTimeNs } from '../../lib/clock';
import { integer, isInteger, tellName } from './command';
import { nowNs } from './deadlines';
import { tellText } from './reply';

const MILLISECOND_NS: i64 = 1_000_000;
/** 285 years: nanoseconds of 64 bits end seven years later. Redis counts milliseconds, and refuses what is longer still. */
const LONGEST_MS: i64 = 9_000_000_000_000;

export const enum Unit {
  SECONDS = 0,
  MILLISECONDS = 1,
}

export const enum From {
  NOW = 0,
  /** 1970, by the clock that tells the time of day: it is asked once, for how long that is from now. */
  EPOCH = 1,
}

/** The deadline that the latest successful `readDeadline` has read, ns of the monotonic clock; it may be over. */
export let readNs: i64 = 0;

/** Reads a deadline from an argument; false: it is none, and the client has been told. */
export function readDeadline(argument: i32, unit: Unit, from: From, mustBePositive: bool): bool {
  if (!isInteger(argument)) return false;
  let milliseconds = integer();
  const unitMs: i64 = unit == Unit.SECONDS ? 1000 : 1;
  const isTooGreat = milliseconds > LONGEST_MS / unitMs || milliseconds < i64.MIN_VALUE / unitMs;
  if (isTooGreat || (mustBePositive && milliseconds <= 0)) {
    tellText("-ERR invalid expire time in '");
    tellName();
    tellText("' command\r\n");
    return false;
  }
  milliseconds *= unitMs;
  if (from == From.EPOCH) milliseconds = max(milliseconds, 0) - realTimeNs() / MILLISECOND_NS;
  // What is over is over, however long.
  readNs = nowNs() + max(milliseconds, -1) * MILLISECOND_NS;
  return true;
}

/** What is left until a deadline, in whole milliseconds. */
export function leftMs(deadlineNs: i64): i64 {
  return (deadlineNs - nowNs() + MILLISECOND_NS - 1) / MILLISECOND_NS;
}
