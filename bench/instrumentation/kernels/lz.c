// A compressor in the manner of LZ4 over generated text, and its decompressor.
#include "kernel.h"

enum { LENGTH = 1 << 18, HASH_BITS = 13, MIN_MATCH = 4 };
static uint8_t text[LENGTH], packed[LENGTH * 2], unpacked[LENGTH];
static int32_t heads[1 << HASH_BITS];

static uint32_t word_at(const uint8_t *p) { return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24; }

static NOINLINE int32_t compress(int32_t length) {
  for (int i = 0; i < 1 << HASH_BITS; i++) heads[i] = -1;
  int32_t in = 0, out = 0, literal = 0;
  while (in + MIN_MATCH < length) {
    uint32_t hash = (word_at(text + in) * 2654435761u) >> (32 - HASH_BITS);
    int32_t candidate = heads[hash];
    heads[hash] = in;
    if (candidate >= 0 && in - candidate < 65535 && word_at(text + candidate) == word_at(text + in)) {
      int32_t match = MIN_MATCH;
      while (in + match < length && match < 255 && text[candidate + match] == text[in + match]) match++;
      while (in - literal > 255) {
        packed[out++] = 255; packed[out++] = 0;
        for (int k = 0; k < 255; k++) packed[out++] = text[literal++];
      }
      packed[out++] = (uint8_t)(in - literal); packed[out++] = (uint8_t)match;
      while (literal < in) packed[out++] = text[literal++];
      packed[out++] = (uint8_t)(in - candidate); packed[out++] = (uint8_t)((in - candidate) >> 8);
      in += match;
      literal = in;
    } else {
      in++;
    }
  }
  while (literal < length) {
    int32_t count = length - literal > 255 ? 255 : length - literal;
    packed[out++] = (uint8_t)count; packed[out++] = 0;
    for (int k = 0; k < count; k++) packed[out++] = text[literal++];
  }
  return out;
}

static NOINLINE int32_t decompress(int32_t length) {
  int32_t in = 0, out = 0;
  while (in < length) {
    int32_t literals = packed[in++], match = packed[in++];
    while (literals-- > 0) unpacked[out++] = packed[in++];
    if (match == 0) continue;
    int32_t distance = packed[in] | packed[in + 1] << 8;
    in += 2;
    while (match-- > 0) {
      unpacked[out] = unpacked[out - distance];
      out++;
    }
  }
  return out;
}

RUN(int32_t n) {
  static const char words[] = "the epoch ends at first safe point or after due count and overshoot is carried ";
  random_reset();
  for (int i = 0; i < LENGTH;) {
    uint32_t start = random_next() % 60, count = 3 + random_next() % 12;
    for (uint32_t k = 0; k < count && i < LENGTH; k++) text[i++] = words[start + k];
  }
  int32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    int32_t size = compress(LENGTH);
    int32_t back = decompress(size);
    for (int i = 0; i < back; i += 101) sum += unpacked[i] == text[i];
    sum += size;
    text[round] ^= 1;
  }
  return sum;
}
