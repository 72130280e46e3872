/*
 * For each line of stdin: how many arguments and variables there are now, their bytes, and a hash of them all. Where there is
 * no room for them it asks for them all the same, and tells of the error.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <wasi/api.h>

static uint64_t hash(const uint8_t *bytes, size_t length) {
  uint64_t value = 0xcbf29ce484222325u;
  for (size_t at = 0; at < length; at++) value = (value ^ bytes[at]) * 0x100000001b3u;
  return value;
}

static void tell(const char *what, size_t count, size_t size, int error, const uint8_t *bytes) {
  printf(" %s %zu, %zu bytes, error %d, ", what, count, size, error);
  if (bytes == NULL) printf("no room");
  else printf("%016llx", (unsigned long long)hash(bytes, size));
}

int main(void) {
  char line[256];
  for (int number = 1; fgets(line, sizeof line, stdin) != NULL; number++) {
    __wasi_size_t count, size;
    printf("%d", number);
    __wasi_errno_t sizes = __wasi_args_sizes_get(&count, &size);
    uint8_t **list = malloc((count + 1) * sizeof *list), *bytes = malloc(size + 1);
    tell("arguments", count, size, sizes | __wasi_args_get(list, bytes), bytes);
    free(list);
    free(bytes);
    sizes = __wasi_environ_sizes_get(&count, &size);
    list = malloc((count + 1) * sizeof *list), bytes = malloc(size + 1);
    tell("variables", count, size, sizes | __wasi_environ_get(list, bytes), bytes);
    free(list);
    free(bytes);
    printf("\n");
    fflush(stdout);
  }
  return 7;
}
