// f32 matrix product, four columns at a time: float SIMD.
#include "kernel.h"
#include <wasm_simd128.h>

enum { SIZE = 256 };
static float a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static NOINLINE void product(void) {
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j += 4) {
      v128_t sum = wasm_f32x4_splat(0);
      for (int k = 0; k < SIZE; k++)
        sum = wasm_f32x4_add(sum, wasm_f32x4_mul(wasm_f32x4_splat(a[i][k]), wasm_v128_load(&b[k][j])));
      wasm_v128_store(&c[i][j], sum);
    }
}

RUN(int32_t n) {
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      a[i][j] = (float)((i * 7 + j) % 19) * 0.25f;
      b[i][j] = (float)((i + j * 3) % 23) * 0.5f;
    }
  float trace = 0;
  for (int32_t round = 0; round < n; round++) {
    product();
    for (int i = 0; i < SIZE; i++) trace += c[i][i];
    a[round % SIZE][0] += 1;
  }
  return (int32_t)(trace / 1000);
}
