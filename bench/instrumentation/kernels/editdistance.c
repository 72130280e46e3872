// Levenshtein's distance between two strings: a dynamic program over two rows.
#include "kernel.h"

enum { LENGTH = 2000 };
static uint8_t a[LENGTH], b[LENGTH];
static int32_t rows[2][LENGTH + 1];

RUN(int32_t n) {
  random_reset();
  int32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    for (int i = 0; i < LENGTH; i++) {
      a[i] = 'a' + random_next() % 4;
      b[i] = 'a' + random_next() % 4;
    }
    for (int j = 0; j <= LENGTH; j++) rows[0][j] = j;
    for (int i = 1; i <= LENGTH; i++) {
      int32_t *above = rows[(i - 1) & 1], *row = rows[i & 1];
      row[0] = i;
      for (int j = 1; j <= LENGTH; j++) {
        int32_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
        if (above[j] + 1 < best) best = above[j] + 1;
        if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
        row[j] = best;
      }
    }
    sum += rows[LENGTH & 1][LENGTH];
  }
  return sum;
}
