// Prime numbers by a segmented sieve, printed as they are found: CPU-bound, with output all along.
//
//   sieve LIMIT EVERY       prints every EVERY-th prime below LIMIT, then how many there are; exit status: that modulo 64

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT 32768

int main(int count, char **arguments) {
  uint32_t limit = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 1000000;
  unsigned every = count > 2 ? (unsigned)strtoul(arguments[2], NULL, 10) : 1000;
  uint32_t root = 1;
  while ((root + 1) * (uint64_t)(root + 1) <= limit) root++;
  uint8_t *small = calloc(root + 1, 1);
  uint32_t *primes = malloc((root + 1) * sizeof *primes), *next = malloc((root + 1) * sizeof *next), known = 0;
  for (uint32_t n = 2; n <= root; n++) {
    if (small[n]) continue;
    primes[known] = n;
    next[known++] = n * n;
    for (uint32_t multiple = n * n; multiple <= root; multiple += n) small[multiple] = 1;
  }
  static uint8_t segment[SEGMENT];
  unsigned found = 0;
  for (uint32_t low = 0; low < limit; low += SEGMENT) {
    memset(segment, 1, SEGMENT);
    uint32_t high = low + SEGMENT < limit ? low + SEGMENT : limit;
    for (uint32_t k = 0; k < known && primes[k] * (uint64_t)primes[k] < high; k++) {
      uint32_t multiple = next[k];
      for (; multiple < high; multiple += primes[k]) segment[multiple - low] = 0;
      next[k] = multiple;
    }
    for (uint32_t n = low < 2 ? 2 : low; n < high; n++) {
      if (!segment[n - low]) continue;
      if (++found % every == 0) {
        printf("prime %u is %u\n", found, n);
        fflush(stdout);
      }
    }
  }
  printf("%u primes below %u\n", found, limit);
  return (int)(found % 64);
}
