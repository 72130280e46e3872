// An open-addressing hash map from integers to integers: insert, look up, delete.
#include "kernel.h"

enum { SLOTS = 1 << 16, EMPTY = 0, DELETED = -1 };
static int32_t keys[SLOTS], values[SLOTS];

static uint32_t first_slot(int32_t key) { return ((uint32_t)key * 2654435769u) >> 16; }

static NOINLINE void put(int32_t key, int32_t value) {
  uint32_t slot = first_slot(key);
  while (keys[slot] != EMPTY && keys[slot] != DELETED && keys[slot] != key) slot = (slot + 1) & (SLOTS - 1);
  keys[slot] = key;
  values[slot] = value;
}

static NOINLINE int32_t find(int32_t key) {
  uint32_t slot = first_slot(key);
  while (keys[slot] != EMPTY) {
    if (keys[slot] == key) return (int32_t)slot;
    slot = (slot + 1) & (SLOTS - 1);
  }
  return -1;
}

RUN(int32_t n) {
  for (int i = 0; i < SLOTS; i++) keys[i] = EMPTY;
  random_reset();
  int32_t sum = 0, live = 0;
  for (int32_t i = 0; i < n; i++) {
    int32_t key = (int32_t)(random_next() & 0x7fff) + 1;
    int32_t slot = find(key);
    if (slot < 0) {
      put(key, i);
      live++;
    } else if (i & 3) {
      sum += values[slot];
    } else {
      values[slot] = 0;
    }
  }
  return sum ^ live;
}
