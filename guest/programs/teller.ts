// Shows: a device that must not repeat. Dispenses k notes and prints each. Arguments: k (10), repeat|report (repeat).
// With `report`, for a bus without operation ids, an uncertain dispense is not repeated but told to the customer.
import { numberArgument, refuseArgument, textArgument } from '../lib/arguments';
import { println, printlnError } from '../lib/console';
import { exit } from '../lib/hardware';
import { Uncertain } from '../lib/operations';
import { isUncertain, Teller } from '../lib/teller';
export { interrupt } from '../lib/interrupts';

const notes = <i32>numberArgument(1, 'notes', 10, 1, 1_000_000_000);
const policy = textArgument(2, 'repeat');
if (policy != 'repeat' && policy != 'report') refuseArgument(`the second argument is 'repeat' or 'report', not '${policy}'`);

const teller = new Teller(policy == 'report' ? Uncertain.REPORT : Uncertain.REPEAT);
let uncertain = 0;
for (let note = 1; note <= notes; note++) {
  const status = teller.dispense(note);
  if (isUncertain(status)) {
    uncertain++;
    println(`note ${note} uncertain: please count your notes`);
  } else if (status < 0) {
    printlnError(`teller: note ${note} failed with status ${status}`);
    exit(1);
  } else {
    println(`note ${note} dispensed`);
  }
}
if (uncertain > 0) exit(3);
