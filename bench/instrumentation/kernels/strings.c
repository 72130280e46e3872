// String work: numbers to text, splitting into words, searching, comparing, reversing.
#include "kernel.h"

static char buffer[1 << 16];

static NOINLINE int32_t put_number(char *at, uint32_t value) {
  char digits[12];
  int32_t count = 0, length = 0;
  do digits[count++] = '0' + value % 10; while (value /= 10);
  while (count > 0) at[length++] = digits[--count];
  return length;
}

static NOINLINE int32_t length_of(const char *s) {
  const char *p = s;
  while (*p) p++;
  return (int32_t)(p - s);
}

static NOINLINE int compare(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (uint8_t)*a - (uint8_t)*b;
}

static NOINLINE const char *find(const char *text, const char *needle) {
  for (; *text; text++) {
    const char *a = text, *b = needle;
    while (*b && *a == *b) a++, b++;
    if (!*b) return text;
  }
  return 0;
}

static NOINLINE void reverse(char *s, int32_t length) {
  for (int32_t i = 0, j = length - 1; i < j; i++, j--) {
    char held = s[i];
    s[i] = s[j];
    s[j] = held;
  }
}

RUN(int32_t n) {
  random_reset();
  int32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    int32_t end = 0;
    for (int i = 0; i < 1500; i++) {
      end += put_number(buffer + end, random_next() >> (i & 15));
      buffer[end++] = i % 10 == 9 ? '\n' : ' ';
    }
    buffer[end] = 0;
    const char *needles[] = {"123", "9999", "5 6", "\n1"};
    for (int k = 0; k < 4; k++)
      for (const char *p = find(buffer, needles[k]); p; p = find(p + 1, needles[k])) sum++;
    char *word = buffer, *previous = "";
    for (char *p = buffer; *p; p++)
      if (*p == ' ' || *p == '\n') {
        *p = 0;
        if (compare(previous, word) < 0) sum += length_of(word);
        else reverse(word, length_of(word));
        previous = word;
        word = p + 1;
      }
  }
  return sum;
}
