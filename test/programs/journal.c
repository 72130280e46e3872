// Gives files names, writes lines into two of them for a while, and takes names away: `journal FOLDER LINES`.

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

int main(int count, char **arguments) {
  if (count != 3) return 2;
  check(chdir(arguments[1]) != 0, "chdir");
  // In the order of their names they would have other numbers.
  FILE *zebra = opened("zebra"), *temporary = opened("temporary");
  check(mkdir("deep", 0777) != 0, "mkdir");
  check(rename("temporary", "deep/apple") != 0, "rename");
  check(rename("theirs", "deep/theirs") != 0, "rename");
  check(unlink("old") != 0, "unlink");
  for (int line = 0; line < atoi(arguments[2]); line++) {
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
