// Ackermann's function: deep recursion with little work between calls.
#include "kernel.h"

static NOINLINE int32_t ackermann(int32_t m, int32_t n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

RUN(int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++) sum += ackermann(2, 200 + (i & 7));
  return sum;
}
