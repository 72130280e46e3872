// One client: its connection, what of its input is not yet a request, what it has not been told, and its transaction.
//
// A client that asks for nothing costs one small block: a request of which a part is missing, answers that it does not take
// and commands that wait for EXEC are held in buffers of their own, which are given back when they are empty.
import { Buffer, newBuffer, releaseBuffer } from './buffer';
import { hashOf } from './bytes';
import { Dictionary, NONE, newDictionary } from './dictionary';
import { allocate, release } from './memory';
import { newRequest, Request } from './request';

/** Where a client's transaction stands. */
export const enum Transaction {
  NONE = 0,
  QUEUED = 1,
  /** A command was refused: EXEC will do nothing. */
  FAILED = 2,
}

// @ts-ignore: decorator
@inline
export const NO_BUFFER: Buffer = changetype<Buffer>(0);
// @ts-ignore: decorator
@inline
const NO_REQUEST: Request = changetype<Request>(0);

@unmanaged
export class Client {
  /** Its number as clients see it, from 1 on. */
  id: i64;
  stream: i32;
  transaction: i32;
  /** Begins with a request that is not complete, or has not been executed. */
  input: Buffer;
  /** The request at the beginning of `input`, as far as it was parsed. */
  request: Request;
  output: Buffer;
  /** Commands that wait for EXEC: see transactions.ts. */
  queue: Buffer;
  queuedCount: i32;
  /** Executes nothing more, and is closed when it has been told everything. */
  isLeaving: bool;
  name: Buffer;
}

/** Clients by their streams. */
const clients: Dictionary = newDictionary(0);
const key: usize = memory.data(4);
let nextId: i64 = 1;

export function clientCount(): i32 {
  return clients.count;
}

export function addClient(stream: i32): Client {
  const client = changetype<Client>(allocate(offsetof<Client>()));
  memory.fill(changetype<usize>(client), 0, offsetof<Client>());
  client.id = nextId++;
  client.stream = stream;
  store<i32>(key, stream);
  clients.add(hashOf(key, 4), key, 4).value = changetype<usize>(client);
  return client;
}

/** The client of a stream, or null where it is gone. */
export function clientOf(stream: i32): usize {
  store<i32>(key, stream);
  const entry = clients.find(hashOf(key, 4), key, 4);
  return entry == NONE ? 0 : entry.value;
}

/** Gives back all that a client had. */
export function removeClient(client: Client): void {
  store<i32>(key, client.stream);
  clients.remove(clients.find(hashOf(key, 4), key, 4));
  if (client.input != NO_BUFFER) releaseBuffer(client.input);
  if (client.output != NO_BUFFER) releaseBuffer(client.output);
  if (client.queue != NO_BUFFER) releaseBuffer(client.queue);
  if (client.name != NO_BUFFER) releaseBuffer(client.name);
  if (client.request != NO_REQUEST) {
    client.request.end();
    release(changetype<usize>(client.request));
  }
  release(changetype<usize>(client));
}

/** The request in which a client's input is parsed. Most requests are complete at once: these have one for all. */
let spare: Request = newRequest();

export function requestOf(client: Client): Request {
  return client.request != NO_REQUEST ? client.request : spare;
}

/** The client's request is not complete: it keeps what was parsed. */
export function keepRequest(client: Client): void {
  if (client.request != NO_REQUEST) return;
  client.request = spare;
  spare = newRequest();
}

/** The client's input begins with a new request. */
export function finishRequest(client: Client): void {
  if (client.request != NO_REQUEST) {
    spare.end();
    release(changetype<usize>(spare));
    spare = client.request;
    client.request = NO_REQUEST;
  }
  spare.clear();
}

/** Adds bytes to a buffer of a client's, which it may not have yet. */
export function appended(buffer: Buffer, address: usize, length: i32): Buffer {
  if (buffer == NO_BUFFER) buffer = newBuffer();
  buffer.append(address, length);
  return buffer;
}

/** Each client in turn, for CLIENT LIST: the first, and who follows one; 0: nobody. */
export function eachClient(visit: (client: Client) => void): void {
  for (let entry = clients.first; entry != NONE; entry = clients.after(entry)) visit(changetype<Client>(entry.value));
}
