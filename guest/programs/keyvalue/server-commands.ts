// Commands on the server and the connection: what clients ask before they begin, and what people ask to see.
//
// The server speaks as Redis 7.0 does, in RESP2 only, with one database and nothing on a disk.
import { realTimeNs } from '../../lib/clock';
import { exit } from '../../lib/hardware';
import { matches, parsedInteger, parseInteger } from './bytes';
import { appended, Client, clientCount, eachClient, NO_BUFFER } from './client';
import {
  argumentAt,
  argumentCount,
  argumentIs,
  asking,
  command,
  commandCount,
  Flag,
  integer,
  isInteger,
  lengthOf,
  SYNTAX_ERROR,
} from './command';
import { deadlineCount } from './deadlines';
import { tellWrongCount } from './dispatch';
import { expiredCount, keys } from './keyspace';
import { limitBytes, usedBytes } from './memory';
import {
  replies,
  tellArray,
  tellArrayBefore,
  tellBulk,
  tellBulkInteger,
  tellBulkText,
  tellBytes,
  tellError,
  tellInLine,
  tellInteger,
  tellNull,
  tellOk,
  tellStatus,
  tellText,
} from './reply';
import { forgetTransaction } from './transactions';
import { TEXT_BYTES_MAX } from './values';
import { releaseBuffer } from './buffer';

/** The version whose commands these are: clients decide by it what they may ask for. */
const VERSION = '7.0.15';

function ping(): void {
  if (argumentCount == 1) tellStatus('PONG');
  else if (argumentCount == 2) tellBulk(argumentAt(1), lengthOf(1));
  else tellWrongCount();
}

function select(): void {
  if (!isInteger(1)) return;
  if (integer() == 0) tellOk();
  else if (integer() != <i64>(<i32>integer()))
    tellError('ERR value is out of range, value must between -2147483648 and 2147483647');
  else tellError('ERR DB index is out of range');
}

function tellUnknownSubcommand(): void {
  tellText("-ERR unknown subcommand '");
  tellInLine(argumentAt(1), min(lengthOf(1), 128));
  tellText("'. Try ");
  tellInLine(argumentAt(0), lengthOf(0));
  tellText(' HELP.\r\n');
}

let settingsTold = 0;
const settingName: usize = memory.data(64);

/** Tells a setting, if one of the patterns asked for matches its name. */
function tellSetting(name: string, value: string): void {
  for (let at = 0; at < name.length; at++) store<u8>(settingName + <usize>at, <u8>name.charCodeAt(at));
  for (let pattern = 2; pattern < argumentCount; pattern++) {
    if (!matches(argumentAt(pattern), lengthOf(pattern), settingName, name.length)) continue;
    tellBulkText(name);
    tellBulkText(value);
    settingsTold += 2;
    return;
  }
}

function config(): void {
  if (argumentIs(1, 'get') && argumentCount > 2) {
    const from = replies.length;
    settingsTold = 0;
    tellSetting('save', '');
    tellSetting('appendonly', 'no');
    tellSetting('databases', '1');
    tellSetting('maxmemory', limitBytes.toString());
    tellSetting('maxmemory-policy', 'noeviction');
    tellSetting('proto-max-bulk-len', TEXT_BYTES_MAX.toString());
    tellSetting('timeout', '0');
    tellArrayBefore(from, settingsTold);
  } else if (argumentIs(1, 'set') || argumentIs(1, 'resetstat')) {
    tellOk();
  } else {
    tellUnknownSubcommand();
  }
}

function describeCommands(): void {
  if (argumentCount == 1 || argumentIs(1, 'docs') || argumentIs(1, 'info') || argumentIs(1, 'list')) tellArray(0);
  else if (argumentIs(1, 'count')) tellInteger(commandCount());
  else tellUnknownSubcommand();
}

function info(): void {
  let text = `# Server\r\nredis_version:${VERSION}\r\nredis_mode:standalone\r\n\r\n`;
  text += `# Clients\r\nconnected_clients:${clientCount()}\r\n\r\n`;
  text += `# Memory\r\nused_memory:${usedBytes}\r\nmaxmemory:${limitBytes}\r\nmaxmemory_policy:noeviction\r\n\r\n`;
  text += '# Persistence\r\nloading:0\r\n\r\n';
  text += `# Stats\r\nexpired_keys:${expiredCount}\r\n\r\n`;
  text += '# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n# Keyspace\r\n';
  if (keys.count > 0) text += `db0:keys=${keys.count},expires=${deadlineCount},avg_ttl=0\r\n`;
  tellBulkText(text);
}

/** Gives the asking client the name in an argument; false: it is none, and the client has been told. */
function setName(argument: i32): bool {
  const address = argumentAt(argument);
  const length = lengthOf(argument);
  for (let at = 0; at < length; at++) {
    const byte = load<u8>(address + <usize>at);
    if (byte >= 33 && byte <= 126) continue;
    tellError('ERR Client names cannot contain spaces, newlines or special characters.');
    return false;
  }
  if (asking.name != NO_BUFFER) {
    releaseBuffer(asking.name);
    asking.name = NO_BUFFER;
  }
  if (length > 0) asking.name = appended(NO_BUFFER, address, length);
  return true;
}

function tellClient(client: Client): void {
  tellText(`id=${client.id} addr=stream:${client.stream} name=`);
  if (client.name != NO_BUFFER) tellBytes(client.name.start, client.name.length);
  tellText(` db=0 multi=${client.transaction == 0 ? -1 : client.queuedCount}`);
  tellText(` qbuf=${client.input == NO_BUFFER ? 0 : client.input.length}`);
  tellText(` omem=${client.output == NO_BUFFER ? 0 : client.output.length} resp=2\n`);
}

const lengthDigits: usize = memory.data(32);

/** Makes what was told since `from` a bulk string. */
function tellAsBulk(from: i32): void {
  const length = replies.length - from;
  const text = `$${length}\r\n`;
  tellText(text);
  tellText('\r\n');
  if (replies.length == 0) return;
  // Header and line end stand behind the text: the header is moved before it.
  const start = replies.start + <usize>from;
  for (let at = 0; at < text.length; at++) store<u8>(lengthDigits + <usize>at, <u8>text.charCodeAt(at));
  memory.copy(start + <usize>text.length, start, length);
  memory.copy(start, lengthDigits, text.length);
}

function client(): void {
  if (argumentIs(1, 'setinfo')) {
    if (argumentCount == 4) tellOk();
    else tellError("ERR wrong number of arguments for 'client|setinfo' command");
  } else if (argumentIs(1, 'setname') && argumentCount == 3) {
    if (setName(2)) tellOk();
  } else if (argumentIs(1, 'getname') && argumentCount == 2) {
    if (asking.name == NO_BUFFER) tellNull();
    else tellBulk(asking.name.start, asking.name.length);
  } else if (argumentIs(1, 'id') && argumentCount == 2) {
    tellInteger(asking.id);
  } else if (argumentIs(1, 'info') && argumentCount == 2) {
    const from = replies.length;
    tellClient(asking);
    tellAsBulk(from);
  } else if (argumentIs(1, 'list')) {
    const from = replies.length;
    eachClient(tellClient);
    tellAsBulk(from);
  } else {
    tellUnknownSubcommand();
  }
}

function hello(): void {
  if (argumentCount > 1) {
    if (!parseInteger(argumentAt(1), lengthOf(1))) {
      tellError('ERR Protocol version is not an integer or out of range');
      return;
    }
    if (parsedInteger != 2) {
      tellError('NOPROTO unsupported protocol version');
      return;
    }
  }
  for (let at = 2; at < argumentCount; at += 2) {
    if (!argumentIs(at, 'setname') || at + 1 == argumentCount) {
      tellText("-ERR Syntax error in HELLO option '");
      tellInLine(argumentAt(at), min(lengthOf(at), 128));
      tellText("'\r\n");
      return;
    }
    if (!setName(at + 1)) return;
  }
  tellArray(14);
  tellBulkText('server');
  tellBulkText('redis');
  tellBulkText('version');
  tellBulkText(VERSION);
  tellBulkText('proto');
  tellInteger(2);
  tellBulkText('id');
  tellInteger(asking.id);
  tellBulkText('mode');
  tellBulkText('standalone');
  tellBulkText('role');
  tellBulkText('master');
  tellBulkText('modules');
  tellArray(0);
}

function quit(): void {
  tellOk();
  asking.isLeaving = true;
}

function reset(): void {
  forgetTransaction(asking);
  if (asking.name != NO_BUFFER) releaseBuffer(asking.name);
  asking.name = NO_BUFFER;
  tellStatus('RESET');
}

function time(): void {
  const microseconds = realTimeNs() / 1000;
  tellArray(2);
  tellBulkInteger(microseconds / 1_000_000);
  tellBulkInteger(microseconds % 1_000_000);
}

function shutdown(): void {
  if (argumentCount > 2 || (argumentCount == 2 && !argumentIs(1, 'nosave') && !argumentIs(1, 'now'))) {
    tellError(SYNTAX_ERROR);
    return;
  }
  exit(0);
}

command('ping', -1, Flag.NONE, ping);
command('echo', 2, Flag.NONE, () => tellBulk(argumentAt(1), lengthOf(1)));
command('select', 2, Flag.NONE, select);
command('config', -2, Flag.NONE, config);
command('command', -1, Flag.NONE, describeCommands);
command('info', -1, Flag.NONE, info);
command('client', -2, Flag.NONE, client);
command('hello', -1, Flag.NONE, hello);
command('quit', -1, Flag.AT_ONCE, quit);
command('reset', 1, Flag.AT_ONCE, reset);
command('time', 1, Flag.NONE, time);
command('shutdown', -1, Flag.AT_ONCE, shutdown);
