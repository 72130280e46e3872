// Shows: pure computation, in the manner of Dhrystone: records, strings, calls and branches on integers, no output
// until the checksum at the end. Argument: iterations (50,000,000).
import { numberArgument } from '../lib/arguments';
import { println } from '../lib/console';
import { HASH_START, hashValue } from '../lib/hash';
import { hex64 } from '../lib/text';
export { interrupt } from '../lib/interrupts';

class Entry {
  next: Entry | null = null;
  discriminant: i32 = 0;
  choice: i32 = 2;
  amount: i32 = 40;
  text: StaticArray<u8> = new StaticArray<u8>(32);
}

const numbers = new StaticArray<i32>(64);
const table = new StaticArray<i32>(64 * 64);
const entry = new Entry();
const other = new Entry();
entry.next = other;
for (let i = 0; i < 32; i++) {
  entry.text[i] = <u8>(65 + (i % 26));
  other.text[i] = <u8>(65 + ((i + (i == 24 ? 1 : 0)) % 26));
}

function choose(choice: i32, amount: i32): i32 {
  switch (choice) {
    case 0:
      return 1;
    case 1:
      return amount > 100 ? 0 : 3;
    case 2:
      return 1;
    case 3:
      return 2;
    default:
      return 0;
  }
}

/** Position of the first difference, as a string comparison finds it. */
function firstDifference(a: StaticArray<u8>, b: StaticArray<u8>): i32 {
  let at = 0;
  while (at < 32 && unchecked(a[at]) == unchecked(b[at])) at++;
  return at;
}

function copyEntry(from: Entry, to: Entry): void {
  to.discriminant = from.discriminant;
  to.choice = choose(from.choice, from.amount);
  to.amount = from.amount + 1;
  if (to.amount > 1000) to.amount = 40;
}

function storeAround(index: i32, value: i32): void {
  const place = index & 31;
  unchecked((numbers[place] = value));
  unchecked((numbers[place + 1] = unchecked(numbers[place])));
  unchecked((numbers[place + 30] = place));
  for (let column = place; column <= place + 1; column++) unchecked((table[place * 64 + column] = place));
  unchecked((table[place * 64 + place + 20] = unchecked(numbers[place])));
}

const iterations = <i32>numberArgument(1, 'iterations', 50_000_000, 1, 2_000_000_000);
let sum: i32 = 0;
for (let i = 0; i < iterations; i++) {
  const difference = firstDifference(entry.text, other.text);
  copyEntry(i % 3 == 0 ? other : entry, i % 3 == 0 ? entry : other);
  let product = (difference + i) * (entry.amount | 1);
  const quotient = product / (other.amount + 1);
  product = 7 * (product - quotient) - difference;
  storeAround(i, product);
  sum = (sum + quotient) ^ unchecked(numbers[(i & 31) + 1]);
}
let hash = hashValue(HASH_START, <u64>sum);
for (let i = 0; i < table.length; i++) hash = hashValue(hash, <u64>table[i]);
println(`${iterations} iterations ${hex64(hash)}`);
