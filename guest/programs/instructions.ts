// Shows: what environment instructions cost: many of one kind, between two lines.
// Arguments: clock, random, line or nothing (clock), how many (100,000).
import { numberArgument, refuseArgument, textArgument } from '../lib/arguments';
import { monotonicNs } from '../lib/clock';
import { println } from '../lib/console';
import { scramble } from '../lib/hash';
import { random64 } from '../lib/random';
export { interrupt } from '../lib/interrupts';

const kind = textArgument(1, 'clock');
const count = <i32>numberArgument(2, 'count', 100_000, 1, 1_000_000_000);

let state: u64 = 1;
println('begin');
if (kind == 'clock') for (let n = 0; n < count; n++) state = scramble(state ^ <u64>monotonicNs());
else if (kind == 'random') for (let n = 0; n < count; n++) state = scramble(state ^ random64());
else if (kind == 'nothing') for (let n = 0; n < count; n++) state = scramble(state);
else if (kind == 'line') for (let n = 0; n < count; n++) println('a line of text');
else refuseArgument(`the first argument is clock, random, line or nothing, not '${kind}'`);
// It is a chain of what was read: no compiler may leave it out.
println(state == 0 ? 'ended' : 'end');
