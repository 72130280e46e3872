// FNV-1a over a buffer: a loop of four instructions a byte that waits for its own multiplication.
#include "kernel.h"

enum { LENGTH = 65536 };
static uint8_t text[LENGTH];

static NOINLINE uint32_t hash(const uint8_t *bytes, uint32_t length) {
  uint32_t h = 2166136261u;
  for (uint32_t i = 0; i < length; i++) h = (h ^ bytes[i]) * 16777619u;
  return h;
}

RUN(int32_t n) {
  for (int i = 0; i < LENGTH; i++) text[i] = (uint8_t)(i * 7 + (i >> 8));
  uint32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    text[round & 1023]++;
    sum ^= hash(text, LENGTH);
  }
  return (int32_t)sum;
}
