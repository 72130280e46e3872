// Compresses a file into another and back into a third (LZ77, a byte of flags for eight items), and compares.
//
//   compressor INPUT PACKED UNPACKED

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 4096
#define MATCH_MIN 3
#define MATCH_MAX 18
#define HASHES 4096
#define TRIES 64

static uint8_t *read_all(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(2);
  }
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*size + 1);
  if (fread(bytes, 1, *size, file) != *size) exit(3);
  fclose(file);
  return bytes;
}

static void close_or_fail(FILE *file, const char *path) {
  if (ferror(file) | (fclose(file) != 0)) {
    perror(path);
    exit(4);
  }
}

static unsigned hash(const uint8_t *at) { return (at[0] * 2654435761u ^ at[1] * 40503u ^ at[2] * 2246822519u) >> 7 & (HASHES - 1); }

static void compress(const uint8_t *bytes, size_t size, FILE *output) {
  static long head[HASHES];
  long *previous = malloc((size + 1) * sizeof *previous);
  for (int each = 0; each < HASHES; each++) head[each] = -1;
  uint8_t flags = 0, items[16];
  int item = 0, used = 0;
  for (size_t at = 0; at < size;) {
    size_t length = 0, distance = 0;
    if (at + MATCH_MIN <= size) {
      long candidate = head[hash(bytes + at)];
      for (int tries = 0; candidate >= 0 && at - (size_t)candidate <= WINDOW && tries < TRIES; tries++) {
        size_t same = 0;
        while (same < MATCH_MAX && at + same < size && bytes[(size_t)candidate + same] == bytes[at + same]) same++;
        if (same > length) {
          length = same;
          distance = at - (size_t)candidate;
        }
        candidate = previous[candidate];
      }
    }
    if (length >= MATCH_MIN) {
      flags |= (uint8_t)(1 << item);
      items[used++] = (uint8_t)((distance - 1) & 255);
      items[used++] = (uint8_t)((distance - 1) >> 8 << 4 | (length - MATCH_MIN));
    } else {
      length = 1;
      items[used++] = bytes[at];
    }
    for (size_t end = at + length; at < end; at++) {
      if (at + MATCH_MIN > size) continue;
      unsigned slot = hash(bytes + at);
      previous[at] = head[slot];
      head[slot] = (long)at;
    }
    if (++item == 8 || at >= size) {
      fputc(flags, output);
      fwrite(items, 1, (size_t)used, output);
      flags = 0;
      item = used = 0;
    }
  }
  free(previous);
}

static size_t expand(const uint8_t *bytes, size_t size, uint8_t *into) {
  size_t done = 0;
  for (size_t at = 0; at < size;) {
    uint8_t flags = bytes[at++];
    for (int item = 0; item < 8 && at < size; item++) {
      if (!(flags >> item & 1)) {
        into[done++] = bytes[at++];
        continue;
      }
      size_t distance = (bytes[at] | (size_t)(bytes[at + 1] >> 4) << 8) + 1, length = (bytes[at + 1] & 15u) + MATCH_MIN;
      at += 2;
      for (; length > 0; length--, done++) into[done] = into[done - distance];
    }
  }
  return done;
}

int main(int count, char **arguments) {
  if (count != 4) return 64;
  size_t size, packed_size;
  uint8_t *bytes = read_all(arguments[1], &size);
  FILE *packed = fopen(arguments[2], "wb");
  if (!packed) {
    perror(arguments[2]);
    return 2;
  }
  compress(bytes, size, packed);
  close_or_fail(packed, arguments[2]);
  printf("packed %zu bytes\n", size);
  fflush(stdout);
  uint8_t *stored = read_all(arguments[2], &packed_size), *back = malloc(size + MATCH_MAX);
  size_t length = expand(stored, packed_size, back);
  FILE *unpacked = fopen(arguments[3], "wb");
  if (!unpacked) return 2;
  fwrite(back, 1, length, unpacked);
  close_or_fail(unpacked, arguments[3]);
  int same = length == size && memcmp(back, bytes, size) == 0;
  printf("%zu bytes in %zu, %s\n", size, packed_size, same ? "the same again" : "DIFFERENT");
  return !same;
}
