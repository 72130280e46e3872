// A bytecode machine: one br_table in a loop runs a program that counts primes by trial division.
#include "kernel.h"

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, LESS, JUMP, JUMP_ZERO, DUP, POP, HALT };

static NOINLINE int32_t interpret(const int32_t *code, int32_t length, int32_t limit) {
  int32_t stack[64], variables[8] = {limit, 0, 0, 0, 0, 0, 0, 0};
  int32_t top = 0, at = 0, steps = 0;
  while (at < length) {
    steps++;
    switch (code[at++]) {
      case PUSH: stack[top++] = code[at++]; break;
      case LOAD: stack[top++] = variables[code[at++]]; break;
      case STORE: variables[code[at++]] = stack[--top]; break;
      case ADD: top--; stack[top - 1] += stack[top]; break;
      case SUB: top--; stack[top - 1] -= stack[top]; break;
      case MUL: top--; stack[top - 1] *= stack[top]; break;
      case MOD: top--; stack[top - 1] %= stack[top]; break;
      case LESS: top--; stack[top - 1] = stack[top - 1] < stack[top]; break;
      case JUMP: at = code[at]; break;
      case JUMP_ZERO: at = stack[--top] == 0 ? code[at] : at + 1; break;
      case DUP: stack[top] = stack[top - 1]; top++; break;
      case POP: top--; break;
      default: return steps;
    }
  }
  return steps;
}

static int32_t assembled[256];

// Variables: 0 the limit, 1 the number, 2 the divisor, 3 the primes found.
static int32_t assemble(void) {
  int32_t at = 0;
#define EMIT(x) assembled[at++] = (x)
  EMIT(PUSH); EMIT(2); EMIT(STORE); EMIT(1);
  int32_t outer = at;
  EMIT(LOAD); EMIT(1); EMIT(LOAD); EMIT(0); EMIT(LESS); EMIT(JUMP_ZERO); int32_t to_end = at++;
  EMIT(PUSH); EMIT(2); EMIT(STORE); EMIT(2);
  int32_t inner = at;
  EMIT(LOAD); EMIT(1); EMIT(LOAD); EMIT(2); EMIT(LOAD); EMIT(2); EMIT(MUL); EMIT(LESS);
  EMIT(JUMP_ZERO); int32_t to_divide = at++;
  EMIT(LOAD); EMIT(3); EMIT(PUSH); EMIT(1); EMIT(ADD); EMIT(STORE); EMIT(3);
  EMIT(JUMP); int32_t prime_to_next = at++;
  assembled[to_divide] = at;
  EMIT(LOAD); EMIT(1); EMIT(LOAD); EMIT(2); EMIT(MOD); EMIT(JUMP_ZERO); int32_t to_next = at++;
  EMIT(LOAD); EMIT(2); EMIT(PUSH); EMIT(1); EMIT(ADD); EMIT(STORE); EMIT(2); EMIT(JUMP); EMIT(inner);
  assembled[to_next] = assembled[prime_to_next] = at;
  EMIT(LOAD); EMIT(1); EMIT(PUSH); EMIT(1); EMIT(ADD); EMIT(STORE); EMIT(1); EMIT(JUMP); EMIT(outer);
  assembled[to_end] = at;
  EMIT(HALT);
  return at;
}

RUN(int32_t n) { return interpret(assembled, assemble(), n); }
