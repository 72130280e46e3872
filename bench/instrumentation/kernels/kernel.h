// What every kernel is built on: fixed types, an arena, a random sequence. A kernel is `int32_t run(int32_t n)`,
// whose work grows with n and whose result is a checksum.
#pragma once

typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
typedef __SIZE_TYPE__ size_t;

#define RUN __attribute__((export_name("run"))) int32_t run
#define NOINLINE __attribute__((noinline))

#define ARENA_BYTES (48u << 20)
static uint8_t arena[ARENA_BYTES] __attribute__((aligned(16)));
static uint32_t arena_used;

static inline void *allocate(uint32_t bytes) {
  uint32_t at = arena_used;
  arena_used += (bytes + 15u) & ~15u;
  if (arena_used > ARENA_BYTES) __builtin_trap();
  return arena + at;
}

static inline void release_all(void) { arena_used = 0; }

static uint32_t random_state = 2463534242u;

static inline uint32_t random_next(void) {
  uint32_t x = random_state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return random_state = x;
}

static inline void random_reset(void) { random_state = 2463534242u; }
