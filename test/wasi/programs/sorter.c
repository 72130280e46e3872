/* Reads lines from stdin, counts words, and writes the lines sorted into files, by first letter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int main(int argc, char **argv) {
  char **lines = NULL;
  size_t count = 0, words = 0, capacity = 0;
  char *line = NULL;
  for (ssize_t length; (length = getline(&line, &capacity, stdin)) > 0;) {
    lines = realloc(lines, (count + 1) * sizeof *lines);
    lines[count++] = strdup(line);
    for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n")) words++;
  }
  if (count == 0) return 1;
  qsort(lines, count, sizeof *lines, compare);
  mkdir("sorted", 0755);
  for (size_t i = 0; i < count; i++) {
    char name[32];
    snprintf(name, sizeof name, "sorted/%c.txt", lines[i][0] == '\n' ? '_' : lines[i][0]);
    FILE *file = fopen(name, "a");
    if (file == NULL || fputs(lines[i], file) < 0 || fclose(file) != 0) {
      perror(name);
      return 2;
    }
  }
  printf("%zu lines, %zu words, first: %s", count, words, lines[0]);
  for (int i = 1; i < argc; i++) fprintf(stderr, "argument %d: %s\n", i, argv[i]);
  return 0;
}
