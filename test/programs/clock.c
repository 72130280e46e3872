// clock_gettime in a tight loop: how long one call takes, as the program itself sees it.
//
//   clock CALLS

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int main(int count, char **arguments) {
  uint32_t calls = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 1000000;
  uint64_t start = now(), last = start;
  for (uint32_t call = 0; call < calls; call++) {
    uint64_t time = now();
    if (time < last) {
      puts("the clock went backwards");
      return 1;
    }
    last = time;
  }
  printf("%u calls, %.1f ns a call\n", calls, (double)(last - start) / calls);
  return 0;
}
