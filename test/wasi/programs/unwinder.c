// Evaluates expressions by recursive descent, and leaves them by longjmp where they are wrong, however deep it stands:
// built with WebAssembly's exceptions, of which clang makes setjmp. The runtime for that is jumps.c.
//
//   clang --target=wasm32-wasi -mexception-handling -mllvm -wasm-enable-sjlj unwinder.c jumps.c

#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef int jmp_buf[8];
int setjmp(jmp_buf) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf, int);

enum { DIVISION = 1, SYNTAX, TOO_DEEP, DEPTH_MAX = 60 };
static jmp_buf wrong;
static const char *at;
static int depth;
static uint32_t steps;

static long expression(void);

// Some work between, so that epochs end inside.
static void burn(void) {
  for (uint32_t turn = 0; turn < 300; turn++) steps = steps * 1664525u + 1013904223u;
}

__attribute__((noinline)) static long primary(void) {
  burn();
  if (*at == '(') {
    if (++depth > DEPTH_MAX) longjmp(wrong, TOO_DEEP);
    at++;
    const long value = expression();
    if (*at++ != ')') longjmp(wrong, SYNTAX);
    depth--;
    return value;
  }
  if (*at < '0' || *at > '9') longjmp(wrong, SYNTAX);
  long value = 0;
  while (*at >= '0' && *at <= '9') value = value * 10 + (*at++ - '0');
  return value;
}

__attribute__((noinline)) static long term(void) {
  long value = primary();
  while (*at == '*' || *at == '/') {
    const char operation = *at++;
    const long other = primary();
    if (operation == '/' && other == 0) longjmp(wrong, DIVISION);
    value = operation == '*' ? value * other : value / other;
  }
  return value;
}

__attribute__((noinline)) static long expression(void) {
  long value = term();
  while (*at == '+' || *at == '-') value = *at++ == '+' ? value + term() : value - term();
  return value;
}

__attribute__((noinline)) static void right(const char *text) {
  at = text;
  depth = 0;
  const long value = expression();
  if (*at != 0) longjmp(wrong, SYNTAX);
  printf("%.24s = %ld\n", text, value);
}

__attribute__((noinline)) static void tell(const char *text, int error) {
  printf("%.24s: error %d at %d, %d deep\n", text, error, (int)(at - text), depth);
}

// 1 where the text is wrong. (Nothing here but calls lies between setjmp and the end: clang 14 crashes over more.)
__attribute__((noinline)) static int evaluate(const char *text) {
  volatile int errors = 0;
  const int error = setjmp(wrong);
  if (error == 0) {
    right(text);
  } else {
    tell(text, error);
    errors = 1;
  }
  return errors;
}

int main(void) {
  char nested[256];
  int errors = 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int round = 1; round <= 12; round++) {
    const int many = round * 7;
    memset(nested, '(', many);
    snprintf(nested + many, sizeof nested - many, "%d+", round);
    errors += evaluate(nested);
    snprintf(nested, sizeof nested, "(%d*(%d+2))/(%d-%d)", round, round, round, round % 3 == 0 ? round : 0);
    errors += evaluate(nested);
  }
  printf("%d wrong, %08x\n", errors, steps);
  return 0;
}
