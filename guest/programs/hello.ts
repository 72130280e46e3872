// Shows: the smallest guest. One line of output, then the end.
import { println } from '../lib/console';
export { interrupt } from '../lib/interrupts';

println('Hello from a machine that does not fail.');
