// Heapsort of integers: branches that depend on data, no calls.
#include "kernel.h"

static void sift(uint32_t *heap, int32_t root, int32_t end) {
  uint32_t value = heap[root];
  for (;;) {
    int32_t child = 2 * root + 1;
    if (child >= end) break;
    if (child + 1 < end && heap[child] < heap[child + 1]) child++;
    if (heap[child] <= value) break;
    heap[root] = heap[child];
    root = child;
  }
  heap[root] = value;
}

RUN(int32_t n) {
  release_all();
  random_reset();
  uint32_t *items = allocate(4 * n);
  for (int32_t i = 0; i < n; i++) items[i] = random_next();
  for (int32_t i = n / 2 - 1; i >= 0; i--) sift(items, i, n);
  for (int32_t end = n - 1; end > 0; end--) {
    uint32_t top = items[0];
    items[0] = items[end];
    items[end] = top;
    sift(items, 0, end);
  }
  uint32_t sum = 0;
  for (int32_t i = 0; i < n; i += 31) sum = sum * 33 + items[i];
  return (int32_t)sum;
}
