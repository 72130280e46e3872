// Shows: input exactly once. Echoes stdin line by line, with line numbers, until its end.
import { printBytes, println, readLineBytes } from '../lib/console';
import { encode, encodedLength } from '../lib/text';
export { interrupt } from '../lib/interrupts';

/** `N: LINE` and a newline as bytes: what comes in need not be text. */
function numbered(n: i32, line: Uint8Array): Uint8Array {
  const prefix = `${n}: `;
  const prefixBytes = encodedLength(prefix);
  const bytes = new Uint8Array(prefixBytes + line.length + 1);
  encode(prefix, bytes.dataStart);
  bytes.set(line, prefixBytes);
  bytes[bytes.length - 1] = 10;
  return bytes;
}

let count = 0;
for (let line = readLineBytes(); line != null; line = readLineBytes()) printBytes(numbered(++count, line));
println(`${count} lines`);
