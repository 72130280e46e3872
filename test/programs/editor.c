// A line editor: commands on stdin, answers on stdout, a file that is saved under a temporary name and renamed.
//
//   a TEXT   append     i N TEXT   insert before line N     d N   delete     s N OLD NEW   replace in line N
//   p        print      w          save                     u     undo       q             quit

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_MAX 4096
#define TEXT_MAX 1024

struct text {
  size_t count;
  char *lines[LINES_MAX];
};

static struct text text, before;
static const char *path;

static char *copy(const char *line) {
  char *copied = strdup(line);
  if (!copied) exit(3);
  return copied;
}

static void remember(void) {
  for (size_t at = 0; at < before.count; at++) free(before.lines[at]);
  before.count = text.count;
  for (size_t at = 0; at < text.count; at++) before.lines[at] = copy(text.lines[at]);
}

static void insert(size_t at, const char *line) {
  if (text.count == LINES_MAX) return;
  memmove(&text.lines[at + 1], &text.lines[at], (text.count - at) * sizeof *text.lines);
  text.lines[at] = copy(line);
  text.count++;
}

static void delete(size_t at) {
  free(text.lines[at]);
  memmove(&text.lines[at], &text.lines[at + 1], (--text.count - at) * sizeof *text.lines);
}

static int replace(size_t at, const char *old, const char *new) {
  char *found = strstr(text.lines[at], old), changed[2 * TEXT_MAX];
  if (!found) return 0;
  snprintf(changed, sizeof changed, "%.*s%s%s", (int)(found - text.lines[at]), text.lines[at], new, found + strlen(old));
  free(text.lines[at]);
  text.lines[at] = copy(changed);
  return 1;
}

static void load(void) {
  FILE *file = fopen(path, "r");
  if (!file) {
    printf("%s: %s\n", path, errno == ENOENT ? "new file" : strerror(errno));
    return;
  }
  char line[TEXT_MAX];
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    insert(text.count, line);
  }
  fclose(file);
  printf("%s: %zu lines\n", path, text.count);
}

static void save(void) {
  char part[TEXT_MAX];
  snprintf(part, sizeof part, "%s.new", path);
  FILE *file = fopen(part, "w");
  int bad = !file;
  if (file) {
    for (size_t at = 0; at < text.count; at++) fprintf(file, "%s\n", text.lines[at]);
    bad = fflush(file) != 0 || fsync(fileno(file)) != 0;
    bad |= fclose(file) != 0;
  }
  bad = bad || rename(part, path) != 0;
  struct stat status;
  if (bad || stat(path, &status) != 0) printf("! can't save: %s\n", strerror(errno));
  else printf("saved %zu lines, %lld bytes\n", text.count, (long long)status.st_size);
}

static int number(const char *words, size_t limit, size_t *at) {
  char *end;
  unsigned long line = strtoul(words, &end, 10);
  if (end == words || line < 1 || line > limit) return 0;
  *at = line - 1;
  return 1;
}

static int command(char *line) {
  size_t at;
  char old[TEXT_MAX], new[TEXT_MAX];
  char *rest = line[0] && line[1] == ' ' ? line + 2 : line + 1;
  char *words = strchr(rest, ' ');
  switch (line[0]) {
    case 'a': remember(); insert(text.count, rest); return 1;
    case 'i':
      if (!words || !number(rest, text.count + 1, &at)) return 0;
      remember(); insert(at, words + 1); return 1;
    case 'd':
      if (!number(rest, text.count, &at)) return 0;
      remember(); delete(at); return 1;
    case 's':
      if (!words || !number(rest, text.count, &at) || sscanf(words + 1, "%1023s %1023s", old, new) != 2) return 0;
      remember(); return replace(at, old, new);
    case 'p':
      for (at = 0; at < text.count; at++) printf("%4zu %s\n", at + 1, text.lines[at]);
      return 1;
    case 'u': {
      struct text undone = text;
      text = before;
      before = undone;
      return 1;
    }
    case 'w': save(); return 1;
    case 'q': exit(0);
    default: return 0;
  }
}

int main(int count, char **arguments) {
  if (count != 2) return 64;
  path = arguments[1];
  load();
  fflush(stdout);
  char line[TEXT_MAX];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    if (!command(line)) puts("?");
    fflush(stdout);
  }
  return 1;
}
