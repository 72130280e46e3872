/* Writes more than can be on the way at once, far apart so that no two writes become one, and ends as it is told. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536
#define PIECES 701

static char piece[PIECE];

int main(int argc, char **argv) {
  int fd = open(argv[1], O_CREAT | O_WRONLY, 0644);
  memset(piece, 'x', sizeof piece);
  for (int i = 0; i < PIECES; i++)
    if (pwrite(fd, piece, sizeof piece, (off_t)(i * 7 % PIECES) * PIECE) != PIECE) return 3;
  if (strcmp(argv[2], "exit") == 0) _exit(0);
  if (strcmp(argv[2], "trap") == 0) __builtin_trap();
  return 0;
}
