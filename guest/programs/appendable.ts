// Shows: at most once. An appendable file (COS 418, 6.824: fault tolerance) at the first --listen: clients append and read by lines.
//
//     append CLIENT SEQUENCE LENGTH     and LENGTH bytes: `ok OFFSET`, where they begin in the file; `old` for a sequence below
//                                       the client's latest, whose answer is forgotten
//     read                              `LENGTH`, and LENGTH bytes: all of the file
//     quit                              ends the guest
//
// CLIENT is a word of 64 bytes at most, SEQUENCE a number from 1 on. Each append that a client makes has a higher sequence than
// the one before; gaps are allowed, for a client may give up. The same sequence again, over whatever connection, is the same
// append: its first answer, and nothing appended, whatever the bytes. So a client that has had no answer asks again.
//
// What is refused is answered `error REASON`. After `too long` for a line, a bad number, or an append of more than 1 MiB nobody knows
// where the next line begins: the connection is closed. An unknown command, `the file is full` (64 MiB) and `too many clients`
// (10000) leave it open. A client that takes no answers is not read on. Prints `ready` when clients can come.
import { refuseArgument } from '../lib/arguments';
import { println } from '../lib/console';
import { awaitStreams, Listener } from '../lib/sockets';
import { Conversation } from './appendable/conversation';
export { interrupt } from '../lib/interrupts';

const NAMED: i32 = 256;

const listener = new Listener();
if (!listener.exists) refuseArgument('there is nothing to listen on: give --listen ADDR:PORT before the guest');
const conversations = new Map<i32, Conversation>();
const named = new StaticArray<i32>(NAMED);
println('ready');
while (true) {
  const count = awaitStreams(named);
  for (let at = 0; at < count; at++) {
    const stream = named[at];
    if (stream == listener.stream) {
      for (let come = listener.accept(); come != null; come = listener.accept()) {
        conversations.set(come.stream, new Conversation(come));
      }
    } else if (conversations.has(stream) && !conversations.get(stream).goOn()) {
      conversations.get(stream).connection.close();
      conversations.delete(stream);
    }
  }
}
