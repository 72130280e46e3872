// Sorts the lines of a file that need not fit into memory: sorted runs are files, merged into one that takes its name last.
//
//   sorter FOLDER INPUT OUTPUT LINES_A_RUN

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 256
#define RUNS_MAX 512

static char folder[256], path[512], other[512];
static int runs;

static void fail(const char *what) {
  fprintf(stderr, "sorter: %s: %s\n", what, strerror(errno));
  exit(2);
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void finish(FILE *file, const char *name) {
  if (fflush(file) != 0 || fsync(fileno(file)) != 0 || fclose(file) != 0) fail(name);
}

static void write_run(char **lines, size_t count) {
  qsort(lines, count, sizeof *lines, by_bytes);
  snprintf(path, sizeof path, "%s/runs/run-%03d", folder, runs++);
  FILE *run = fopen(path, "w");
  if (!run) fail(path);
  for (size_t at = 0; at < count; at++) {
    fputs(lines[at], run);
    free(lines[at]);
  }
  finish(run, path);
  printf("run %d: %zu lines\n", runs, count);
  fflush(stdout);
}

static void make_runs(const char *input, size_t lines_a_run) {
  FILE *file = fopen(input, "r");
  if (!file) fail(input);
  char **lines = malloc(lines_a_run * sizeof *lines), line[LINE_MAX_BYTES];
  size_t count = 0;
  while (fgets(line, sizeof line, file)) {
    lines[count++] = strdup(line);
    if (count == lines_a_run) {
      write_run(lines, count);
      count = 0;
    }
  }
  if (count > 0) write_run(lines, count);
  free(lines);
  fclose(file);
}

static unsigned long merge(FILE *output) {
  static FILE *files[RUNS_MAX];
  static char heads[RUNS_MAX][LINE_MAX_BYTES];
  static int open[RUNS_MAX];
  unsigned long lines = 0;
  for (int run = 0; run < runs; run++) {
    snprintf(path, sizeof path, "%s/runs/run-%03d", folder, run);
    files[run] = fopen(path, "r");
    if (!files[run]) fail(path);
    open[run] = fgets(heads[run], LINE_MAX_BYTES, files[run]) != NULL;
  }
  for (;;) {
    int least = -1;
    for (int run = 0; run < runs; run++)
      if (open[run] && (least < 0 || strcmp(heads[run], heads[least]) < 0)) least = run;
    if (least < 0) return lines;
    fputs(heads[least], output);
    if (++lines % 4000 == 0) printf("merged %lu\n", lines);
    open[least] = fgets(heads[least], LINE_MAX_BYTES, files[least]) != NULL;
    if (!open[least]) fclose(files[least]);
  }
}

static int remove_runs(void) {
  snprintf(path, sizeof path, "%s/runs", folder);
  DIR *directory = opendir(path);
  if (!directory) fail(path);
  int removed = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (entry->d_name[0] == '.') continue;
    snprintf(other, sizeof other, "%s/%s", path, entry->d_name);
    if (unlink(other) != 0) fail(other);
    removed++;
  }
  closedir(directory);
  if (rmdir(path) != 0) fail(path);
  return removed;
}

int main(int count, char **arguments) {
  if (count != 5) {
    fputs("usage: sorter FOLDER INPUT OUTPUT LINES_A_RUN\n", stderr);
    return 64;
  }
  snprintf(folder, sizeof folder, "%s", arguments[1]);
  snprintf(path, sizeof path, "%s/runs", folder);
  if (mkdir(path, 0777) != 0) fail(path);
  snprintf(other, sizeof other, "%s/%s", folder, arguments[2]);
  make_runs(other, strtoul(arguments[4], NULL, 10));
  char part[512];
  snprintf(part, sizeof part, "%s/%s.part", folder, arguments[3]);
  FILE *output = fopen(part, "w");
  if (!output) fail(part);
  unsigned long lines = merge(output);
  finish(output, part);
  snprintf(other, sizeof other, "%s/%s", folder, arguments[3]);
  if (rename(part, other) != 0) fail(other);
  struct stat status;
  if (stat(other, &status) != 0) fail(other);
  int removed = remove_runs();
  printf("sorted %lu lines, %lld bytes; %d runs removed\n", lines, (long long)status.st_size, removed);
  return 0;
}
