// Gives files names, writes lines into two of them, and takes names away: `journal FOLDER [LINES]`.
//
// Without a number of lines it writes them until its stdin has something or ends.

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile unsigned sink;

static void check(int failed, const char *what) {
  if (!failed) return;
  perror(what);
  exit(3);
}

static FILE *opened(const char *path) {
  FILE *file = fopen(path, "w");
  check(!file, path);
  return file;
}

static int goes_on(int line, int lines) {
  if (lines > 0) return line < lines;
  struct pollfd input = {.fd = 0, .events = POLLIN};
  return poll(&input, 1, 0) == 0;
}

int main(int count, char **arguments) {
  if (count < 2 || count > 3) return 2;
  int lines = count == 3 ? atoi(arguments[2]) : 0;
  check(chdir(arguments[1]) != 0, "chdir");
  // In the order of their names they would have other numbers.
  FILE *zebra = opened("zebra"), *temporary = opened("temporary");
  check(mkdir("deep", 0777) != 0, "mkdir");
  check(rename("temporary", "deep/apple") != 0, "rename");
  check(rename("theirs", "deep/theirs") != 0, "rename");
  check(unlink("old") != 0, "unlink");
  for (int line = 0; goes_on(line, lines); line++) {
    fprintf(zebra, "zebra %d\n", line);
    fprintf(temporary, "apple %d\n", line);
    check(fflush(zebra) != 0 || fflush(temporary) != 0, "write");
    printf("line %d\n", line);
    fflush(stdout);
    for (unsigned at = 0; at < 20000000; at++) sink += at * 2654435761u;
  }
  check(fclose(zebra) != 0 || fclose(temporary) != 0, "close");
  check(rename("deep/apple", "apple") != 0, "rename");
  check(link("zebra", "deep/zebra") != 0, "link");
  check(unlink("deep/theirs") != 0, "unlink");
  return 0;
}
