// f64 matrix product, the plain triple loop.
#include "kernel.h"

enum { SIZE = 160 };
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

RUN(int32_t n) {
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      a[i][j] = (double)(i * 3 + j) / 7.0;
      b[i][j] = (double)(i - j) / 3.0;
    }
  double trace = 0;
  for (int32_t round = 0; round < n; round++) {
    for (int i = 0; i < SIZE; i++)
      for (int j = 0; j < SIZE; j++) {
        double sum = 0;
        for (int k = 0; k < SIZE; k++) sum += a[i][k] * b[k][j];
        c[i][j] = sum;
      }
    for (int i = 0; i < SIZE; i++) trace += c[i][i];
    a[round % SIZE][1] += 1.0;
  }
  return (int32_t)(trace / 1e6);
}
