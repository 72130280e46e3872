// Shows: a connection that the guest makes. Sends each line of stdin to the first --connect, and prints the line that it answers.
import { refuseArgument } from '../lib/arguments';
import { printBytes, println, readLineBytes } from '../lib/console';
import { awaitStreams, connect, Connection } from '../lib/sockets';
export { interrupt } from '../lib/interrupts';

const BUFFER_BYTES: i32 = 4096;
const buffer = new Uint8Array(BUFFER_BYTES);
const named = new StaticArray<i32>(4);

/** Writes all of `bytes`; false: the other side is gone. */
function say(connection: Connection, bytes: Uint8Array): bool {
  let from = 0;
  while (from < bytes.length) {
    const taken = connection.write(bytes, from);
    if (taken < 0) return false;
    from += taken;
    if (taken == 0) awaitStreams(named);
  }
  return true;
}

/** Prints what comes up to the end of a line; false: the other side is gone. */
function hear(connection: Connection): bool {
  while (true) {
    const count = connection.read(buffer);
    if (count < 0) return false;
    if (count > 0) printBytes(buffer.subarray(0, count));
    if (count > 0 && buffer[count - 1] == 10) return true;
    if (count == 0) awaitStreams(named);
  }
}

function converse(connection: Connection): void {
  const newline = Uint8Array.wrap(String.UTF8.encode('\n'));
  for (let line = readLineBytes(); line != null; line = readLineBytes()) {
    if (!say(connection, line) || !say(connection, newline) || !hear(connection)) {
      println('gone');
      break;
    }
  }
  connection.close();
}

function main(): void {
  const reached = connect(0);
  if (reached != null) converse(reached);
  else refuseArgument('nobody answers there, or there is no --connect NAME=HOST:PORT before the guest');
}

main();
