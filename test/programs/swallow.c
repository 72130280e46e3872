// Reads its standard input to the end, and says how much there was and a sum of it: `swallow [BUFFER_BYTES]`.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **arguments) {
  size_t bufferBytes = count > 1 ? (size_t)atoi(arguments[1]) : 65536;
  uint64_t *buffer = malloc(bufferBytes);
  if (buffer == NULL) return 1;
  uint64_t total = 0;
  uint64_t sum = 0;
  for (;;) {
    ssize_t bytes = read(0, buffer, bufferBytes);
    if (bytes < 0) return 1;
    if (bytes == 0) break;
    total += bytes;
    for (ssize_t at = 0; at < bytes; at += 4096) sum = sum * 31 + ((unsigned char *)buffer)[at];
  }
  printf("%llu bytes\n", (unsigned long long)total);
  return sum == 1;
}
