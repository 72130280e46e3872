// Strict UTF-8, as the names of a module must be written; the pure folders have no TextDecoder.

/** The text of `bytes[start, end)`, or undefined where the bytes are not well-formed UTF-8. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = '';
  let at = start;
  while (at < end) {
    const lead = bytes[at++]!;
    if (lead < 0x80) {
      text += String.fromCharCode(lead);
      continue;
    }
    // 110xxxxx 10xxxxxx | 1110xxxx (10xxxxxx){2} | 11110xxx (10xxxxxx){3}; the least value refuses overlong forms.
    const more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    const least = more === 3 ? 0x10000 : more === 2 ? 0x800 : 0x80;
    if (lead < 0xc2 || lead > 0xf4 || at + more > end) return undefined;
    let point = lead & (0x3f >> more);
    for (let i = 0; i < more; i++) {
      const byte = bytes[at++]!;
      if ((byte & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (byte & 0x3f);
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}

/** The bytes of a well-formed text. */
export function encodeUtf8(text: string): number[] {
  const bytes: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0)!;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 0x3f));
    else if (point < 0x10000) {
      bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    } else {
      bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 0x3f));
      bytes.push(0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    }
  }
  return bytes;
}
