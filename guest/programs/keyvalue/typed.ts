// Keys by the kind of value that they hold, for commands that want one kind.
import { argumentAt, lengthOf } from './command';
import { NONE } from './dictionary';
import { addKey, findKey, removeKey } from './keyspace';
import { tellError } from './reply';
import { Kind, kindOf, newHash, newList, newSet, Text } from './values';
import { Dictionary } from './dictionary';

/** The key holds something else, and the client has been told so. No block begins there. */
export const WRONG: usize = 1;

/** What the key in an argument holds, if it is of a kind; 0: there is no such key. */
export function valueOf(argument: i32, kind: Kind): usize {
  const entry = findKey(argumentAt(argument), lengthOf(argument));
  if (entry == NONE) return 0;
  if (kindOf(entry.value) == kind) return entry.value;
  tellWrongKind();
  return WRONG;
}

export function tellWrongKind(): void {
  tellError('WRONGTYPE Operation against a key holding the wrong kind of value');
}

/** The same; a key that is not there is made, with an empty value. */
export function madeValueOf(argument: i32, kind: Kind): usize {
  const found = valueOf(argument, kind);
  if (found != 0) return found;
  let made: usize;
  if (kind == Kind.LIST) made = changetype<usize>(newList());
  else made = changetype<usize>(kind == Kind.HASH ? newHash() : newSet());
  addKey(argumentAt(argument), lengthOf(argument), made);
  return made;
}

/** A hash, a list or a set that has become empty is no key any more. */
export function removeIfEmpty(argument: i32, count: i32): void {
  if (count == 0) removeKey(findKey(argumentAt(argument), lengthOf(argument)));
}

export function textOf(value: usize): Text {
  return changetype<Text>(value);
}

export function dictionaryOf(value: usize): Dictionary {
  return changetype<Dictionary>(value);
}
