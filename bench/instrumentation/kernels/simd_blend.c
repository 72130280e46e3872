// Blends two images, sixteen bytes at a time: integer SIMD.
#include "kernel.h"
#include <wasm_simd128.h>

enum { PIXELS = 1 << 18 };
static uint8_t front[PIXELS] __attribute__((aligned(16))), back[PIXELS] __attribute__((aligned(16)));

static NOINLINE void blend(int32_t weight) {
  v128_t w = wasm_i16x8_splat((int16_t)weight), rest = wasm_i16x8_splat((int16_t)(256 - weight));
  for (int i = 0; i < PIXELS; i += 16) {
    v128_t f = wasm_v128_load(front + i), b = wasm_v128_load(back + i);
    v128_t low = wasm_i16x8_add(wasm_i16x8_mul(wasm_u16x8_extend_low_u8x16(f), w),
                                wasm_i16x8_mul(wasm_u16x8_extend_low_u8x16(b), rest));
    v128_t high = wasm_i16x8_add(wasm_i16x8_mul(wasm_u16x8_extend_high_u8x16(f), w),
                                 wasm_i16x8_mul(wasm_u16x8_extend_high_u8x16(b), rest));
    wasm_v128_store(back + i, wasm_u8x16_narrow_i16x8(wasm_u16x8_shr(low, 8), wasm_u16x8_shr(high, 8)));
  }
}

RUN(int32_t n) {
  for (int i = 0; i < PIXELS; i++) {
    front[i] = (uint8_t)(i * 5);
    back[i] = (uint8_t)(i >> 4);
  }
  for (int32_t round = 0; round < n; round++) blend(round & 255);
  uint32_t sum = 0;
  for (int i = 0; i < PIXELS; i += 13) sum = sum * 31 + back[i];
  return (int32_t)sum;
}
