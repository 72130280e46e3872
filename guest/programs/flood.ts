// Shows: a guest that prints faster than anyone reads. Numbered lines of 64 bytes. Argument: KiB (65536; 0 = no end).
import { numberArgument } from '../lib/arguments';
import { Stream, streamWrite } from '../lib/hardware';
export { interrupt } from '../lib/interrupts';

const LINE_BYTES: i32 = 64;
const BLOCK_BYTES: i32 = 4096;
const block: usize = memory.data(4096);

/** Writes twelve digits of `n`, dots, and a newline. */
function putLine(at: usize, n: i64): void {
  memory.fill(at, 46, LINE_BYTES - 1);
  for (let i = 11; i >= 0; i--) {
    store<u8>(at + <usize>i, <u8>(48 + (n % 10)));
    n /= 10;
  }
  store<u8>(at + LINE_BYTES - 1, 10);
}

const kibibytes = numberArgument(1, 'KiB', 65536, 0, 1 << 40);
let line: i64 = 0;
let left = kibibytes * 1024;
while (kibibytes == 0 || left > 0) {
  for (let at = 0; at < BLOCK_BYTES; at += LINE_BYTES) putLine(block + <usize>at, line++);
  const length = kibibytes == 0 || left > BLOCK_BYTES ? BLOCK_BYTES : <i32>left;
  streamWrite(Stream.OUTPUT, block, length);
  left -= length;
}
