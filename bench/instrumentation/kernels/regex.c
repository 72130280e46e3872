// A backtracking matcher for regular expressions (Kernighan and Pike's): mutual recursion over text.
#include "kernel.h"

static NOINLINE int match_here(const char *pattern, const char *text);

static NOINLINE int match_star(char c, const char *pattern, const char *text) {
  do {
    if (match_here(pattern, text)) return 1;
  } while (*text != 0 && (*text++ == c || c == '.'));
  return 0;
}

static NOINLINE int match_here(const char *pattern, const char *text) {
  if (pattern[0] == 0) return 1;
  if (pattern[1] == '*') return match_star(pattern[0], pattern + 2, text);
  if (pattern[0] == '$' && pattern[1] == 0) return *text == 0;
  if (*text != 0 && (pattern[0] == '.' || pattern[0] == *text)) return match_here(pattern + 1, text + 1);
  return 0;
}

static NOINLINE int match(const char *pattern, const char *text) {
  do {
    if (match_here(pattern, text)) return 1;
  } while (*text++ != 0);
  return 0;
}

RUN(int32_t n) {
  static const char *const patterns[] = {"a*b*c*d", "ab.*ba.*ab$", "x.*y.*z", ".*aab.*bba", "b*a*b*c$"};
  static char text[97];
  random_reset();
  int32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    for (int i = 0; i < 96; i++) text[i] = 'a' + random_next() % 3;
    for (int k = 0; k < 5; k++) sum += match(patterns[k], text);
  }
  return sum;
}
