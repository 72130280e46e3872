// When keys end: a heap of deadlines, so that the earliest is known, and a key that goes takes its deadline along.
//
// Time is the monotonic clock's: it never goes back, also where another machine goes on as the primary, so that no key that
// is gone comes back. Each reading is logged and sent to the backup. So the clock is read once a turn of the main loop at
// the most, and only where somebody asks.
//
//     slot      0             8       12      16 bytes, slot 0 is unused
//               | deadline ns | entry | none |            entry.place is its slot
import { monotonicNs } from '../../lib/clock';
import { Entry } from './dictionary';
import { allocate, resize } from './memory';

const SLOT_SHIFT: usize = 4;
const SLOTS_LEAST: u32 = 64;

let slots: usize = 0;
let capacity: u32 = 0;
/** Keys that have a deadline. */
export let deadlineCount: u32 = 0;

let turnNs: i64 = 0;

/** A turn begins: what the clock read before is past. */
export function beginTurn(): void {
  turnNs = 0;
}

/** Now, the same for the whole turn. */
export function nowNs(): i64 {
  if (turnNs == 0) turnNs = monotonicNs();
  return turnNs;
}

// @ts-ignore: decorator
@inline
function slotAt(place: u32): usize {
  return slots + (<usize>place << SLOT_SHIFT);
}

function put(place: u32, deadlineNs: i64, entry: Entry): void {
  const slot = slotAt(place);
  store<i64>(slot, deadlineNs);
  store<Entry>(slot, entry, 8);
  entry.place = place;
}

/** Moves what belongs to a free place up or down to where it may stand. */
function settle(free: u32, deadlineNs: i64, entry: Entry): void {
  let place = free;
  while (place > 1) {
    const above = slotAt(place >> 1);
    if (load<i64>(above) <= deadlineNs) break;
    put(place, load<i64>(above), load<Entry>(above, 8));
    place >>= 1;
  }
  while (place << 1 <= deadlineCount) {
    let below = place << 1;
    if (below < deadlineCount && load<i64>(slotAt(below + 1)) < load<i64>(slotAt(below))) below++;
    const slot = slotAt(below);
    if (load<i64>(slot) >= deadlineNs) break;
    put(place, load<i64>(slot), load<Entry>(slot, 8));
    place = below;
  }
  put(place, deadlineNs, entry);
}

/** Gives a key a deadline, in place of the one that it may have. */
export function setDeadline(entry: Entry, deadlineNs: i64): void {
  if (entry.place != 0) {
    settle(entry.place, deadlineNs, entry);
    return;
  }
  deadlineCount++;
  if (deadlineCount >= capacity) {
    capacity = max(SLOTS_LEAST, capacity << 1);
    const bytes = <usize>capacity << SLOT_SHIFT;
    slots = slots == 0 ? allocate(bytes) : resize(slots, bytes);
  }
  settle(deadlineCount, deadlineNs, entry);
}

/** The key has no deadline any more. */
export function clearDeadline(entry: Entry): void {
  const place = entry.place;
  if (place == 0) return;
  entry.place = 0;
  const last = slotAt(deadlineCount--);
  if (place <= deadlineCount) settle(place, load<i64>(last), load<Entry>(last, 8));
  if (deadlineCount < capacity >> 2 && capacity > SLOTS_LEAST) {
    capacity >>= 1;
    slots = resize(slots, <usize>capacity << SLOT_SHIFT);
  }
}

/** The deadline of a key that has one. */
export function deadlineOf(entry: Entry): i64 {
  return load<i64>(slotAt(entry.place));
}

/** The earliest deadline; there is one. */
export function earliestNs(): i64 {
  return load<i64>(slotAt(1));
}

export function earliestEntry(): Entry {
  return load<Entry>(slotAt(1), 8);
}
