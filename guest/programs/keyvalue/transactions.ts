// MULTI, EXEC, DISCARD: commands that are kept, and executed together.
//
// Nothing comes between them, since nothing else runs while a command does. There is no WATCH: it is refused.
//
//     queued    0         4       8                             after that the arguments' bytes
//               | command | count | length of each argument ... | bytes ... |
import { NO_BUFFER, appended, Client, Transaction } from './client';
import { argumentAt, argumentCount, ask, asking, Command, command, Flag, lengthOf } from './command';
import { Buffer, releaseBuffer } from './buffer';
import { hasRoomFor, isFull } from './memory';
import { tellArray, tellError, tellOk, tellStatus } from './reply';
import { newRequest } from './request';
import { TEXT_BYTES_MAX } from './values';

/** Bytes that one transaction waits with: as one request may have. */
const QUEUED_BYTES_MAX: i32 = 2 * TEXT_BYTES_MAX;

const word: usize = memory.data(4);

function put(client: Client, value: u32): void {
  store<u32>(word, value);
  client.queue = appended(client.queue, word, 4);
}

/** Keeps the command under way for EXEC. */
export function queue(client: Client, command: Command): void {
  let bytes: i64 = 8;
  for (let at = 0; at < argumentCount; at++) bytes += 4 + lengthOf(at);
  const queued = client.queue == NO_BUFFER ? 0 : client.queue.length;
  if (bytes + queued > QUEUED_BYTES_MAX || !hasRoomFor(2 * (<usize>bytes + <usize>queued))) {
    client.transaction = Transaction.FAILED;
    tellError('OOM the transaction is too long');
    return;
  }
  put(client, <u32>changetype<usize>(command));
  put(client, argumentCount);
  for (let at = 0; at < argumentCount; at++) put(client, lengthOf(at));
  for (let at = 0; at < argumentCount; at++) client.queue.append(argumentAt(at), lengthOf(at));
  client.queuedCount++;
  tellStatus('QUEUED');
}

/** The client has no transaction any more. */
export function forgetTransaction(client: Client): void {
  client.transaction = Transaction.NONE;
  client.queuedCount = 0;
  if (client.queue == NO_BUFFER) return;
  releaseBuffer(client.queue);
  client.queue = NO_BUFFER;
}

function multi(): void {
  if (asking.transaction != Transaction.NONE) {
    tellError('ERR MULTI calls can not be nested');
    return;
  }
  asking.transaction = Transaction.QUEUED;
  tellOk();
}

function discard(): void {
  if (asking.transaction == Transaction.NONE) {
    tellError('ERR DISCARD without MULTI');
    return;
  }
  forgetTransaction(asking);
  tellOk();
}

function exec(): void {
  const client = asking;
  if (client.transaction == Transaction.NONE) {
    tellError('ERR EXEC without MULTI');
    return;
  }
  const failed = client.transaction == Transaction.FAILED;
  const commands = client.queue;
  const count = client.queuedCount;
  client.queue = NO_BUFFER;
  forgetTransaction(client);
  if (failed) tellError('EXECABORT Transaction discarded because of previous errors.');
  else executeAll(client, commands, count);
  if (commands != NO_BUFFER) releaseBuffer(commands);
}

const queuedRequest = newRequest();

function executeAll(client: Client, commands: Buffer, count: i32): void {
  tellArray(count);
  if (count == 0) return;
  let at = commands.start;
  for (let done = 0; done < count; done++) {
    const queued = changetype<Command>(<usize>load<u32>(at));
    const lengths = at + 8;
    queuedRequest.clear();
    const start = lengths + (<usize>load<u32>(at, 4) << 2);
    let offset = 0;
    for (let length = lengths; length < start; length += 4) {
      queuedRequest.addSpan(offset, load<i32>(length));
      offset += load<i32>(length);
    }
    ask(client, queuedRequest, start);
    if (queued.flags & Flag.ADDS && isFull()) tellError("OOM command not allowed when used memory > 'maxmemory'.");
    else call_indirect<void>(queued.perform);
    at = start + <usize>offset;
  }
}

function watch(): void {
  tellError('ERR WATCH is not supported');
}

command('multi', 1, Flag.AT_ONCE, multi);
command('exec', 1, Flag.AT_ONCE, exec);
command('discard', 1, Flag.AT_ONCE, discard);
command('watch', -2, Flag.AT_ONCE, watch);
command('unwatch', 1, Flag.NONE, tellOk);
