// The keys and what they hold. A key whose time is over is not there, whether or not it has been taken out yet.
import { hashOf } from './bytes';
import { clearDeadline, deadlineCount, deadlineOf, earliestEntry, earliestNs, nowNs } from './deadlines';
import { Dictionary, Entry, newDictionary, NONE } from './dictionary';
import { releaseDictionary, releaseValue } from './values';

/** Keys taken out in one turn at most because their time is over: some milliseconds, in which nobody is served. */
const EXPIRED_A_TURN: i32 = 10_000;

export let keys: Dictionary = newDictionary(0);

/** Keys that were taken out because their time was over. */
export let expiredCount: i64 = 0;

function isOver(entry: Entry): bool {
  return entry.place != 0 && deadlineOf(entry) <= nowNs();
}

/** The key, or NONE. */
export function findKey(address: usize, length: i32): Entry {
  const entry = keys.find(hashOf(address, length), address, length);
  if (entry == NONE || entry.place == 0 || !isOver(entry)) return entry;
  removeKey(entry);
  expiredCount++;
  return NONE;
}

/** A key that is not there, with its value. */
export function addKey(address: usize, length: i32, value: usize): Entry {
  const entry = keys.add(hashOf(address, length), address, length);
  entry.value = value;
  return entry;
}

export function removeKey(entry: Entry): void {
  clearDeadline(entry);
  releaseValue(entry.value);
  keys.remove(entry);
}

/** Takes out what is over, as far as a turn may go. To be called when the earliest deadline has passed. */
export function expireKeys(): void {
  for (let count = 0; count < EXPIRED_A_TURN && deadlineCount > 0 && earliestNs() <= nowNs(); count++) {
    removeKey(earliestEntry());
    expiredCount++;
  }
}

export function removeAllKeys(): void {
  while (deadlineCount > 0) clearDeadline(earliestEntry());
  releaseDictionary(keys);
  keys = newDictionary(0);
}
