// Follows a random cycle through memory: each load waits for the one before.
#include "kernel.h"

enum { NODES = 1 << 19 };
static uint32_t next[NODES];

RUN(int32_t n) {
  random_reset();
  for (uint32_t i = 0; i < NODES; i++) next[i] = i;
  for (uint32_t i = NODES - 1; i > 0; i--) {
    uint32_t j = random_next() % i, held = next[i];
    next[i] = next[j];
    next[j] = held;
  }
  uint32_t at = 0, sum = 0;
  for (int32_t step = 0; step < n; step++) {
    at = next[at];
    sum += at;
  }
  return (int32_t)sum;
}
