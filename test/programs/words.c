// Counts lines, words and bytes of stdin, and its most frequent words.

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096
#define SHOWN 12

struct word {
  struct word *next;
  unsigned long count;
  char text[];
};

static struct word *buckets[BUCKETS];
static size_t distinct;

static void count(const char *text, size_t length) {
  unsigned hash = 2166136261u;
  for (size_t at = 0; at < length; at++) hash = (hash ^ (unsigned char)text[at]) * 16777619u;
  struct word **slot = &buckets[hash % BUCKETS];
  for (struct word *word = *slot; word; word = word->next) {
    if (strlen(word->text) == length && memcmp(word->text, text, length) == 0) {
      word->count++;
      return;
    }
  }
  struct word *word = malloc(sizeof *word + length + 1);
  if (!word) exit(3);
  memcpy(word->text, text, length);
  word->text[length] = 0;
  word->count = 1;
  word->next = *slot;
  *slot = word;
  distinct++;
}

static int by_count(const void *a, const void *b) {
  const struct word *left = *(struct word *const *)a, *right = *(struct word *const *)b;
  if (left->count != right->count) return left->count < right->count ? 1 : -1;
  return strcmp(left->text, right->text);
}

int main(void) {
  unsigned long lines = 0, words = 0, bytes = 0;
  char word[256];
  size_t length = 0;
  for (int c; (c = getchar()) != EOF; bytes++) {
    if (c == '\n') {
      lines++;
      if (lines % 2000 == 0) fprintf(stderr, "%lu lines\n", lines);
    }
    if (isalnum(c)) {
      if (length < sizeof word) word[length++] = (char)tolower(c);
    } else if (length > 0) {
      count(word, length);
      words++;
      length = 0;
    }
  }
  if (length > 0) {
    count(word, length);
    words++;
  }
  struct word **all = malloc((distinct + 1) * sizeof *all);
  size_t at = 0;
  for (size_t bucket = 0; bucket < BUCKETS; bucket++)
    for (struct word *each = buckets[bucket]; each; each = each->next) all[at++] = each;
  qsort(all, distinct, sizeof *all, by_count);
  printf("%lu lines, %lu words, %lu bytes, %zu different words\n", lines, words, bytes, distinct);
  for (at = 0; at < distinct && at < SHOWN; at++) printf("%6lu %s\n", all[at]->count, all[at]->text);
  return words == 0;
}
