// The sieve of Eratosthenes over bytes.
#include "kernel.h"

RUN(int32_t n) {
  release_all();
  uint8_t *composite = allocate(n + 1);
  for (int32_t i = 0; i <= n; i++) composite[i] = 0;
  int32_t primes = 0;
  for (int32_t i = 2; i <= n; i++) {
    if (composite[i]) continue;
    primes++;
    for (int64_t j = (int64_t)i * i; j <= n; j += i) composite[j] = 1;
  }
  return primes;
}
