// Conway's Life on a torus of bytes: nested loops, many small loads.
#include "kernel.h"

enum { SIDE = 256 };
static uint8_t worlds[2][SIDE][SIDE];

RUN(int32_t n) {
  random_reset();
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) worlds[0][y][x] = random_next() & 1;
  for (int32_t step = 0; step < n; step++) {
    uint8_t(*from)[SIDE] = worlds[step & 1], (*to)[SIDE] = worlds[~step & 1];
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++) {
        int neighbours = 0;
        for (int dy = -1; dy <= 1; dy++)
          for (int dx = -1; dx <= 1; dx++)
            if (dy != 0 || dx != 0) neighbours += from[(y + dy) & (SIDE - 1)][(x + dx) & (SIDE - 1)];
        to[y][x] = neighbours == 3 || (neighbours == 2 && from[y][x]);
      }
  }
  int32_t alive = 0;
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) alive += worlds[n & 1][y][x];
  return alive;
}
