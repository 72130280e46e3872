// The interrupt handler: it notes what happened in preallocated memory and returns; drivers act on it after a wait.
//
// The machine may call the handler between any two instructions of the guest, in the middle of an allocation too. So
// it must not allocate, call a driver or touch a managed object: it stores into a fixed table and into globals.
// Every program hands it to the machine:
//
//     export { interrupt } from '../lib/interrupts';
//
// The table holds one slot for each outstanding operation, found by the operation's number alone:
//
//     slot = operation mod 64          0          8        12      16 bytes
//                                      | operation | status | state |
import './abort';
import { Interrupt } from './hardware';

/** Operations outstanding at once: enough to keep any one device busy, and the table is searched in one step. */
export const OPERATIONS_MAX: i32 = 64;

/** Where an operation stands. */
export const enum State {
  FREE = 0,
  OUTSTANDING = 1,
  UNCERTAIN = 2,
  DONE = 3,
}

const SLOT_BYTES: usize = 16;
const table: usize = memory.data(1024, 8);

/** Time (Tme, monotonic, nanoseconds) of the latest timer interrupt; 0 before the first. */
export let timerTimeNs: i64 = 0;
/** Timer interrupts so far. */
export let timerCount: i32 = 0;
/** Stream interrupts so far: bytes that arrived, or an end. */
export let streamCount: i32 = 0;
/** Uncertain interrupts so far. It differs from run to run: fit for stderr only. */
export let uncertainCount: i32 = 0;
/** Operations now in State.UNCERTAIN. */
export let uncertainNow: i32 = 0;

// @ts-ignore: decorator
@inline
function slotOf(operation: i64): usize {
  return table + <usize>(operation & (OPERATIONS_MAX - 1)) * SLOT_BYTES;
}

/** The handler that the machine calls, with interrupts off. */
export function interrupt(kind: Interrupt, id: i64, status: i32): void {
  if (kind == Interrupt.TIMER) {
    timerTimeNs = id;
    timerCount++;
  } else if (kind == Interrupt.STREAM) {
    streamCount++;
  } else if (kind == Interrupt.COMPLETION) {
    const slot = slotOf(id);
    if (load<i64>(slot) != id) return;
    const state = load<i32>(slot, 12);
    if (state == State.UNCERTAIN) uncertainNow--;
    else if (state != State.OUTSTANDING) return;
    store<i32>(slot, status, 8);
    store<i32>(slot, State.DONE, 12);
  } else if (kind == Interrupt.UNCERTAIN) {
    const slot = slotOf(id);
    if (load<i64>(slot) != id || load<i32>(slot, 12) != State.OUTSTANDING) return;
    store<i32>(slot, State.UNCERTAIN, 12);
    uncertainCount++;
    uncertainNow++;
  }
}

/** Whether the slot that the operation's number leads to can be used. */
export function isFree(operation: i64): bool {
  return load<i32>(slotOf(operation), 12) == State.FREE;
}

/** Notes that an operation is under way. Must precede its start: its interrupt may come at once. */
export function expect(operation: i64): void {
  const slot = slotOf(operation);
  assert(load<i32>(slot, 12) == State.FREE, 'the slot of a new operation is free');
  store<i64>(slot, operation);
  store<i32>(slot, State.OUTSTANDING, 12);
}

/** Notes that an uncertain operation is under way again. */
export function expectAgain(operation: i64): void {
  const slot = slotOf(operation);
  assert(load<i64>(slot) == operation && load<i32>(slot, 12) == State.UNCERTAIN, 'only what is uncertain is repeated');
  store<i32>(slot, State.OUTSTANDING, 12);
  uncertainNow--;
}

/** Ends an operation that the machine refused to start. */
export function refuse(operation: i64, status: i32): void {
  const slot = slotOf(operation);
  assert(load<i64>(slot) == operation && load<i32>(slot, 12) == State.OUTSTANDING, 'only what was started is refused');
  store<i32>(slot, status, 8);
  store<i32>(slot, State.DONE, 12);
}

/** Where the operation stands. */
export function stateOf(operation: i64): State {
  const slot = slotOf(operation);
  return load<i64>(slot) == operation ? load<i32>(slot, 12) : State.FREE;
}

/** The completion's status, once the state is DONE. */
export function statusOf(operation: i64): i32 {
  return load<i32>(slotOf(operation), 8);
}

/** Gives the slot back: the operation's outcome is known, or its driver gives up. */
export function forget(operation: i64): void {
  const slot = slotOf(operation);
  if (load<i32>(slot, 12) == State.UNCERTAIN) uncertainNow--;
  store<i32>(slot, State.FREE, 12);
}
