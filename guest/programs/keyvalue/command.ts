// The command under way: who asks, its arguments, and the table of all commands by their names.
import { Client } from './client';
import { hashOf, lowercase, parsedInteger, parseInteger, spells } from './bytes';
import { Dictionary, NONE, newDictionary } from './dictionary';
import { allocate } from './memory';
import { tellBytes, tellError } from './reply';
import { newRequest, Request } from './request';

export const SYNTAX_ERROR = 'ERR syntax error';
export const NO_INTEGER = 'ERR value is not an integer or out of range';

/** What has to be known of a command before it is executed. */
export const enum Flag {
  NONE = 0,
  /** It may add data: refused where there is no room for more. */
  ADDS = 1,
  /** It is executed at once, also within MULTI. */
  AT_ONCE = 2,
}

@unmanaged
export class Command {
  /** The function, as its index in the module's table: a function object would be a collected one. */
  perform: u32;
  /** Arguments with the name: exactly so many, or where it is negative as many at least. */
  arity: i32;
  flags: i32;
}

/** Who asks. */
export let asking: Client = changetype<Client>(0);
/** Arguments, the command's name among them. */
export let argumentCount: i32 = 0;
let spans: Request = newRequest();
let origin: usize = 0;

/** What follows is asked by a client, in a request that begins at `start`. */
export function ask(client: Client, request: Request, start: usize): void {
  asking = client;
  spans = request;
  origin = start;
  argumentCount = request.count;
}

// @ts-ignore: decorator
@inline
export function argumentAt(index: i32): usize {
  return origin + <usize>spans.offsetOf(index);
}

// @ts-ignore: decorator
@inline
export function lengthOf(index: i32): i32 {
  return spans.lengthOf(index);
}

export function argumentIs(index: i32, word: string): bool {
  return spells(argumentAt(index), lengthOf(index), word);
}

/** Whether an argument is a whole number, which is then `parsedInteger`; where it is none, the client has been told. */
export function isInteger(index: i32): bool {
  if (parseInteger(argumentAt(index), lengthOf(index))) return true;
  tellError(NO_INTEGER);
  return false;
}

/** The same for how many of something: no negative number. */
export function isCount(index: i32): bool {
  if (parseInteger(argumentAt(index), lengthOf(index)) && parsedInteger >= 0) return true;
  tellError('ERR value is out of range, must be positive');
  return false;
}

/** The number that the latest `isInteger` or `isCount` has read. */
export function integer(): i64 {
  return parsedInteger;
}

const NAME_BYTES_MAX: i32 = 32;
const name: usize = memory.data(32);
const commands: Dictionary = newDictionary(0);

export function commandCount(): i32 {
  return commands.count;
}

/** Enters a command into the table. @param text its name in small letters */
export function command(text: string, arity: i32, flags: i32, perform: () => void): void {
  const entry = changetype<Command>(allocate(offsetof<Command>()));
  entry.perform = perform.index;
  entry.arity = arity;
  entry.flags = flags;
  for (let at = 0; at < text.length; at++) store<u8>(name + <usize>at, <u8>text.charCodeAt(at));
  commands.add(hashOf(name, text.length), name, text.length).value = changetype<usize>(entry);
}

/** Tells the name of the command under way, within a line: in small letters, whatever the client's. */
export function tellName(): void {
  const address = argumentAt(0);
  const length = lengthOf(0);
  for (let at: usize = 0; at < <usize>length; at++) store<u8>(address + at, <u8>lowercase(load<u8>(address + at)));
  tellBytes(address, length);
}

/** The command that the first argument names, in whatever case; 0: none. */
export function namedCommand(): usize {
  const length = lengthOf(0);
  if (length > NAME_BYTES_MAX) return 0;
  const address = argumentAt(0);
  for (let at: usize = 0; at < <usize>length; at++) store<u8>(name + at, <u8>lowercase(load<u8>(address + at)));
  const entry = commands.find(hashOf(name, length), name, length);
  return entry == NONE ? 0 : entry.value;
}
