// Commands on keys that hold text: GET and SET and what goes with them, and counters.
import {
  argumentAt,
  argumentCount,
  argumentIs,
  command,
  Flag,
  integer,
  isInteger,
  lengthOf,
  NO_INTEGER,
  SYNTAX_ERROR,
} from './command';
import { parsedInteger, parseInteger } from './bytes';
import { clearDeadline, setDeadline } from './deadlines';
import { tellWrongCount } from './dispatch';
import { Entry, NONE } from './dictionary';
import { addKey, findKey, removeKey } from './keyspace';
import { tellArray, tellBulk, tellError, tellInteger, tellNull, tellOk } from './reply';
import { From, readDeadline, readNs, Unit } from './times';
import { tellWrongKind, textOf, valueOf, WRONG } from './typed';
import { appendText, Kind, kindOf, newText, replaceInteger, replaceText, TEXT_BYTES_MAX } from './values';

function tellValue(value: usize): void {
  if (value == 0) tellNull();
  else tellBulk(textOf(value).bytes, textOf(value).length);
}

function get(): void {
  const value = valueOf(1, Kind.TEXT);
  if (value != WRONG) tellValue(value);
}

/** Stores a text argument under a key argument, whose entry is `entry`, and answers its entry. */
function storeText(entry: Entry, key: i32, value: i32): Entry {
  if (entry == NONE) {
    const text = newText(argumentAt(value), lengthOf(value));
    return addKey(argumentAt(key), lengthOf(key), changetype<usize>(text));
  }
  entry.value = replaceText(entry.value, argumentAt(value), lengthOf(value));
  return entry;
}

function entryOf(argument: i32): Entry {
  return findKey(argumentAt(argument), lengthOf(argument));
}

/** Options of one SET. */
let onlyNew = false;
let onlyOld = false;
let keepsDeadline = false;
let givesOld = false;
let deadlineNs: i64 = 0;

/** Reads what follows the value; false: it is wrong, and the client has been told. */
function readOptions(): bool {
  onlyNew = onlyOld = keepsDeadline = givesOld = false;
  deadlineNs = 0;
  let time = 0;
  let unit = Unit.SECONDS;
  let from = From.NOW;
  for (let at = 3; at < argumentCount; at++) {
    const hasTime = at + 1 < argumentCount && time == 0 && !keepsDeadline;
    if (argumentIs(at, 'nx') && !onlyOld) {
      onlyNew = true;
    } else if (argumentIs(at, 'xx') && !onlyNew) {
      onlyOld = true;
    } else if (argumentIs(at, 'get')) {
      givesOld = true;
    } else if (argumentIs(at, 'keepttl') && time == 0) {
      keepsDeadline = true;
    } else if (hasTime && (argumentIs(at, 'ex') || argumentIs(at, 'exat'))) {
      from = lengthOf(at) == 2 ? From.NOW : From.EPOCH;
      time = ++at;
    } else if (hasTime && (argumentIs(at, 'px') || argumentIs(at, 'pxat'))) {
      unit = Unit.MILLISECONDS;
      from = lengthOf(at) == 2 ? From.NOW : From.EPOCH;
      time = ++at;
    } else {
      tellError(SYNTAX_ERROR);
      return false;
    }
  }
  if (time != 0) {
    if (!readDeadline(time, unit, from, true)) return false;
    deadlineNs = readNs;
  }
  return true;
}

function set(): void {
  if (argumentCount == 3) {
    clearDeadline(storeText(entryOf(1), 1, 2));
    tellOk();
    return;
  }
  if (!readOptions()) return;
  let entry = entryOf(1);
  if (givesOld) {
    if (entry != NONE && kindOf(entry.value) != Kind.TEXT) {
      tellWrongKind();
      return;
    }
    tellValue(entry == NONE ? 0 : entry.value);
  }
  if (entry == NONE ? onlyOld : onlyNew) {
    if (!givesOld) tellNull();
    return;
  }
  entry = storeText(entry, 1, 2);
  if (deadlineNs != 0) setDeadline(entry, deadlineNs);
  else if (!keepsDeadline) clearDeadline(entry);
  if (!givesOld) tellOk();
}

function setNew(): void {
  const isNew = entryOf(1) == NONE;
  if (isNew) storeText(NONE, 1, 2);
  tellInteger(isNew ? 1 : 0);
}

function setFor(unit: Unit): void {
  if (!readDeadline(2, unit, From.NOW, true)) return;
  setDeadline(storeText(entryOf(1), 1, 3), readNs);
  tellOk();
}

function getSet(): void {
  const value = valueOf(1, Kind.TEXT);
  if (value == WRONG) return;
  tellValue(value);
  clearDeadline(storeText(entryOf(1), 1, 2));
}

function getDelete(): void {
  const value = valueOf(1, Kind.TEXT);
  if (value == WRONG) return;
  tellValue(value);
  if (value != 0) removeKey(entryOf(1));
}

function length(): void {
  const value = valueOf(1, Kind.TEXT);
  if (value != WRONG) tellInteger(value == 0 ? 0 : textOf(value).length);
}

function append(): void {
  const value = valueOf(1, Kind.TEXT);
  if (value == WRONG) return;
  const entry = entryOf(1);
  if (value == 0) {
    storeText(NONE, 1, 2);
    tellInteger(lengthOf(2));
  } else if (textOf(value).length > TEXT_BYTES_MAX - lengthOf(2)) {
    tellError('ERR string exceeds maximum allowed size (proto-max-bulk-len)');
  } else {
    const text = appendText(textOf(value), argumentAt(2), lengthOf(2));
    entry.value = changetype<usize>(text);
    tellInteger(text.length);
  }
}

/** Adds to the number under a key; no key counts as 0. */
function add(difference: i64): void {
  const value = valueOf(1, Kind.TEXT);
  if (value == WRONG) return;
  if (value != 0 && !parseInteger(textOf(value).bytes, textOf(value).length)) {
    tellError(NO_INTEGER);
    return;
  }
  const before = value == 0 ? 0 : parsedInteger;
  if (difference < 0 ? before < i64.MIN_VALUE - difference : before > i64.MAX_VALUE - difference) {
    tellError('ERR increment or decrement would overflow');
    return;
  }
  const after = before + difference;
  if (value == 0) addKey(argumentAt(1), lengthOf(1), replaceInteger(0, after));
  else entryOf(1).value = replaceInteger(value, after);
  tellInteger(after);
}

function addBy(): void {
  if (isInteger(2)) add(integer());
}

function subtractBy(): void {
  if (!isInteger(2)) return;
  if (integer() == i64.MIN_VALUE) tellError('ERR decrement would overflow');
  else add(-integer());
}

function getMany(): void {
  tellArray(argumentCount - 1);
  for (let at = 1; at < argumentCount; at++) {
    const entry = entryOf(at);
    tellValue(entry == NONE || kindOf(entry.value) != Kind.TEXT ? 0 : entry.value);
  }
}

function setMany(): void {
  if ((argumentCount & 1) == 0) {
    tellWrongCount();
    return;
  }
  for (let at = 1; at < argumentCount; at += 2) clearDeadline(storeText(entryOf(at), at, at + 1));
  tellOk();
}

command('get', 2, Flag.NONE, get);
command('set', -3, Flag.ADDS, set);
command('setnx', 3, Flag.ADDS, setNew);
command('setex', 4, Flag.ADDS, () => setFor(Unit.SECONDS));
command('psetex', 4, Flag.ADDS, () => setFor(Unit.MILLISECONDS));
command('getset', 3, Flag.ADDS, getSet);
command('getdel', 2, Flag.NONE, getDelete);
command('strlen', 2, Flag.NONE, length);
command('append', 3, Flag.ADDS, append);
command('incr', 2, Flag.ADDS, () => add(1));
command('decr', 2, Flag.ADDS, () => add(-1));
command('incrby', 3, Flag.ADDS, addBy);
command('decrby', 3, Flag.ADDS, subtractBy);
command('mget', -2, Flag.NONE, getMany);
command('mset', -3, Flag.ADDS, setMany);
