// Shows: a log that keeps its word. Appends records, makes each durable, then acknowledges it on stdout.
// On a disk that holds a log already it goes on after the last good record. Argument: records to append (100).
//
//     0       8          16         24        32     512 bytes, one sector
//     | magic | sequence | previous | content | zero |        hash of a record = FNV-1a over the sector
import { numberArgument } from '../lib/arguments';
import { println, printlnError } from '../lib/console';
import { Disk, diskError, SECTOR_BYTES } from '../lib/disk';
import { exit } from '../lib/hardware';
import { HASH_START, hashBytes, scramble } from '../lib/hash';
import { uncertainCount } from '../lib/interrupts';
import { repeatCount } from '../lib/operations';
import { hex64 } from '../lib/text';
export { interrupt } from '../lib/interrupts';

const MAGIC: u64 = 0x31676f6c68637065; // 'epchlog1'

const count = <i32>numberArgument(1, 'records', 100, 0, 1 << 20);
const disk = new Disk();
const sectors = disk.sizeBytes / SECTOR_BYTES;
const sector = new Uint8Array(SECTOR_BYTES);

function check(status: i32): void {
  if (status >= 0) return;
  printlnError(`disk-log: ${diskError(status)}`);
  exit(1);
}

if (sectors <= 0) check(-1);

let hash = HASH_START;
let records: i64 = 0;
while (records < sectors) {
  check(disk.read(records * SECTOR_BYTES, sector));
  const at = sector.dataStart;
  if (load<u64>(at) != MAGIC || load<i64>(at, 8) != records || load<u64>(at, 16) != hash) break;
  hash = hashBytes(HASH_START, sector, 0, SECTOR_BYTES);
  records++;
}
println(`found ${records} records ${hex64(hash)}`);

for (let i = 0; i < count; i++) {
  if (records == sectors) {
    printlnError(`disk-log: the disk is full after ${records} records`);
    exit(1);
  }
  const at = sector.dataStart;
  memory.fill(at, 0, SECTOR_BYTES);
  store<u64>(at, MAGIC);
  store<i64>(at, records, 8);
  store<u64>(at, hash, 16);
  store<u64>(at, scramble(<u64>records), 24);
  check(disk.write(records * SECTOR_BYTES, sector));
  check(disk.flush());
  hash = hashBytes(HASH_START, sector, 0, SECTOR_BYTES);
  println(`appended ${records++} ${hex64(hash)}`);
}
if (uncertainCount > 0) printlnError(`disk-log: ${uncertainCount} uncertain interrupts, ${repeatCount} repeats`);
