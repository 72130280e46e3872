// Times to live, as commands give them: for how long or until when, in seconds or milliseconds.
import { realTimeNs } from '../../lib/clock';
import { argumentAt, integer, isInteger, lengthOf } from './command';
import { nowNs } from './deadlines';
import { tellBytes, tellText } from './reply';

const MILLISECOND_NS: i64 = 1_000_000;
/** 285 years. Whatever would live longer lives as long: nanoseconds of 64 bits end seven years later. */
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
  const isTooGreat = unit == Unit.SECONDS && (milliseconds > i64.MAX_VALUE / 1000 || milliseconds < i64.MIN_VALUE / 1000);
  if (isTooGreat || (mustBePositive && milliseconds <= 0)) {
    tellText("-ERR invalid expire time in '");
    tellBytes(argumentAt(0), lengthOf(0));
    tellText("' command\r\n");
    return false;
  }
  if (unit == Unit.SECONDS) milliseconds *= 1000;
  if (from == From.EPOCH) milliseconds = max(milliseconds, 0) - realTimeNs() / MILLISECOND_NS;
  milliseconds = min(max(milliseconds, -LONGEST_MS), LONGEST_MS);
  readNs = min(nowNs(), i64.MAX_VALUE - LONGEST_MS * MILLISECOND_NS) + milliseconds * MILLISECOND_NS;
  return true;
}

/** What is left until a deadline, in whole milliseconds. */
export function leftMs(deadlineNs: i64): i64 {
  return (deadlineNs - nowNs() + MILLISECOND_NS - 1) / MILLISECOND_NS;
}
