// Text as bytes: UTF-8 both ways. What is no UTF-8, or no whole code point, becomes U+FFFD, as in browsers.

/** Bytes that `encode` writes at most for `text`. */
export function encodedLength(text: string): i32 {
  return String.UTF8.byteLength(text);
}

/** Writes `text` as UTF-8 at `address`, which must have room for `encodedLength(text)` bytes; answers the bytes written. */
export function encode(text: string, address: usize): i32 {
  return <i32>(
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, address, false, String.UTF8.ErrorMode.REPLACE)
  );
}

/** The text that `length` bytes of UTF-8 at `address` spell. Each maximal ill-formed part becomes one U+FFFD. */
export function decode(address: usize, length: i32): string {
  // At most one UTF-16 unit a byte: four bytes make two units, every shorter sequence makes one.
  const units = new StaticArray<u16>(length);
  const end = address + <usize>length;
  let count = 0;
  while (address < end) {
    const first = <u32>load<u8>(address++);
    if (first < 0x80) {
      units[count++] = <u16>first;
      continue;
    }
    let more = first >= 0xc2 && first < 0xe0 ? 1 : (first & 0xf0) == 0xe0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
    let whole = more > 0;
    let point = first & (0x3f >> more);
    // The second byte's range shuts out overlong forms, surrogates, and what lies beyond U+10FFFF.
    let low: u32 = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    let high: u32 = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    while (whole && more > 0) {
      const next = address < end ? <u32>load<u8>(address) : 0;
      if (next < low || next > high) {
        whole = false;
      } else {
        point = (point << 6) | (next & 0x3f);
        address++;
        more--;
        low = 0x80;
        high = 0xbf;
      }
    }
    if (!whole) {
      units[count++] = 0xfffd;
    } else if (point < 0x10000) {
      units[count++] = <u16>point;
    } else {
      units[count++] = <u16>(0xd800 | ((point - 0x10000) >> 10));
      units[count++] = <u16>(0xdc00 | ((point - 0x10000) & 0x3ff));
    }
  }
  return String.UTF16.decodeUnsafe(changetype<usize>(units), <usize>count << 1);
}

/** Sixteen hexadecimal digits. */
export function hex64(value: u64): string {
  let digits = '';
  for (let shift = 60; shift >= 0; shift -= 4) {
    const digit = <i32>((value >> shift) & 15);
    digits += String.fromCharCode(digit < 10 ? 48 + digit : 87 + digit);
  }
  return digits;
}
