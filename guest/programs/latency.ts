// Shows: how late timer interrupts come. Prints, for each, the nanoseconds from its deadline to the clock's reading
// after it. Arguments: samples (20), period in milliseconds (10), busy|idle (busy: the guest computes meanwhile).
import { numberArgument, refuseArgument, textArgument } from '../lib/arguments';
import { monotonicNs } from '../lib/clock';
import { println } from '../lib/console';
import { interruptEnable, timerSet } from '../lib/hardware';
import { scramble } from '../lib/hash';
import { timerCount } from '../lib/interrupts';
import { MILLISECOND_NS, sleepUntil } from '../lib/timer';
export { interrupt } from '../lib/interrupts';

const samples = <i32>numberArgument(1, 'samples', 20, 1, 1_000_000_000);
const periodMs = numberArgument(2, 'period', 10, 1, 86_400_000);
const mode = textArgument(3, 'busy');
if (mode != 'busy' && mode != 'idle') refuseArgument(`the third argument is 'busy' or 'idle', not '${mode}'`);

/** Computes until the interrupt has been handled. */
function computeUntil(deadlineNs: i64): u64 {
  const seen = timerCount;
  let state: u64 = 1;
  timerSet(deadlineNs);
  while (timerCount == seen) {
    for (let i = 0; i < 100; i++) state = scramble(state);
    // Interrupts are on already. A machine that delivers only at its own instructions gets its chance here.
    interruptEnable(true);
  }
  return state;
}

interruptEnable(true);
let state: u64 = 0;
for (let sample = 1; sample <= samples; sample++) {
  const deadlineNs = monotonicNs() + periodMs * MILLISECOND_NS;
  if (mode == 'busy') state ^= computeUntil(deadlineNs);
  else sleepUntil(deadlineNs);
  println(`${sample} ${monotonicNs() - deadlineNs}`);
}
if (state == 1) println('scramble has a cycle');
