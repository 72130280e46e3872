// Shows: nothing. Runs for ever without output, for tests of lag and of kills.
import { scramble } from '../lib/hash';
export { interrupt } from '../lib/interrupts';

const place: usize = memory.data(8);
while (true) store<u64>(place, scramble(load<u64>(place)));
