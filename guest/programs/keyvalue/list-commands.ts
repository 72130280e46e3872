// Commands on lists.
import { argumentAt, argumentCount, command, Flag, integer, isCount, isInteger, lengthOf } from './command';
import { tellWrongCount } from './dispatch';
import { release } from './memory';
import { tellArray, tellBulk, tellInteger, tellNull, tellNullArray } from './reply';
import { madeValueOf, removeIfEmpty, valueOf, WRONG } from './typed';
import { Kind, List, newText } from './values';

function push(atFront: bool): void {
  const value = madeValueOf(1, Kind.LIST);
  if (value == WRONG) return;
  const list = changetype<List>(value);
  for (let at = 2; at < argumentCount; at++) list.push(newText(argumentAt(at), lengthOf(at)), atFront);
  tellInteger(list.count);
}

function pop(atFront: bool): void {
  if (argumentCount > 3) {
    tellWrongCount();
    return;
  }
  const counted = argumentCount == 3;
  if (counted && !isCount(2)) return;
  const most = counted ? integer() : 1;
  const value = valueOf(1, Kind.LIST);
  if (value == WRONG) return;
  if (value == 0) {
    if (counted) tellNullArray();
    else tellNull();
    return;
  }
  const list = changetype<List>(value);
  const count = <i32>min<i64>(most, list.count);
  if (counted) tellArray(count);
  for (let popped = 0; popped < count; popped++) {
    const text = list.pop(atFront);
    tellBulk(text.bytes, text.length);
    release(changetype<usize>(text));
  }
  removeIfEmpty(1, list.count);
}

function length(): void {
  const value = valueOf(1, Kind.LIST);
  if (value != WRONG) tellInteger(value == 0 ? 0 : changetype<List>(value).count);
}

function range(): void {
  if (!isInteger(2)) return;
  let from = integer();
  if (!isInteger(3)) return;
  let to = integer();
  const value = valueOf(1, Kind.LIST);
  if (value == WRONG) return;
  const count: i64 = value == 0 ? 0 : changetype<List>(value).count;
  if (from < 0) from = max(from + count, 0);
  if (to < 0) to += count;
  to = min(to, count - 1);
  if (from > to) {
    tellArray(0);
    return;
  }
  tellArray(<i32>(to - from + 1));
  for (let at = <i32>from; at <= <i32>to; at++) {
    const text = changetype<List>(value).at(at);
    tellBulk(text.bytes, text.length);
  }
}

function index(): void {
  const value = valueOf(1, Kind.LIST);
  if (value == WRONG) return;
  if (value == 0) {
    tellNull();
    return;
  }
  if (!isInteger(2)) return;
  const list = changetype<List>(value);
  const at = integer() < 0 ? integer() + list.count : integer();
  if (at < 0 || at >= list.count) {
    tellNull();
    return;
  }
  const text = list.at(<i32>at);
  tellBulk(text.bytes, text.length);
}

command('lpush', -3, Flag.ADDS, () => push(true));
command('rpush', -3, Flag.ADDS, () => push(false));
command('lpop', -2, Flag.NONE, () => pop(true));
command('rpop', -2, Flag.NONE, () => pop(false));
command('llen', 2, Flag.NONE, length);
command('lrange', 4, Flag.NONE, range);
command('lindex', 3, Flag.NONE, index);
