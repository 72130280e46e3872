// Shows: timer interrupts. Prints N tick numbers, one every M milliseconds. Arguments: N (10), M (100).
import { numberArgument } from '../lib/arguments';
import { println } from '../lib/console';
import { interruptEnable } from '../lib/hardware';
import { MILLISECOND_NS, Period } from '../lib/timer';
export { interrupt } from '../lib/interrupts';

const ticks = <i32>numberArgument(1, 'ticks', 10, 1, 1_000_000_000);
const periodMs = numberArgument(2, 'period', 100, 1, 86_400_000);

interruptEnable(true);
const period = new Period(periodMs * MILLISECOND_NS);
for (let tick = 1; tick <= ticks; tick++) {
  period.next();
  println(`tick ${tick}`);
}
