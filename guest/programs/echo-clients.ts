// Shows: connections. Echoes what each client says, to any number of them at once, until one of them says 'quit'.
import { refuseArgument } from '../lib/arguments';
import { println } from '../lib/console';
import { awaitStreams, Connection, Listener } from '../lib/sockets';
export { interrupt } from '../lib/interrupts';

const BUFFER_BYTES: i32 = 16 * 1024;
const CLIENTS_NAMED: i32 = 64;

/** One client, and what was read of it and is still to be written. */
class Client {
  buffer: Uint8Array = new Uint8Array(BUFFER_BYTES);
  from: i32 = 0;
  to: i32 = 0;

  constructor(readonly connection: Connection) {}

  /** Goes on as far as there is input and room; false: it is over. */
  serve(): bool {
    while (true) {
      while (this.from < this.to) {
        const taken = this.connection.write(this.buffer, this.from, this.to - this.from);
        if (taken == 0) return true;
        if (taken < 0) return false;
        this.from += taken;
      }
      const count = this.connection.read(this.buffer);
      if (count == 0) return true;
      if (count < 0) return false;
      this.from = 0;
      this.to = count;
      if (saysQuit(this.buffer, count)) return false;
    }
  }
}

let over = false;

function saysQuit(bytes: Uint8Array, count: i32): bool {
  if (count < 4 || bytes[0] != 0x71 || bytes[1] != 0x75 || bytes[2] != 0x69 || bytes[3] != 0x74) return false;
  over = true;
  return true;
}

const listener = new Listener();
if (!listener.exists) refuseArgument('there is nothing to listen on: give --listen ADDR:PORT before the guest');
const clients = new Map<i32, Client>();
const named = new StaticArray<i32>(CLIENTS_NAMED);
println('listening');
while (!over) {
  const count = awaitStreams(named);
  for (let at = 0; at < count && !over; at++) {
    const stream = named[at];
    if (stream == listener.stream) {
      for (let come = listener.accept(); come != null; come = listener.accept()) {
        clients.set(come.stream, new Client(come));
      }
    } else if (clients.has(stream) && !clients.get(stream).serve()) {
      clients.get(stream).connection.close();
      clients.delete(stream);
    }
  }
}
