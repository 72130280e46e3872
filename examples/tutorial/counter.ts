// A server that counts: each line that a client sends is answered with how many there have been, of all clients.
import { awaitStreams, Connection, Listener } from '../../guest/lib/sockets';

export { interrupt } from '../../guest/lib/interrupts';

const NEWLINE: u8 = 10;
const listener = new Listener();
const clients = new Map<i32, Connection>();
const named = new StaticArray<i32>(64);
const buffer = new Uint8Array(4096);
let lines = 0;

/** Answers what has come; false: the client is gone. */
function serve(client: Connection): bool {
  const count = client.read(buffer);
  for (let at = 0; at < count; at++) {
    if (buffer[at] != NEWLINE) continue;
    client.write(Uint8Array.wrap(String.UTF8.encode(`${++lines}\n`)));
  }
  return count >= 0;
}

while (true) {
  const count = awaitStreams(named);
  for (let at = 0; at < count; at++) {
    const stream = named[at];
    if (stream == listener.stream) {
      for (let client = listener.accept(); client != null; client = listener.accept())
        clients.set(client.stream, client);
    } else if (clients.has(stream) && !serve(clients.get(stream))) {
      clients.get(stream).close();
      clients.delete(stream);
    }
  }
}
