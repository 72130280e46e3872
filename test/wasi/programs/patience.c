// Polls stdin with a timeout, and says each time what came of it: "nothing", a line, "the end".

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
  char line[64];
  int waited = 0;
  for (;;) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    int ready = poll(&input, 1, 20);
    if (ready < 0) return 1;
    if (ready == 0) {
      if (!waited) printf("nothing\n");
      waited = 1;
    } else {
      ssize_t got = read(0, line, sizeof line);
      if (got <= 0) break;
      printf("%.*s", (int)got, line);
      waited = 0;
    }
    fflush(stdout);
  }
  printf("the end\n");
  return 0;
}
