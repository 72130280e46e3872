// Shows: a guest for tests, which does what it is told on stdin and ends when it is told: nobody guesses how long it takes.
// A command a line: print TEXT, work N (N rounds, then their hash), end [STATUS]. The end of stdin is an end with status 0.
import { println, printlnError, readLine } from '../lib/console';
import { exit } from '../lib/hardware';
import { HASH_START, scramble } from '../lib/hash';
import { hex64 } from '../lib/text';
export { interrupt } from '../lib/interrupts';

const WORDS: i32 = 1 << 12;
const words = new StaticArray<u64>(WORDS);
let hash = HASH_START;

/** What it has done is in its memory, and in every hash that follows. */
function work(rounds: i32): void {
  for (let round = 0; round < rounds; round++) {
    const at = <i32>(hash & (WORDS - 1));
    hash = scramble(hash + unchecked(words[at]) + round);
    unchecked((words[at] = hash));
  }
  println(`worked ${rounds}: ${hex64(hash)}`);
}

for (let line = readLine(); line != null; line = readLine()) {
  const space = line.indexOf(' ');
  const command = space < 0 ? line : line.substring(0, space);
  const argument = space < 0 ? '' : line.substring(space + 1);
  if (command == 'print') {
    println(argument);
  } else if (command == 'work') {
    work(<i32>parseInt(argument));
  } else if (command == 'end') {
    exit(argument == '' ? 0 : <i32>parseInt(argument));
  } else {
    printlnError(`told: print TEXT, work N or end [STATUS], not '${line}'`);
    exit(2);
  }
}
