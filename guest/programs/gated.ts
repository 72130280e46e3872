// Shows: work of a length that somebody else decides. A line a round until stdin has something or ends, then their number.
// Arguments: work a round (100000), rounds (0 = as many as there are until then; else stdin is left alone).
import { numberArgument } from '../lib/arguments';
import { println } from '../lib/console';
import { interruptEnable, Stream, streamRead } from '../lib/hardware';
import { HASH_START, scramble } from '../lib/hash';
import { hex64 } from '../lib/text';
export { interrupt } from '../lib/interrupts';

const work = <i32>numberArgument(1, 'work', 100_000, 1, 1_000_000_000);
const rounds = numberArgument(2, 'rounds', 0, 0, 1 << 40);

const WORDS: i32 = 1 << 12;
const words = new StaticArray<u64>(WORDS);
const input: usize = memory.data(1);

/** What comes is delivered while the guest works: it never waits. */
interruptEnable(true);

let hash = HASH_START;
let done: i64 = 0;
while (rounds == 0 ? streamRead(Stream.INPUT, input, 1) == 0 : done < rounds) {
  for (let step = 0; step < work; step++) {
    const at = <i32>(hash & (WORDS - 1));
    hash = scramble(hash + unchecked(words[at]) + step);
    unchecked((words[at] = hash));
  }
  println(`${++done} ${hex64(hash)}`);
}
println(`${done} rounds`);
