// Commands on keys, whatever they hold: whether they are there, for how long, and which there are.
import { matches } from './bytes';
import { argumentAt, argumentCount, argumentIs, command, Flag, lengthOf, SYNTAX_ERROR } from './command';
import { clearDeadline, deadlineOf, nowNs, setDeadline } from './deadlines';
import { Entry, NONE } from './dictionary';
import { findKey, keys, removeAllKeys, removeKey } from './keyspace';
import { replies, tellArrayBefore, tellBulk, tellError, tellInLine, tellInteger, tellOk, tellStatus, tellText } from './reply';
import { From, leftMs, readDeadline, readNs, Unit } from './times';
import { Kind, kindOf } from './values';

function entryOf(argument: i32): Entry {
  return findKey(argumentAt(argument), lengthOf(argument));
}

function remove(): void {
  let count = 0;
  for (let at = 1; at < argumentCount; at++) {
    const entry = entryOf(at);
    if (entry == NONE) continue;
    removeKey(entry);
    count++;
  }
  tellInteger(count);
}

function exists(): void {
  let count = 0;
  for (let at = 1; at < argumentCount; at++) if (entryOf(at) != NONE) count++;
  tellInteger(count);
}

function expire(unit: Unit): void {
  if (argumentCount > 3) {
    tellText('-ERR Unsupported option ');
    tellInLine(argumentAt(3), min(lengthOf(3), 128));
    tellText('\r\n');
    return;
  }
  if (!readDeadline(2, unit, From.NOW, false)) return;
  const entry = entryOf(1);
  if (entry != NONE) {
    if (readNs <= nowNs()) removeKey(entry);
    else setDeadline(entry, readNs);
  }
  tellInteger(entry == NONE ? 0 : 1);
}

/** What is left of a key's time in milliseconds; -1: it has no end, -2: there is no such key. */
function timeLeftMs(): i64 {
  const entry = entryOf(1);
  if (entry == NONE) return -2;
  return entry.place == 0 ? -1 : leftMs(deadlineOf(entry));
}

function timeLeft(): void {
  const milliseconds = timeLeftMs();
  tellInteger(milliseconds < 0 ? milliseconds : (milliseconds + 500) / 1000);
}

function persist(): void {
  const entry = entryOf(1);
  const hadDeadline = entry != NONE && entry.place != 0;
  if (hadDeadline) clearDeadline(entry);
  tellInteger(hadDeadline ? 1 : 0);
}

function type(): void {
  const entry = entryOf(1);
  if (entry == NONE) {
    tellStatus('none');
    return;
  }
  const kind = kindOf(entry.value);
  tellStatus(kind == Kind.TEXT ? 'string' : kind == Kind.HASH ? 'hash' : kind == Kind.LIST ? 'list' : 'set');
}

function matching(): void {
  const pattern = argumentAt(1);
  const from = replies.length;
  let count = 0;
  for (let entry = keys.first; entry != NONE; entry = keys.after(entry)) {
    if (!matches(pattern, lengthOf(1), entry.key, entry.keyLength)) continue;
    if (entry.place != 0 && deadlineOf(entry) <= nowNs()) continue;
    tellBulk(entry.key, entry.keyLength);
    count++;
  }
  tellArrayBefore(from, count);
}

function flush(): void {
  const isPlain = argumentCount == 1 || (argumentCount == 2 && (argumentIs(1, 'sync') || argumentIs(1, 'async')));
  if (!isPlain) {
    tellError(SYNTAX_ERROR);
    return;
  }
  removeAllKeys();
  tellOk();
}

command('del', -2, Flag.NONE, remove);
command('unlink', -2, Flag.NONE, remove);
command('exists', -2, Flag.NONE, exists);
command('expire', -3, Flag.NONE, () => expire(Unit.SECONDS));
command('pexpire', -3, Flag.NONE, () => expire(Unit.MILLISECONDS));
command('ttl', 2, Flag.NONE, timeLeft);
command('pttl', 2, Flag.NONE, () => tellInteger(timeLeftMs()));
command('persist', 2, Flag.NONE, persist);
command('type', 2, Flag.NONE, type);
command('keys', 2, Flag.NONE, matching);
command('dbsize', 1, Flag.NONE, () => tellInteger(keys.count));
command('flushall', -1, Flag.NONE, flush);
command('flushdb', -1, Flag.NONE, flush);
