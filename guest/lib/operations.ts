// Operations at devices, asynchronous: started under a number of the guest's own, awaited, repeated where uncertain.
//
// An operation that was outstanding when the primary died ends in an uncertain interrupt: it may or may not have been
// performed (rules P8 and IO2). The answer is to start it again under the same number: where the bus knows
// operations by number it performs each once, elsewhere the device must bear a repeat. A device that cannot (a
// teller on a bus without operation ids) is driven with `Uncertain.REPORT`.
import { interruptEnable, operationStart, Status, wait } from './hardware';
import * as interrupts from './interrupts';
import { OPERATIONS_MAX, State } from './interrupts';

/** What a driver does with an uncertain operation. */
export const enum Uncertain {
  /** Start it again under the same number. */
  REPEAT = 0,
  /** Answer Status.UNCERTAIN and leave it to the caller. */
  REPORT = 1,
}

/** Repeats of uncertain operations so far. It differs from run to run: fit for stderr only. */
export let repeatCount: i32 = 0;

let nextNumber: i64 = 1;
/** Operations that have a slot, in any order; the first `livingCount` entries are in use. */
const living = new StaticArray<Operation | null>(OPERATIONS_MAX);
let livingCount: i32 = 0;

/**
 * Starts an operation. Its bytes must stay as they are until it is finished: a repeat sends them again.
 * @param bytes what is written, or where a read's data goes; null for commands without data
 * @param from where in `bytes` the data begins
 */
export function startOperation(
  device: i32,
  command: i32,
  argument: i64,
  bytes: Uint8Array | null,
  from: i32,
  length: i32,
  uncertain: Uncertain,
): Operation {
  const operation = new Operation(device, command, argument, bytes, from, length, uncertain);
  operation.launch();
  return operation;
}

/** One operation, from its start until `finish` has answered. */
export class Operation {
  /** The guest's number for it; 0 where it never got one. */
  number: i64 = 0;
  private status: i32 = 0;
  private finished: bool = false;

  /** Made by `startOperation` only. */
  constructor(
    private device: i32,
    private command: i32,
    private argument: i64,
    private bytes: Uint8Array | null,
    private from: i32,
    private length: i32,
    private uncertain: Uncertain,
  ) {}

  /** Gives the operation a number and a slot, and starts it. */
  launch(): void {
    const bytes = this.bytes;
    if (bytes != null && (this.from < 0 || this.length < 0 || this.from > bytes.length - this.length)) {
      this.end(Status.RANGE);
    } else if (livingCount == OPERATIONS_MAX) {
      this.end(Status.BUSY);
    } else {
      // Numbers whose slot is still taken by an operation long under way are passed over.
      while (!interrupts.isFree(nextNumber)) nextNumber++;
      this.number = nextNumber++;
      living[livingCount++] = this;
      interrupts.expect(this.number);
      this.start();
    }
  }

  /** Waits for the outcome: bytes moved, or a negative status. Repeats whatever has become uncertain meanwhile. */
  finish(): i32 {
    if (this.finished) return this.status;
    const enabled = interruptEnable(false);
    while (true) {
      if (interrupts.uncertainNow > 0) repeatUncertain();
      const state = interrupts.stateOf(this.number);
      if (state == State.DONE) {
        this.end(interrupts.statusOf(this.number));
        break;
      }
      if (state == State.UNCERTAIN) {
        this.end(Status.UNCERTAIN);
        break;
      }
      wait();
    }
    interruptEnable(enabled);
    return this.status;
  }

  /** Starts it again under its number, if that is how its driver answers an uncertain interrupt. */
  repeat(): void {
    if (this.uncertain == Uncertain.REPORT) return;
    repeatCount++;
    interrupts.expectAgain(this.number);
    this.start();
  }

  private start(): void {
    const bytes = this.bytes;
    const address: usize = bytes == null ? 0 : bytes.dataStart + <usize>this.from;
    const answer = operationStart(this.number, this.device, this.command, this.argument, address, this.length);
    if (answer < 0) interrupts.refuse(this.number, answer);
  }

  private end(status: i32): void {
    this.finished = true;
    this.status = status;
    if (this.number == 0) return;
    interrupts.forget(this.number);
    this.bytes = null;
    let at = 0;
    while (living[at] != this) at++;
    living[at] = living[--livingCount];
    living[livingCount] = null;
  }
}

/** Repeats uncertain operations in the order of their numbers, so that a device sees them as it did the first time. */
function repeatUncertain(): void {
  let after: i64 = 0;
  while (true) {
    let first: Operation | null = null;
    for (let i = 0; i < livingCount; i++) {
      const operation = living[i]!;
      if (operation.number <= after || interrupts.stateOf(operation.number) != State.UNCERTAIN) continue;
      if (first == null || operation.number < first.number) first = operation;
    }
    if (first == null) return;
    after = first.number;
    first.repeat();
  }
}
