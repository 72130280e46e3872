// Requests out of bytes: arrays of bulk strings (RESP2), or lines of words. Parsed where they lie, and where it was left off.
//
// A request is a list of spans, each the place of one argument relative to the request's first byte, for the bytes may move
// while the rest of them is awaited. What has been looked at is not looked at again, however slowly a client sends.
//
//     *2 CR LF $3 CR LF GET CR LF $1 CR LF x CR LF        span     0        4        8
//                       ^8, 3              ^17, 1                  | offset | length |
import { lowercase, parsedInteger, parseInteger } from './bytes';
import { allocate, release, resize } from './memory';
import { TEXT_BYTES_MAX } from './values';

/** A line that is longer is no line of a client that means well (PROTO_INLINE_MAX_SIZE of Redis). */
const LINE_BYTES_MAX: i32 = 64 * 1024;
/** As in Redis. Eight bytes of a span each. */
const ARGUMENTS_MAX: i64 = 1024 * 1024;
/** One text of the greatest length, and as much again. It is held in memory until it is complete. */
const REQUEST_BYTES_MAX: i32 = 2 * TEXT_BYTES_MAX;

const SPANS_LEAST: i32 = 16;
const RETURN: u8 = 13;
const NEWLINE: u8 = 10;

/** Answers of `parse`, where it is not the number of the request's bytes. */
export const INCOMPLETE: i32 = 0;
export const REFUSED: i32 = -1;

/** Why the latest request was refused. */
export let refusal: string = '';
/** Follows the refusal between quotes, where it is one that names a byte. */
export let refusedByte: i32 = -1;

@unmanaged
export class Request {
  /** Arguments found; none: an empty line, which asks nothing. */
  count: i32;
  private spans: usize;
  private capacity: i32;
  /** Arguments that are still to come; -1: what comes next begins a request. */
  private missing: i32;
  /** Bytes of the argument that comes next; -1: its length comes next. */
  private bulkBytes: i32;
  /** What follows has not been parsed, and from `searched` on not been looked at. */
  private parsed: i32;
  private searched: i32;

  @inline
  offsetOf(argument: i32): u32 {
    return load<u32>(this.spans + (<usize>argument << 3));
  }

  @inline
  lengthOf(argument: i32): i32 {
    return load<i32>(this.spans + (<usize>argument << 3), 4);
  }

  /** Makes it ready for another request. */
  clear(): void {
    this.count = 0;
    this.missing = -1;
    this.bulkBytes = -1;
    this.parsed = 0;
    this.searched = 0;
    if (this.capacity > 64 * SPANS_LEAST) {
      this.capacity = SPANS_LEAST;
      this.spans = resize(this.spans, <usize>this.capacity << 3);
    }
  }

  begin(): Request {
    this.spans = allocate(SPANS_LEAST << 3);
    this.capacity = SPANS_LEAST;
    this.clear();
    return this;
  }

  end(): void {
    release(this.spans);
  }

  addSpan(offset: i32, length: i32): void {
    if (this.count == this.capacity) {
      this.capacity <<= 1;
      this.spans = resize(this.spans, <usize>this.capacity << 3);
    }
    const span = this.spans + (<usize>this.count << 3);
    this.count++;
    store<i32>(span, offset);
    store<i32>(span, length, 4);
  }

  /** Whether some of a request has been found, and not all. */
  get isUnderWay(): bool {
    return this.missing >= 0 || this.searched > 0;
  }

  /**
   * Looks at the bytes of a request from its first on: how many it has, INCOMPLETE or REFUSED. What it is asked again with
   * after INCOMPLETE begins with the same bytes.
   */
  parse(start: usize, length: i32): i32 {
    if (this.missing < 0) {
      if (length == 0) return INCOMPLETE;
      if (load<u8>(start) != 42) return this.parseLine(start, length);
      const outcome = this.parseHeader(start, length, 'too big mbulk count string');
      if (outcome <= 0) return outcome;
      if (parsedInteger > ARGUMENTS_MAX) return refuse('invalid multibulk length');
      this.missing = <i32>max(parsedInteger, 0);
    }
    while (this.missing > 0) {
      if (this.bulkBytes < 0) {
        if (this.parsed == length) return INCOMPLETE;
        const first = load<u8>(start + <usize>this.parsed);
        if (first != 36) return refuse("expected '$', got '", first);
        const outcome = this.parseHeader(start, length, 'too big bulk count string');
        if (outcome <= 0) return outcome;
        if (parsedInteger < 0 || parsedInteger > TEXT_BYTES_MAX) return refuse('invalid bulk length');
        this.bulkBytes = <i32>parsedInteger;
      }
      if (this.parsed > REQUEST_BYTES_MAX - this.bulkBytes) return refuse('too big request');
      const end = this.parsed + this.bulkBytes + 2;
      if (end > length) return INCOMPLETE;
      this.addSpan(this.parsed, this.bulkBytes);
      this.parsed = end;
      this.searched = end;
      this.bulkBytes = -1;
      this.missing--;
    }
    return this.parsed;
  }

  /** The number in `*N CR LF` or `$N CR LF`; positive: it is there, and is `parsedInteger`. */
  private parseHeader(start: usize, length: i32, tooLong: string): i32 {
    let at = this.searched;
    while (at < length && load<u8>(start + <usize>at) != RETURN) at++;
    this.searched = at;
    // The line feed that follows is as much a part of it.
    if (at + 1 >= length) return length - this.parsed > LINE_BYTES_MAX ? refuse(tooLong) : INCOMPLETE;
    const from = this.parsed + 1;
    if (!parseInteger(start + <usize>from, at - from)) {
      return refuse(load<u8>(start + <usize>this.parsed) == 42 ? 'invalid multibulk length' : 'invalid bulk length');
    }
    this.parsed = at + 2;
    this.searched = at + 2;
    return 1;
  }

  /** Words in a line, up to its end. */
  private parseLine(start: usize, length: i32): i32 {
    let at = this.searched;
    while (at < length && load<u8>(start + <usize>at) != NEWLINE) at++;
    this.searched = at;
    if (at > LINE_BYTES_MAX) return refuse('too big inline request');
    if (at == length) return INCOMPLETE;
    const end = at > 0 && load<u8>(start + <usize>at - 1) == RETURN ? at - 1 : at;
    return splitWords(this, start, end) ? at + 1 : refuse('unbalanced quotes in request');
  }
}

function refuse(why: string, byte: i32 = -1): i32 {
  refusal = why;
  refusedByte = byte;
  return REFUSED;
}

// @ts-ignore: decorator
@inline
function isSpace(byte: u8): bool {
  return byte == 32 || (byte >= 9 && byte <= 13);
}

function hexDigit(byte: u8): i32 {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = <i32>lowercase(byte);
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** Finds words, some of them in quotes, which are written without these over where they stand; false: a quote stays open. */
function splitWords(request: Request, start: usize, end: i32): bool {
  let at = 0;
  while (at < end) {
    if (isSpace(load<u8>(start + <usize>at))) {
      at++;
      continue;
    }
    const from = at;
    let to = at;
    let quote: u8 = 0;
    while (at < end) {
      let byte = load<u8>(start + <usize>at);
      if (quote == 0 && isSpace(byte)) break;
      if (quote == 0 && (byte == 34 || byte == 39)) {
        quote = byte;
        at++;
        continue;
      }
      if (quote != 0 && byte == quote) {
        quote = 0;
        at++;
        // A closing quote ends its word.
        if (at < end && !isSpace(load<u8>(start + <usize>at))) return false;
        break;
      }
      if (quote != 0 && byte == 92 && at + 1 < end) {
        const taken = escapedBytes(start + <usize>at, end - at, quote);
        byte = escapedByte;
        at += taken - 1;
      }
      store<u8>(start + <usize>to, byte);
      to++;
      at++;
    }
    if (quote != 0) return false;
    request.addSpan(from, to - from);
  }
  return true;
}

let escapedByte: u8 = 0;

/** Reads what begins with a backslash between quotes into `escapedByte`: of how many bytes. Single quotes know `\'` only. */
function escapedBytes(address: usize, length: i32, quote: u8): i32 {
  const next = load<u8>(address, 1);
  if (quote == 39) {
    escapedByte = next == 39 ? next : 92;
    return next == 39 ? 2 : 1;
  }
  if (next == 120 && length >= 4) {
    const high = hexDigit(load<u8>(address, 2));
    const low = hexDigit(load<u8>(address, 3));
    if (high >= 0 && low >= 0) {
      escapedByte = <u8>((high << 4) | low);
      return 4;
    }
  }
  escapedByte = next;
  if (next == 110) escapedByte = 10;
  else if (next == 114) escapedByte = 13;
  else if (next == 116) escapedByte = 9;
  else if (next == 98) escapedByte = 8;
  else if (next == 97) escapedByte = 7;
  return 2;
}

export function newRequest(): Request {
  return changetype<Request>(allocate(offsetof<Request>())).begin();
}
