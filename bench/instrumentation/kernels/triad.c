// a = b + s c over arrays larger than the caches: memory-bound integers.
#include "kernel.h"

enum { LENGTH = 2 << 20 };
static uint32_t a[LENGTH], b[LENGTH], c[LENGTH];

static NOINLINE void triad(uint32_t s) {
  for (int i = 0; i < LENGTH; i++) a[i] = b[i] + s * c[i];
}

RUN(int32_t n) {
  for (int i = 0; i < LENGTH; i++) {
    b[i] = i;
    c[i] = i ^ 12345;
  }
  for (int32_t round = 0; round < n; round++) triad(round);
  return (int32_t)(a[1] + a[LENGTH - 1]);
}
