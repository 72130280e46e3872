// One connection: lines in, and what follows some of them; answers out, one after the other.
//
// Answers are told in two parts: lines, which are held, and of `read` the file itself, of which only a range is held: it
// only ever grows, so that what was promised can be written whenever there is room. While there is something to be told nothing
// more is asked.
import { exit, streamWrite } from '../../lib/hardware';
import { Connection } from '../../lib/sockets';
import { decode, encode } from '../../lib/text';
import { append, CROWDED, fileAt, fileLength, FULL, OLD } from './file';

const LINE_BYTES_MAX: i32 = 128;
const CLIENT_BYTES_MAX: i32 = 64;
/** It is held until all of it is there. */
const APPEND_BYTES_MAX: i32 = 1 << 20;
const ANSWER_BYTES_MAX: i32 = 128;
const READ_BYTES: i32 = 16 * 1024;
const NEWLINE: u8 = 10;

const read = new Uint8Array(READ_BYTES);

export class Conversation {
  /** What was said and not yet understood: `held` from the front to `length`. */
  private held: Uint8Array = new Uint8Array(0);
  private length: i32 = 0;
  private answer: Uint8Array = new Uint8Array(ANSWER_BYTES_MAX);
  private answerFrom: i32 = 0;
  private answerTo: i32 = 0;
  /** Of the file, what is to be told after the answer. */
  private fileFrom: i32 = 0;
  private fileTo: i32 = 0;
  private isOver: bool = false;

  constructor(readonly connection: Connection) {}

  /** Goes on as far as there is something said, and room for answers; false: it is over. */
  goOn(): bool {
    while (true) {
      const told = this.tell();
      if (told < 0 || (told > 0 && this.isOver)) return false;
      if (told == 0) return true;
      if (this.understand()) continue;
      const count = this.connection.read(read);
      if (count <= 0) return count == 0;
      this.hold(count);
    }
  }

  /** Writes what is to be told: 1: all of it; 0: there is no room; negative: the client is gone. */
  private tell(): i32 {
    while (this.answerFrom < this.answerTo) {
      const taken = this.connection.write(this.answer, this.answerFrom, this.answerTo - this.answerFrom);
      if (taken <= 0) return taken;
      this.answerFrom += taken;
    }
    while (this.fileFrom < this.fileTo) {
      const taken = streamWrite(this.connection.stream, fileAt(this.fileFrom), this.fileTo - this.fileFrom);
      if (taken <= 0) return taken;
      this.fileFrom += taken;
    }
    return 1;
  }

  private hold(count: i32): void {
    if (this.length + count > this.held.length) {
      const greater = new Uint8Array(max(2 * this.held.length, this.length + count));
      memory.copy(greater.dataStart, this.held.dataStart, this.length);
      this.held = greater;
    }
    memory.copy(this.held.dataStart + <usize>this.length, read.dataStart, count);
    this.length += count;
  }

  private forget(count: i32): void {
    this.length -= count;
    if (this.length == 0) this.held = new Uint8Array(0);
    else memory.copy(this.held.dataStart, this.held.dataStart + <usize>count, this.length);
  }

  /** Does what the next line says; false: it, or what follows it, is not there. */
  private understand(): bool {
    let end = 0;
    while (end < this.length && end <= LINE_BYTES_MAX && this.held[end] != NEWLINE) end++;
    if (end > LINE_BYTES_MAX) return this.breakOff('too long');
    if (end == this.length) return false;
    const words = decode(this.held.dataStart, end > 0 && this.held[end - 1] == 13 ? end - 1 : end).split(' ');
    if (words[0] == 'append') return this.append(words, end + 1);
    this.forget(end + 1);
    if (words.length == 1 && words[0] == 'read') {
      this.say(fileLength.toString());
      this.fileFrom = 0;
      this.fileTo = fileLength;
    } else if (words.length == 1 && words[0] == 'quit') {
      exit(0);
    } else {
      this.say('error unknown command');
    }
    return true;
  }

  private append(words: string[], lineBytes: i32): bool {
    if (words.length != 4 || words[1].length == 0) return this.breakOff('append CLIENT SEQUENCE LENGTH');
    const sequence = wholeNumber(words[2]);
    const length = wholeNumber(words[3]);
    if (sequence < 1 || length < 0) return this.breakOff('a sequence is a number from 1 on, a length one from 0 on');
    if (words[1].length > CLIENT_BYTES_MAX || length > APPEND_BYTES_MAX) return this.breakOff('too long');
    if (this.length < lineBytes + <i32>length) return false;
    const offset = append(words[1], sequence, this.held.dataStart + <usize>lineBytes, <i32>length);
    this.forget(lineBytes + <i32>length);
    if (offset == OLD) this.say('old');
    else if (offset == FULL) this.say('error the file is full');
    else if (offset == CROWDED) this.say('error too many clients');
    else this.say(`ok ${offset}`);
    return true;
  }

  private say(line: string): void {
    this.answerFrom = 0;
    this.answerTo = encode(`${line}\n`, this.answer.dataStart);
  }

  /** Says why, and that is the last. */
  private breakOff(why: string): bool {
    this.say(`error ${why}`);
    this.isOver = true;
    return true;
  }
}

/** The number that digits spell, 18 at most; -1: they spell none. */
function wholeNumber(text: string): i64 {
  if (text.length < 1 || text.length > 18) return -1;
  let value: i64 = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
