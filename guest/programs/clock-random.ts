// Shows: readings of clock and random, with outputs in the middle of epochs, in a transcript that can be proved.
//
// Each line is `n clock random hash`: nanoseconds of the monotonic clock, 16 hexadecimal digits, and the running
// FNV-1a hash over n, clock and random of this and all earlier lines (eight bytes each, lowest first). A line that
// was lost, repeated or contradicted by what followed breaks the chain.
// Arguments: lines (1000; 0: until stdin has something or ends), work between lines (2000 steps).
import { numberArgument } from '../lib/arguments';
import { monotonicNs } from '../lib/clock';
import { println } from '../lib/console';
import { interruptEnable, Stream, streamRead } from '../lib/hardware';
import { HASH_START, hashValue, scramble } from '../lib/hash';
import { random64 } from '../lib/random';
import { hex64 } from '../lib/text';
export { interrupt } from '../lib/interrupts';

const lines = <i32>numberArgument(1, 'lines', 1000, 0, 1_000_000_000);
const work = <i32>numberArgument(2, 'work', 2000, 0, 1_000_000_000);

const input: usize = memory.data(1);
/** What comes is delivered while the guest works: it never waits. */
if (lines == 0) interruptEnable(true);

let hash = HASH_START;
for (let n = 1; lines == 0 ? streamRead(Stream.INPUT, input, 1) == 0 : n <= lines; n++) {
  const randomFirst = (n & 1) == 0;
  let drawn: u64 = randomFirst ? random64() : 0;
  const time = monotonicNs();
  if (!randomFirst) drawn = random64();
  hash = hashValue(hashValue(hashValue(hash, n), <u64>time), drawn);
  println(`${n} ${time} ${hex64(drawn)} ${hex64(hash)}`);

  // How much is done here depends on what was drawn, so that lines fall at ever other places of an epoch.
  let state = drawn;
  const steps = work + <i32>(drawn % <u64>(work + 1));
  for (let i = 0; i < steps; i++) state = scramble(state);
  if (state == drawn && steps > 0) println('scramble has a cycle');
}
