// What clang's setjmp by exceptions (-mllvm -wasm-enable-sjlj) calls, and no libc of Debian's has. In a file of its own: clang
// 14 crashes where it finds these functions defined beside their calls.

#include <stdint.h>
#include <stdlib.h>

// The exception of a longjmp carries the address of this.
struct jump {
  void *env;
  int value;
};
static struct jump jump;
enum { C_LONGJMP = 1 };

// As clang has it since 19: the buffer says which call of which function it is of.
struct buffer {
  void *invocation;
  uint32_t label;
};
void __wasm_setjmp(void *env, uint32_t label, void *invocation) {
  struct buffer *buffer = env;
  buffer->invocation = invocation;
  buffer->label = label;
}
uint32_t __wasm_setjmp_test(void *env, void *invocation) {
  struct buffer *buffer = env;
  return buffer->invocation == invocation ? buffer->label : 0;
}

// As clang had it before: a table for each call of a function, of pairs (number of the setjmp, label), ended by 0.
static uint32_t last_id, temporary;
uint32_t getTempRet0(void) { return temporary; }
void setTempRet0(uint32_t value) { temporary = value; }
uint32_t *saveSetjmp(uint32_t *env, uint32_t label, uint32_t *table, uint32_t size) {
  uint32_t at = 0;
  *env = ++last_id;
  while (at < size && table[2 * at] != 0) at++;
  if (at + 1 >= size) table = realloc(table, sizeof *table * 2 * (size *= 2));
  table[2 * at] = last_id;
  table[2 * at + 1] = label;
  table[2 * at + 2] = 0;
  setTempRet0(size);
  return table;
}
uint32_t testSetjmp(uint32_t id, const uint32_t *table, uint32_t size) {
  for (uint32_t at = 0; at < size && table[2 * at] != 0; at++) {
    if (table[2 * at] == id) return table[2 * at + 1];
  }
  return 0;
}

_Noreturn void __wasm_longjmp(void *env, int value) {
  jump.env = env;
  jump.value = value == 0 ? 1 : value;
  __builtin_wasm_throw(C_LONGJMP, &jump);
}
