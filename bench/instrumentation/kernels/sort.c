// Quicksort with a comparison by function pointer, as the C library does it.
#include "kernel.h"

typedef int (*Compare)(uint32_t, uint32_t);
static NOINLINE int ascending(uint32_t a, uint32_t b) { return a < b ? -1 : a > b; }
static NOINLINE int descending(uint32_t a, uint32_t b) { return a < b ? 1 : -(a > b); }
static Compare volatile compares[2] = {ascending, descending};

static void quicksort(uint32_t *items, int32_t low, int32_t high, Compare compare) {
  while (low < high) {
    uint32_t pivot = items[(low + high) >> 1];
    int32_t i = low, j = high;
    while (i <= j) {
      while (compare(items[i], pivot) < 0) i++;
      while (compare(items[j], pivot) > 0) j--;
      if (i <= j) {
        uint32_t held = items[i];
        items[i++] = items[j];
        items[j--] = held;
      }
    }
    if (j - low < high - i) {
      quicksort(items, low, j, compare);
      low = i;
    } else {
      quicksort(items, i, high, compare);
      high = j;
    }
  }
}

RUN(int32_t n) {
  release_all();
  random_reset();
  uint32_t *items = allocate(4 * n);
  uint32_t sum = 0;
  for (int round = 0; round < 2; round++) {
    for (int32_t i = 0; i < n; i++) items[i] = random_next();
    quicksort(items, 0, n - 1, compares[round]);
    for (int32_t i = 0; i < n; i += 97) sum = sum * 31 + items[i];
  }
  return (int32_t)sum;
}
