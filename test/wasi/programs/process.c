/* Arguments, environment, time, sleeping, waiting for input, random numbers: what can be said of them with certainty. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double since(const struct timespec *start) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) printf("argument %s\n", argv[i]);
  for (char **variable = environ; *variable != NULL; variable++) printf("variable %s\n", *variable);
  printf("A is %s\n", getenv("A") != NULL ? getenv("A") : "not set");
  struct timespec start, resolution;
  clock_gettime(CLOCK_MONOTONIC, &start);
  printf("resolution %d\n", clock_getres(CLOCK_REALTIME, &resolution));
  printf("after 2020: %d\n", time(NULL) > 1577836800);
  struct timespec pause = {0, 20000000};
  printf("slept %d\n", nanosleep(&pause, NULL));
  printf("long enough: %d\n", since(&start) >= 0.02);
  unsigned char bytes[64] = {0};
  printf("random %d\n", getentropy(bytes, sizeof bytes));
  int different = 0;
  for (int i = 1; i < 64; i++) different += bytes[i] != bytes[0];
  printf("random enough: %d\n", different > 8);
  struct pollfd input = {.fd = 0, .events = POLLIN};
  printf("ready %d\n", poll(&input, 1, 1000));
  char line[16] = {0};
  printf("read %ld ", (long)read(0, line, 15));
  puts(line);
  printf("terminal %d\n", isatty(0) + isatty(1));
  fflush(stdout);
  fprintf(stderr, "to stderr\n");
  _exit(42);
}
