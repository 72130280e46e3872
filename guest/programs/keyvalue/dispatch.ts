// From a request to its execution, or to the reason why it is not executed.
import { Client, Transaction } from './client';
import { argumentAt, argumentCount, ask, Command, Flag, lengthOf, namedCommand, tellName } from './command';
import { isFull } from './memory';
import { tellError, tellInLine, tellText } from './reply';
import { Request } from './request';
import { queue } from './transactions';

/** Bytes of a wrong command that are repeated to who sent it. */
const REPEATED_BYTES_MAX: i32 = 128;

/** Executes a request that has a word at least, which begins at `start`. */
export function execute(client: Client, request: Request, start: usize): void {
  ask(client, request, start);
  const found = namedCommand();
  if (!isAllowed(found)) {
    if (client.transaction != Transaction.NONE) client.transaction = Transaction.FAILED;
    return;
  }
  const command = changetype<Command>(found);
  if (client.transaction != Transaction.NONE && !(command.flags & Flag.AT_ONCE)) queue(client, command);
  else call_indirect<void>(command.perform);
}

/** Whether a command can be executed; where it can't, the client has been told why. */
function isAllowed(found: usize): bool {
  if (found == 0) {
    tellUnknown();
    return false;
  }
  const arity = changetype<Command>(found).arity;
  const flags = changetype<Command>(found).flags;
  if (arity > 0 ? argumentCount != arity : argumentCount < -arity) {
    tellWrongCount();
    return false;
  }
  if (flags & Flag.ADDS && isFull()) {
    tellError("OOM command not allowed when used memory > 'maxmemory'.");
    return false;
  }
  return true;
}

function tellUnknown(): void {
  tellText("-ERR unknown command '");
  tellInLine(argumentAt(0), min(lengthOf(0), REPEATED_BYTES_MAX));
  tellText("', with args beginning with: ");
  let told = 0;
  for (let at = 1; at < argumentCount && told < REPEATED_BYTES_MAX; at++) {
    const length = min(lengthOf(at), REPEATED_BYTES_MAX - told);
    tellText("'");
    tellInLine(argumentAt(at), length);
    tellText("' ");
    told += length + 3;
  }
  tellText('\r\n');
}

/** Tells that the command under way has too few arguments, or too many. */
export function tellWrongCount(): void {
  tellText("-ERR wrong number of arguments for '");
  tellName();
  tellText("' command\r\n");
}
