// Answers, gathered: all that one client is told in a turn is one write.
import { putInteger } from './bytes';
import { Buffer, newBuffer } from './buffer';
import { hasRoomFor, resize } from './memory';
import { TEXT_BYTES_MAX } from './values';

/** Bytes that one client is told in a turn at most: two of the greatest texts. One who asks for more is cut off. */
const REPLY_BYTES_MAX: i32 = 2 * TEXT_BYTES_MAX + (1 << 20);
/** What the buffer keeps between turns. */
const KEPT_BYTES: i32 = 1 << 20;

/** What is to be told. */
export const replies: Buffer = newBuffer();
/** It was more than there is room for: the client can't be told, and no answer may be left out. */
export let isOverfull: bool = false;

/** Nothing is to be told. */
export function beginReplies(): void {
  replies.clear();
  isOverfull = false;
  if (replies.capacity > KEPT_BYTES) {
    replies.block = resize(replies.block, KEPT_BYTES);
    replies.capacity = KEPT_BYTES;
  }
}

/** Makes room; false: there is none. */
function reserve(bytes: i32): bool {
  if (isOverfull) return false;
  if (replies.capacity - replies.to < bytes) {
    // It grows to twice its size; old and new stand side by side for a moment.
    const grown = max(replies.to + bytes, 2 * replies.capacity);
    isOverfull = replies.to > REPLY_BYTES_MAX - bytes || !hasRoomFor(grown);
    if (isOverfull) return false;
  }
  replies.reserve(bytes);
  return true;
}

// @ts-ignore: decorator
@inline
function put(byte: u8): void {
  store<u8>(replies.block + <usize>replies.to, byte);
  replies.to++;
}

// @ts-ignore: decorator
@inline
function putLineEnd(): void {
  store<u16>(replies.block + <usize>replies.to, 0x0a0d);
  replies.to += 2;
}

/** ASCII as it is. */
export function tellText(text: string): void {
  const length = text.length;
  if (!reserve(length)) return;
  for (let at = 0; at < length; at++) put(<u8>text.charCodeAt(at));
}

/** Bytes as they are. */
export function tellBytes(address: usize, length: i32): void {
  if (!reserve(length)) return;
  replies.append(address, length);
}

/** Bytes within a line: what would end it becomes a space. */
export function tellInLine(address: usize, length: i32): void {
  if (!reserve(length)) return;
  for (let at = 0; at < length; at++) {
    const byte = load<u8>(address + <usize>at);
    put(byte == 13 || byte == 10 ? 32 : byte);
  }
}

function tellHeader(sign: u8, value: i64): void {
  if (!reserve(24)) return;
  put(sign);
  replies.to += putInteger(value, replies.block + <usize>replies.to);
  putLineEnd();
}

/** `+TEXT` */
export function tellStatus(text: string): void {
  tellText('+');
  tellText(text);
  tellText('\r\n');
}

export function tellOk(): void {
  if (!reserve(8)) return;
  store<u32>(replies.block + <usize>replies.to, 0x0d4b4f2b);
  store<u8>(replies.block + <usize>replies.to, 10, 4);
  replies.to += 5;
}

/** `-TEXT`; the text begins with its code. */
export function tellError(text: string): void {
  tellText('-');
  tellText(text);
  tellText('\r\n');
}

export function tellInteger(value: i64): void {
  tellHeader(58, value);
}

export function tellArray(count: i32): void {
  tellHeader(42, count);
}

export function tellBulk(address: usize, length: i32): void {
  if (!reserve(length + 32)) return;
  tellHeader(36, length);
  memory.copy(replies.block + <usize>replies.to, address, length);
  replies.to += length;
  putLineEnd();
}

export function tellBulkText(text: string): void {
  tellHeader(36, text.length);
  tellText(text);
  tellText('\r\n');
}

export function tellBulkInteger(value: i64): void {
  const length = putInteger(value, digits);
  tellBulk(digits, length);
}
const digits: usize = memory.data(32);

export function tellNull(): void {
  tellText('$-1\r\n');
}

export function tellNullArray(): void {
  tellText('*-1\r\n');
}

const header: usize = memory.data(32);

/** Makes what was told since `from` an array of `count`: for those who know their number only at the end. */
export function tellArrayBefore(from: i32, count: i32): void {
  const bytes = putInteger(count, header + 1) + 3;
  if (!reserve(bytes)) return;
  store<u8>(header, 42);
  store<u16>(header + <usize>bytes - 2, 0x0a0d);
  const start = replies.block + <usize>from;
  memory.copy(start + <usize>bytes, start, replies.to - from);
  memory.copy(start, header, bytes);
  replies.to += bytes;
}
