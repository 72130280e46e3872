// Modular powers and Miller-Rabin tests in 64-bit integers.
#include "kernel.h"

static NOINLINE uint64_t multiply(uint64_t a, uint64_t b, uint64_t modulus) {
  uint64_t result = 0;
  for (a %= modulus; b != 0; b >>= 1) {
    if (b & 1) result = result + a >= modulus ? result + a - modulus : result + a;
    a = a + a >= modulus ? a + a - modulus : a + a;
  }
  return result;
}

static NOINLINE uint64_t power(uint64_t base, uint64_t exponent, uint64_t modulus) {
  uint64_t result = 1;
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = multiply(result, base, modulus);
    base = multiply(base, base, modulus);
  }
  return result;
}

RUN(int32_t n) {
  int32_t likely = 0;
  for (int32_t i = 0; i < n; i++) {
    uint64_t candidate = 1000000000000007ull + 2ull * i;
    if (power(2, candidate - 1, candidate) == 1) likely++;
  }
  return likely;
}
