// Shows: a server in real use. Keys and values for clients that speak to Redis (RESP2), at the first --listen, until SHUTDOWN.
// Argument: MiB of data at most (512); past it commands that add some are refused. Prints `ready` when clients can come.
//
// Everything is in keyvalue/: what a client is told in a turn (serving.ts), requests (request.ts), commands by what they are on
// (*-commands.ts), and the memory of it all (memory.ts). What a client asks is answered once: an answer that it has seen, also
// one across a death, says what the machine will go on from.
import { numberArgument, refuseArgument } from '../lib/arguments';
import { println } from '../lib/console';
import { streamAccept } from '../lib/hardware';
import { awaitStreams, Listener } from '../lib/sockets';
import * as interrupts from '../lib/interrupts';
import { addClient, Client, clientOf } from './keyvalue/client';
import { beginTurn, deadlineCount, earliestNs } from './keyvalue/deadlines';
import { expireKeys } from './keyvalue/keyspace';
import { setLimit } from './keyvalue/memory';
import { serve } from './keyvalue/serving';
import './keyvalue/all-commands';
export { interrupt } from '../lib/interrupts';

/** Clients named at once; further ones are named at once after. */
const NAMED: i32 = 1024;
/** Keys whose time is over are taken out this much later at the most: so often, and no oftener, a timer is set for them. */
const EXPIRY_NS: i64 = 10_000_000;

/** When keys are to be taken out next; 0: none has a deadline. */
function nextExpiryNs(): i64 {
  return deadlineCount == 0 ? 0 : (max(earliestNs(), 0) / EXPIRY_NS + 1) * EXPIRY_NS;
}

function acceptAll(listener: i32): void {
  for (let stream = streamAccept(listener); stream > 0; stream = streamAccept(listener)) addClient(stream);
}

const listener = new Listener().stream;
if (!new Listener().exists) refuseArgument('there is nothing to listen on: give --listen ADDR:PORT before the guest');
setLimit(<usize>numberArgument(1, 'MiB', 512, 1, 2048) << 20);
const named = new StaticArray<i32>(NAMED);
println('ready');
while (true) {
  const expiryNs = nextExpiryNs();
  const count = awaitStreams(named, expiryNs);
  beginTurn();
  if (expiryNs != 0 && interrupts.timerTimeNs >= expiryNs) expireKeys();
  for (let at = 0; at < count; at++) {
    const stream = named[at];
    if (stream == listener) {
      acceptAll(listener);
    } else {
      const client = clientOf(stream);
      if (client != 0) serve(changetype<Client>(client));
    }
  }
}
