// What a program can see and do, one thing a call, said on stdout.
//
//   probe world            arguments and environment          probe exit N          ends with status N
//   probe abort            traps                              probe sleep MS        sleeps
//   probe open PATH...     opens each for reading and writing, says how that went
//   probe append PATH      appends each line of stdin to a file, says after each sync how that went

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int world(int count, char **arguments) {
  for (int at = 0; at < count; at++) printf("argument %d: %s\n", at, arguments[at]);
  for (char **each = environ; *each; each++) printf("variable: %s\n", *each);
  return 0;
}

static int open_all(char **paths) {
  for (; *paths; paths++) {
    int file = open(*paths, O_RDONLY);
    printf("read %s: %s\n", *paths, file < 0 ? strerror(errno) : "ok");
    if (file >= 0) close(file);
    file = open(*paths, O_RDWR | O_CREAT, 0666);
    printf("write %s: %s\n", *paths, file < 0 ? strerror(errno) : "ok");
    if (file >= 0) close(file);
  }
  return 0;
}

static int append(const char *path) {
  char line[256];
  int failed = 0;
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (file < 0) {
    printf("open: %s\n", strerror(errno));
    return 2;
  }
  while (fgets(line, sizeof line, stdin)) {
    const char *step = "ok";
    size_t length = strlen(line);
    if (write(file, line, length) != (ssize_t)length) step = "write";
    else if (fsync(file) != 0) step = "sync";
    int error = strcmp(step, "ok") != 0;
    failed |= error;
    printf("%s%s%s\n", step, error ? ": " : "", error ? strerror(errno) : "");
    fflush(stdout);
  }
  return failed;
}

int main(int count, char **arguments) {
  if (count < 2) return 64;
  if (strcmp(arguments[1], "world") == 0) return world(count, arguments);
  if (strcmp(arguments[1], "exit") == 0 && count > 2) exit(atoi(arguments[2]));
  if (strcmp(arguments[1], "abort") == 0) abort();
  if (strcmp(arguments[1], "sleep") == 0 && count > 2) {
    puts("asleep");
    fflush(stdout);
    usleep((useconds_t)atoi(arguments[2]) * 1000);
    puts("awake");
    return 0;
  }
  if (strcmp(arguments[1], "open") == 0) return open_all(arguments + 2);
  if (strcmp(arguments[1], "append") == 0 && count > 2) return append(arguments[2]);
  return 64;
}
