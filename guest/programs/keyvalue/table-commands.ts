// Commands on hashes and sets: both are tables, one with a text for each entry.
import { scramble } from '../../lib/hash';
import { hashOf } from './bytes';
import { argumentAt, argumentCount, command, Flag, integer, isCount, lengthOf } from './command';
import { tellWrongCount } from './dispatch';
import { Dictionary, Entry, NONE } from './dictionary';
import { tellArray, tellBulk, tellInteger, tellNull, tellOk } from './reply';
import { dictionaryOf, madeValueOf, removeIfEmpty, textOf, valueOf, WRONG } from './typed';
import { Kind, releaseValue, replaceText } from './values';

/** The entry that an argument names in a table; NONE where there is no table, too. */
function entryIn(table: usize, argument: i32): Entry {
  if (table == 0) return NONE;
  const address = argumentAt(argument);
  const length = lengthOf(argument);
  return dictionaryOf(table).find(hashOf(address, length), address, length);
}

/** Makes the entry that an argument names. */
function addTo(table: Dictionary, argument: i32): Entry {
  const address = argumentAt(argument);
  const length = lengthOf(argument);
  return table.add(hashOf(address, length), address, length);
}

function tellText(value: usize): void {
  tellBulk(textOf(value).bytes, textOf(value).length);
}

/** Sets fields, of which the arguments are in pairs; answers how many were new, or -1 after an error. */
function setFields(): i32 {
  if (argumentCount & 1) {
    tellWrongCount();
    return -1;
  }
  const hash = madeValueOf(1, Kind.HASH);
  if (hash == WRONG) return -1;
  let added = 0;
  for (let at = 2; at < argumentCount; at += 2) {
    let entry = entryIn(hash, at);
    if (entry == NONE) {
      entry = addTo(dictionaryOf(hash), at);
      added++;
    }
    entry.value = replaceText(entry.value, argumentAt(at + 1), lengthOf(at + 1));
  }
  return added;
}

function hset(): void {
  const added = setFields();
  if (added >= 0) tellInteger(added);
}

function hmset(): void {
  if (setFields() >= 0) tellOk();
}

function hget(): void {
  const hash = valueOf(1, Kind.HASH);
  if (hash == WRONG) return;
  const entry = entryIn(hash, 2);
  if (entry == NONE) tellNull();
  else tellText(entry.value);
}

function hmget(): void {
  const hash = valueOf(1, Kind.HASH);
  if (hash == WRONG) return;
  tellArray(argumentCount - 2);
  for (let at = 2; at < argumentCount; at++) {
    const entry = entryIn(hash, at);
    if (entry == NONE) tellNull();
    else tellText(entry.value);
  }
}

/** HDEL and SREM. */
function removeFrom(kind: Kind): void {
  const table = valueOf(1, kind);
  if (table == WRONG) return;
  let removed = 0;
  for (let at = 2; at < argumentCount; at++) {
    const entry = entryIn(table, at);
    if (entry == NONE) continue;
    if (entry.value != 0) releaseValue(entry.value);
    dictionaryOf(table).remove(entry);
    removed++;
  }
  if (removed > 0) removeIfEmpty(1, dictionaryOf(table).count);
  tellInteger(removed);
}

function tellAll(kind: Kind, withKeys: bool, withValues: bool): void {
  const table = valueOf(1, kind);
  if (table == WRONG) return;
  if (table == 0) {
    tellArray(0);
    return;
  }
  const dictionary = dictionaryOf(table);
  tellArray(dictionary.count * (withKeys && withValues ? 2 : 1));
  for (let entry = dictionary.first; entry != NONE; entry = dictionary.after(entry)) {
    if (withKeys) tellBulk(entry.key, entry.keyLength);
    if (withValues) tellText(entry.value);
  }
}

function tellCount(kind: Kind): void {
  const table = valueOf(1, kind);
  if (table != WRONG) tellInteger(table == 0 ? 0 : dictionaryOf(table).count);
}

/** HEXISTS and SISMEMBER. */
function contains(kind: Kind): void {
  const table = valueOf(1, kind);
  if (table != WRONG) tellInteger(entryIn(table, 2) == NONE ? 0 : 1);
}

function sadd(): void {
  const set = madeValueOf(1, Kind.SET);
  if (set == WRONG) return;
  let added = 0;
  for (let at = 2; at < argumentCount; at++) {
    if (entryIn(set, at) != NONE) continue;
    addTo(dictionaryOf(set), at);
    added++;
  }
  tellInteger(added);
}

/** Draws so far. Which member is drawn follows from the state, by the seed of all hashes: nothing has to be logged. */
let draws: u64 = 0;

function popFrom(set: Dictionary): void {
  const entry = set.draw(<u32>scramble(draws++));
  tellBulk(entry.key, entry.keyLength);
  set.remove(entry);
}

function spop(): void {
  if (argumentCount > 3) {
    tellWrongCount();
    return;
  }
  const counted = argumentCount == 3;
  if (counted && !isCount(2)) return;
  const most = counted ? integer() : 1;
  const set = valueOf(1, Kind.SET);
  if (set == WRONG) return;
  if (set == 0) {
    if (counted) tellArray(0);
    else tellNull();
    return;
  }
  const dictionary = dictionaryOf(set);
  const count = <i32>min<i64>(most, dictionary.count);
  if (counted) tellArray(count);
  for (let popped = 0; popped < count; popped++) popFrom(dictionary);
  removeIfEmpty(1, dictionary.count);
}

command('hset', -4, Flag.ADDS, hset);
command('hmset', -4, Flag.ADDS, hmset);
command('hget', 3, Flag.NONE, hget);
command('hmget', -3, Flag.NONE, hmget);
command('hdel', -3, Flag.NONE, () => removeFrom(Kind.HASH));
command('hgetall', 2, Flag.NONE, () => tellAll(Kind.HASH, true, true));
command('hkeys', 2, Flag.NONE, () => tellAll(Kind.HASH, true, false));
command('hvals', 2, Flag.NONE, () => tellAll(Kind.HASH, false, true));
command('hlen', 2, Flag.NONE, () => tellCount(Kind.HASH));
command('hexists', 3, Flag.NONE, () => contains(Kind.HASH));
command('sadd', -3, Flag.ADDS, sadd);
command('srem', -3, Flag.NONE, () => removeFrom(Kind.SET));
command('spop', -2, Flag.NONE, spop);
command('scard', 2, Flag.NONE, () => tellCount(Kind.SET));
command('smembers', 2, Flag.NONE, () => tellAll(Kind.SET, true, false));
command('sismember', 3, Flag.NONE, () => contains(Kind.SET));
