// Moves and clears blocks of many sizes with memory.copy and memory.fill.
#include "kernel.h"

RUN(int32_t n) {
  release_all();
  uint8_t *from = allocate(1 << 16), *to = allocate(1 << 16);
  for (int i = 0; i < 1 << 16; i++) from[i] = (uint8_t)(i * 3);
  random_reset();
  uint32_t sum = 0;
  for (int32_t i = 0; i < n; i++) {
    uint32_t r = random_next(), length = (r & 0xfff) >> (r >> 28);
    __builtin_memcpy(to + (r >> 18 & 0xfff), from + (r >> 8 & 0xfff), length);
    if ((i & 7) == 0) __builtin_memset(from + (r >> 6 & 0xfff), (int)i, length);
    sum = sum * 31 + to[r >> 20];
  }
  return (int32_t)sum;
}
