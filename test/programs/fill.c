// Allocates memory, a block of a megabyte at a time, fills it, and says what is in it: `fill MEGABYTES`.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (1 << 20)

int main(int count, char **arguments) {
  if (count != 2) return 2;
  int blocks = atoi(arguments[1]);
  unsigned char **all = malloc(sizeof *all * blocks);
  if (all == NULL) return 1;
  for (int at = 0; at < blocks; at++) {
    all[at] = malloc(BLOCK_BYTES);
    if (all[at] == NULL) {
      fprintf(stderr, "no memory after %d MB\n", at);
      return 1;
    }
    memset(all[at], at + 1, BLOCK_BYTES);
  }
  uint64_t sum = 0;
  for (int at = 0; at < blocks; at++) sum = sum * 31 + all[at][at % BLOCK_BYTES];
  printf("%llx\n", (unsigned long long)sum);
  return 0;
}
