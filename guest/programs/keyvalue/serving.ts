// One client's turn: what it has not been told, then what it asks, then what it is told.
//
//     stream ──> shared buffer ──> requests ──> replies ──> stream
//                     │ a part of a request        │ what it does not take
//                     └─> client.input             └─> client.output
//
// A client that does not take its answers is not read on: what it asks waits in its connection, and then with it.
import { Status, streamClose, streamRead, streamWrite } from '../../lib/hardware';
import { appended, Client, finishRequest, keepRequest, NO_BUFFER, removeClient, requestOf } from './client';
import { Buffer, releaseBuffer } from './buffer';
import { execute } from './dispatch';
import { allocate, hasRoomFor } from './memory';
import { beginReplies, isOverfull, replies, tellError, tellText } from './reply';
import { INCOMPLETE, REFUSED, refusal, refusedByte } from './request';

/** As much as a connection delivers at once. */
const READ_BYTES: i32 = 64 * 1024;
const shared: usize = allocate(READ_BYTES);

/** Answers that a client has not taken: from here on it is not asked for more. One answer may go past it. */
const UNTAKEN_BYTES_MAX: i32 = 1 << 20;

/** What was read last: bytes, or a negative status. */
let lastRead: i32 = 0;

function untakenBytes(client: Client): i32 {
  return replies.length + (client.output == NO_BUFFER ? 0 : client.output.length);
}

function mayAsk(client: Client): bool {
  return !client.isLeaving && !isOverfull && untakenBytes(client) <= UNTAKEN_BYTES_MAX;
}

/** Executes the requests that are complete; answers how many bytes they were. What follows is a part of one, or must wait. */
function executeAll(client: Client, start: usize, length: i32): i32 {
  let done = 0;
  while (done < length && mayAsk(client)) {
    const request = requestOf(client);
    const bytes = request.parse(start + <usize>done, length - done);
    if (bytes == INCOMPLETE) {
      keepRequest(client);
      break;
    }
    if (bytes == REFUSED) {
      tellText('-ERR Protocol error: ');
      tellText(refusal);
      if (refusedByte >= 0) tellText(`${String.fromCharCode(refusedByte < 128 ? refusedByte : 63)}'`);
      tellText('\r\n');
      client.isLeaving = true;
      // Another client's request may be the next in it.
      finishRequest(client);
      break;
    }
    if (request.count > 0) execute(client, request, start + <usize>done);
    finishRequest(client);
    done += bytes;
  }
  return done;
}

/** Reads once and executes what that completes; false: there is nothing more to read, or it must not be read. */
function readOn(client: Client): bool {
  if (!mayAsk(client)) return false;
  const held = client.input;
  if (held != NO_BUFFER && !hasRoomFor(2 * (<usize>held.length + READ_BYTES))) {
    tellError('OOM the request is too long for now');
    client.isLeaving = true;
    return false;
  }
  lastRead = streamRead(client.stream, shared, READ_BYTES);
  if (lastRead <= 0) return false;
  if (held == NO_BUFFER) {
    const done = executeAll(client, shared, lastRead);
    if (done < lastRead) client.input = appended(NO_BUFFER, shared + <usize>done, lastRead - done);
  } else {
    held.append(shared, lastRead);
    executeHeld(client);
  }
  return true;
}

/** Executes what is complete of what the client has already said. */
function executeHeld(client: Client): void {
  if (client.input == NO_BUFFER) return;
  client.input.consume(executeAll(client, client.input.start, client.input.length));
  client.input = keptIfAny(client.input);
}

function keptIfAny(buffer: Buffer): Buffer {
  if (buffer.length > 0) return buffer;
  releaseBuffer(buffer);
  return NO_BUFFER;
}

/** Writes what the client has not taken, as far as it takes it now; false: it is gone. */
function writeOutput(client: Client): bool {
  if (client.output == NO_BUFFER) return true;
  const taken = streamWrite(client.stream, client.output.start, client.output.length);
  if (taken < 0) return false;
  client.output.consume(taken);
  client.output = keptIfAny(client.output);
  return true;
}

/** Writes what the client is told in this turn, behind what it has not taken; false: it is gone. */
function writeReplies(client: Client): bool {
  let from = 0;
  if (client.output == NO_BUFFER && replies.length > 0) {
    from = streamWrite(client.stream, replies.start, replies.length);
    if (from < 0) return false;
  }
  if (from == replies.length) return true;
  // Who leaves the longest answers untaken, thousands of times, is cut off before there is no memory for anybody.
  if (!hasRoomFor(2 * (<usize>untakenBytes(client)))) return false;
  client.output = appended(client.output, replies.start + <usize>from, replies.length - from);
  return true;
}

/** Serves a client of which there is something new; a client that is done, or gone, is forgotten. */
export function serve(client: Client): void {
  if (!serveTurn(client)) {
    streamClose(client.stream);
    removeClient(client);
  }
}

function serveTurn(client: Client): bool {
  if (!writeOutput(client)) return false;
  let wasHeldUp = true;
  while (wasHeldUp) {
    beginReplies();
    lastRead = 0;
    executeHeld(client);
    while (readOn(client)) {}
    if (isOverfull || lastRead == Status.RESET) return false;
    wasHeldUp = !mayAsk(client);
    if (!writeReplies(client)) return false;
    beginReplies();
    // What has been taken may have made room to ask on; it will not be told of again.
    wasHeldUp = wasHeldUp && mayAsk(client);
  }
  const isOver = client.isLeaving || lastRead < 0;
  return !(isOver && client.output == NO_BUFFER);
}
