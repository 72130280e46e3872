// All solutions of the n queens by backtracking over bit sets: recursion with a loop in each frame.
#include "kernel.h"

static NOINLINE int32_t place(uint32_t columns, uint32_t left, uint32_t right, uint32_t all) {
  if (columns == all) return 1;
  int32_t solutions = 0;
  uint32_t free = all & ~(columns | left | right);
  while (free != 0) {
    uint32_t bit = free & -free;
    free ^= bit;
    solutions += place(columns | bit, (left | bit) << 1, (right | bit) >> 1, all);
  }
  return solutions;
}

RUN(int32_t n) { return place(0, 0, 0, (1u << n) - 1); }
