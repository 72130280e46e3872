// Shows: a device driver of one's own, on the bare hardware. Has the teller dispense k notes, and prints each. Arguments: k (10),
// careful|careless (careful). The careless driver starts an uncertain operation under a new number: a note too many.
import '../lib/abort';
import { numberArgument, textArgument } from '../lib/arguments';
import { println } from '../lib/console';
import { Device, Interrupt, interruptEnable, operationStart, TellerCommand, wait } from '../lib/hardware';

const notes = <i32>numberArgument(1, 'notes', 10, 1, 1_000_000);
const careless = textArgument(2, 'careful') == 'careless';

const enum State {
  OUTSTANDING = 0,
  DONE = 1,
  UNCERTAIN = 2,
}

/** Of the one operation that is under way. The handler may come between any two instructions: it only stores. */
let current: i64 = 0;
let state = State.DONE;

export function interrupt(kind: i32, id: i64, status: i32): void {
  if (id != current) return;
  if (kind == Interrupt.COMPLETION) state = State.DONE;
  else if (kind == Interrupt.UNCERTAIN) state = State.UNCERTAIN;
}

let next: i64 = 1;

function start(operation: i64, amount: i64): void {
  current = operation;
  state = State.OUTSTANDING;
  operationStart(operation, Device.TELLER, TellerCommand.DISPENSE, amount, 0, 0);
}

/** Returns when the note is out. Whether an uncertain one is nobody knows: the same number asks for the same operation. */
function dispense(amount: i64): void {
  const enabled = interruptEnable(false);
  start(next++, amount);
  while (state != State.DONE) {
    if (state == State.UNCERTAIN) start(careless ? next++ : current, amount);
    else wait();
  }
  interruptEnable(enabled);
}

for (let note = 1; note <= notes; note++) {
  dispense(note);
  println(`note ${note}`);
}
