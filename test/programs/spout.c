// Writes so many megabytes to its standard output: `spout MEGABYTES [BUFFER_BYTES]`.

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count < 2) return 2;
  uint64_t left = (uint64_t)atoi(arguments[1]) << 20;
  size_t bufferBytes = count > 2 ? (size_t)atoi(arguments[2]) : 65536;
  unsigned char *buffer = malloc(bufferBytes);
  if (buffer == NULL) return 1;
  for (size_t at = 0; at < bufferBytes; at++) buffer[at] = 'a' + at % 25;
  while (left > 0) {
    size_t most = left < bufferBytes ? (size_t)left : bufferBytes;
    ssize_t bytes = write(1, buffer, most);
    if (bytes <= 0) return 1;
    left -= bytes;
  }
  return 0;
}
