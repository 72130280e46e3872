// Transitive closure of a graph by Warshall's algorithm over bytes, with an `if` in the inner loop.
#include "kernel.h"

enum { NODES = 300 };
static uint8_t edge[NODES][NODES];

RUN(int32_t n) {
  random_reset();
  int32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    for (int i = 0; i < NODES; i++)
      for (int j = 0; j < NODES; j++) edge[i][j] = random_next() % 150 == 0;
    for (int k = 0; k < NODES; k++)
      for (int i = 0; i < NODES; i++) {
        if (!edge[i][k]) continue;
        for (int j = 0; j < NODES; j++)
          if (edge[k][j]) edge[i][j] = 1;
      }
    for (int i = 0; i < NODES; i++)
      for (int j = 0; j < NODES; j++) sum += edge[i][j];
  }
  return sum;
}
