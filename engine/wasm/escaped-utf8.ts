// Bytes that are mostly UTF-8 as text, and back without loss: what a user's shell hands to a program need not be UTF-8.
//
//   well-formed UTF-8      its text
//   any other byte b       the lone surrogate U+DC00 + b, which no text has (as Python's surrogateescape, PEP 383)
//
// So arguments and the environment stay strings, in options, JSON, snapshots and messages, and become the very bytes again
// where the program asks for them. JSON escapes lone surrogates, and structured clones keep them; who writes strings as
// UTF-8 (snapshot/plain.ts) has to write them as here.

const ESCAPE_BASE = 0xdc00;
/** No byte below 0x80 is ever escaped. */
const ESCAPE_LEAST = 0xdc80;
const ESCAPE_GREATEST = 0xdcff;

/** U+FFFD: what decoders of UTF-8 put in place of bytes that are none. */
export const REPLACEMENT = '\ufffd';

/** Every escape, as a code point of its own: half of a pair is none. */
const ESCAPES = /[\udc80-\udcff]/u;

/** Whether the text stands for bytes that are not UTF-8. */
export function hasEscapes(text: string): boolean {
  return ESCAPES.test(text);
}

/** The text of all bytes, whatever they are. */
export function decodeEscaped(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length === 0) text += String.fromCharCode(ESCAPE_BASE + bytes[at++]!);
    else {
      text += String.fromCodePoint(pointAt(bytes, at, length));
      at += length;
    }
  }
  return text;
}

/** Length of the well-formed sequence at `at`; 0: there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  for (let more = 1; more < length; more++) if (((bytes[at + more] ?? 0) & 0xc0) !== 0x80) return 0;
  // Overlong forms, surrogates and what lies beyond U+10FFFF.
  const point = pointAt(bytes, at, length);
  const least = length === 4 ? 0x10000 : length === 3 ? 0x800 : 0x80;
  return point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : length;
}

function pointAt(bytes: Uint8Array, at: number, length: number): number {
  let point = length === 1 ? bytes[at]! : bytes[at]! & (0xff >> (length + 1));
  for (let more = 1; more < length; more++) point = (point << 6) | (bytes[at + more]! & 0x3f);
  return point;
}

/** The bytes that `decodeEscaped` gave the text of; a lone surrogate that is no escape becomes U+FFFD. */
export function encodeEscaped(text: string): Uint8Array {
  // A UTF-16 unit is three bytes at the most.
  const bytes = new Uint8Array(3 * text.length);
  let at = 0;
  for (let index = 0; index < text.length; index++) {
    let point = text.codePointAt(index)!;
    if (point >= ESCAPE_LEAST && point <= ESCAPE_GREATEST) {
      bytes[at++] = point - ESCAPE_BASE;
      continue;
    }
    if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
    if (point < 0x80) bytes[at++] = point;
    else if (point < 0x800) {
      bytes[at++] = 0xc0 | (point >> 6);
      bytes[at++] = 0x80 | (point & 0x3f);
    } else if (point < 0x10000) {
      bytes[at++] = 0xe0 | (point >> 12);
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    } else {
      index += 1;
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    }
  }
  return bytes.slice(0, at);
}
