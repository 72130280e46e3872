// y = a x + y in f64, long vectors: one arithmetic result stored for every element, the worst case for NaN tests.
#include "kernel.h"

enum { LENGTH = 4096 };
static double x[LENGTH], y[LENGTH];

static NOINLINE void axpy(double a) {
  for (int i = 0; i < LENGTH; i++) y[i] = a * x[i] + y[i];
}

RUN(int32_t n) {
  for (int i = 0; i < LENGTH; i++) {
    x[i] = i * 0.5;
    y[i] = 1.0;
  }
  for (int32_t round = 0; round < n; round++) axpy(round & 1 ? 0.25 : -0.25);
  double sum = 0;
  for (int i = 0; i < LENGTH; i++) sum += y[i];
  return (int32_t)sum;
}
