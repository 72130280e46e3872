// Shows: a disk under load. Writes blocks, rewrites some, reads all back and prints checksums, several operations
// outstanding. Arguments: blocks of 4 KiB (256), seed (1). What differs after a failover goes to stderr only.
import { numberArgument } from '../lib/arguments';
import { println, printlnError } from '../lib/console';
import { Disk, diskError } from '../lib/disk';
import { exit, interruptEnable } from '../lib/hardware';
import { HASH_START, hashBytes, scramble } from '../lib/hash';
import { uncertainCount } from '../lib/interrupts';
import { Operation, repeatCount } from '../lib/operations';
import { hex64 } from '../lib/text';
export { interrupt } from '../lib/interrupts';

const BLOCK_BYTES: i32 = 4096;
const IN_FLIGHT: i32 = 8;

function fail(reason: string): void {
  printlnError(`disk: ${reason}`);
  exit(1);
}

/** Fills a block from a seed: every block of every generation is different. */
function fill(bytes: Uint8Array, seed: u64): void {
  for (let at = 0; at < BLOCK_BYTES; at += 8) {
    seed = scramble(seed);
    store<u64>(bytes.dataStart + <usize>at, seed);
  }
}

/** IN_FLIGHT operations, each with a block of memory of its own. */
class Window {
  blocks: Uint8Array[] = [];
  private flying: Array<Operation | null> = [];

  constructor() {
    for (let i = 0; i < IN_FLIGHT; i++) {
      this.blocks.push(new Uint8Array(BLOCK_BYTES));
      this.flying.push(null);
    }
  }

  /** Puts an operation that works on block `place` in flight. */
  launch(place: i32, operation: Operation): void {
    this.flying[place] = operation;
  }

  /** Waits for whatever is in flight on block `place`. */
  land(place: i32): void {
    const operation = this.flying[place];
    if (operation == null) return;
    const status = operation.finish();
    if (status != BLOCK_BYTES) fail(status < 0 ? diskError(status) : `${status} bytes moved of ${BLOCK_BYTES}`);
    this.flying[place] = null;
  }

  landAll(): void {
    for (let place = 0; place < IN_FLIGHT; place++) this.land(place);
  }
}

const blocks = <i32>numberArgument(1, 'blocks', 256, 1, 1 << 20);
const seed = <u64>numberArgument(2, 'seed', 1, 0, i64.MAX_VALUE);
const disk = new Disk();
if (disk.sizeBytes < <i64>blocks * BLOCK_BYTES) {
  fail(`${blocks} blocks need a disk of ${<i64>blocks * BLOCK_BYTES} bytes (--disk FILE), this one has ${disk.sizeBytes}`);
}
interruptEnable(true);

const generations = new StaticArray<u8>(blocks);
const window = new Window();

function seedOf(block: i32): u64 {
  return scramble(seed ^ (<u64>block << 8) ^ <u64>generations[block]);
}

function write(block: i32, place: i32): void {
  window.land(place);
  fill(window.blocks[place], seedOf(block));
  window.launch(place, disk.startWrite(<i64>block * BLOCK_BYTES, window.blocks[place]));
}

/** Waits for the read of a block, compares it with what was written, and goes on with the hash. */
function verify(block: i32, hash: u64, expected: Uint8Array): u64 {
  const place = block % IN_FLIGHT;
  window.land(place);
  fill(expected, seedOf(block));
  const found = window.blocks[place];
  if (memory.compare(found.dataStart, expected.dataStart, BLOCK_BYTES) != 0) fail(`block ${block} is not what was written`);
  const checksum = hashBytes(hash, found, 0, BLOCK_BYTES);
  println(`block ${block} ${hex64(checksum)}`);
  return checksum;
}

for (let block = 0; block < blocks; block++) write(block, block % IN_FLIGHT);
window.landAll();
println(`wrote ${blocks} blocks`);

// Some again, in an order from the seed. Nothing orders two writes in flight: the same block waits for its place.
let draw = seed;
for (let i = 0; i < blocks / 4; i++) {
  draw = scramble(draw);
  const block = <i32>(draw % <u64>blocks);
  generations[block]++;
  write(block, block % IN_FLIGHT);
}
window.landAll();
const flushed = disk.flush();
if (flushed < 0) fail(diskError(flushed));
println(`rewrote ${blocks / 4} blocks`);

let hash = HASH_START;
const expected = new Uint8Array(BLOCK_BYTES);
for (let block = 0; block < blocks + IN_FLIGHT; block++) {
  if (block >= IN_FLIGHT) hash = verify(block - IN_FLIGHT, hash, expected);
  const place = block % IN_FLIGHT;
  if (block < blocks) window.launch(place, disk.startRead(<i64>block * BLOCK_BYTES, window.blocks[place]));
}
println(`read ${blocks} blocks ${hex64(hash)}`);
if (uncertainCount > 0) printlnError(`disk: ${uncertainCount} uncertain interrupts, ${repeatCount} repeats`);
