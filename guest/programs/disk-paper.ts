// Shows: the paper's I/O workload: random blocks of 8 KiB written to a disk, or read from it, one at a time.
// Arguments: write or read, operations (2,048), seed (1). What differs after a failover goes to stderr only.
import { numberArgument, textArgument } from '../lib/arguments';
import { println, printlnError } from '../lib/console';
import { Disk, diskError } from '../lib/disk';
import { exit, interruptEnable } from '../lib/hardware';
import { HASH_START, hashBytes, scramble } from '../lib/hash';
import { repeatCount } from '../lib/operations';
import { hex64 } from '../lib/text';
export { interrupt } from '../lib/interrupts';

const BLOCK_BYTES: i32 = 8192;

function fail(reason: string): void {
  printlnError(`disk-paper: ${reason}`);
  exit(1);
}

const kind = textArgument(1, 'write');
if (kind != 'write' && kind != 'read') fail('the first argument is write or read');
const operations = <i32>numberArgument(2, 'operations', 2048, 1, 1 << 30);
let draw = <u64>numberArgument(3, 'seed', 1, 0, i64.MAX_VALUE);
const disk = new Disk();
const blocks = disk.sizeBytes / BLOCK_BYTES;
if (blocks <= 0) fail(`it needs a disk of at least ${BLOCK_BYTES} bytes (--disk FILE)`);
interruptEnable(true);

const block = new Uint8Array(BLOCK_BYTES);
let hash = HASH_START;
for (let operation = 0; operation < operations; operation++) {
  draw = scramble(draw);
  const offset = <i64>(draw % <u64>blocks) * BLOCK_BYTES;
  store<u64>(block.dataStart, draw);
  const status = kind == 'write' ? disk.write(offset, block) : disk.read(offset, block);
  if (status != BLOCK_BYTES) fail(status < 0 ? diskError(status) : `${status} bytes moved of ${BLOCK_BYTES}`);
  // The beginning says which block it is; all of it would be work that the paper's does not have.
  hash = hashBytes(hash, block, 0, 8);
}
println(`${kind} ${operations} ${hex64(hash)}`);
if (repeatCount > 0) printlnError(`disk-paper: ${repeatCount} repeats`);
