// Shows: everything at once, for as long as there is input. Each line of stdin is ground for a while, written to the
// disk and read back, paid for at the teller, and printed with a hash of all that came before.
// Arguments: work a line (200), MiB of memory in use (1).
import { numberArgument } from '../lib/arguments';
import { println, printlnError, readLineBytes } from '../lib/console';
import { Disk, diskError, SECTOR_BYTES } from '../lib/disk';
import { exit } from '../lib/hardware';
import { HASH_START, hashBytes, hashValue, scramble } from '../lib/hash';
import { Teller } from '../lib/teller';
import { hex64 } from '../lib/text';
export { interrupt } from '../lib/interrupts';

const WORDS_PER_MIB: i32 = 1 << 17;

const work = <i32>numberArgument(1, 'work', 200, 0, 1_000_000_000);
const mebibytes = <i32>numberArgument(2, 'MiB', 1, 1, 1024);

const store64 = new StaticArray<u64>(mebibytes * WORDS_PER_MIB);
for (let at = 0; at < store64.length; at++) unchecked((store64[at] = scramble(at)));

const disk = new Disk();
const teller = new Teller();
const sectors = disk.sizeBytes / SECTOR_BYTES;
const sector = new Uint8Array(SECTOR_BYTES);

function check(status: i32): void {
  if (status >= 0) return;
  printlnError(`mill: ${diskError(status)}`);
  exit(1);
}

if (sectors <= 0) check(-1);

/** A walk through all of the store that changes what it meets: nested loops, recursion and memory on the stack. */
function grind(hash: u64, steps: i32, depth: i32): u64 {
  for (let step = 0; step < steps; step++) {
    const at = <i32>(hash % <u64>store64.length);
    for (let turn = 0; turn < 100; turn++) hash = scramble(hash ^ unchecked(store64[at]));
    unchecked((store64[at] = hash));
    if ((step & 15) == 0 && depth > 0) hash ^= grind(hash, steps >> 4, depth - 1);
  }
  return hash;
}

let hash = HASH_START;
let lines: i64 = 0;
for (let line = readLineBytes(); line != null; line = readLineBytes()) {
  hash = hashValue(hashBytes(hash, line, 0, line.length), grind(hash, work, 3));
  memory.fill(sector.dataStart, 0, SECTOR_BYTES);
  store<u64>(sector.dataStart, hash);
  const offset = (lines % sectors) * SECTOR_BYTES;
  check(disk.write(offset, sector));
  memory.fill(sector.dataStart, 0xff, SECTOR_BYTES);
  check(disk.read(offset, sector));
  hash = hashBytes(hash, sector, 0, SECTOR_BYTES);
  check(teller.dispense(1));
  println(`${++lines} ${hex64(hash)}`);
}
println(`${lines} lines`);
