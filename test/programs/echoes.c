// Echoes what each connection says, to any number of them at once, until one of them says "quit": poll, accept, recv, send.
// An end of input is answered by an end. With an argument, so many bytes of answer are sent for each byte that comes.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define BUFFER_BYTES 65536
#define LISTENER 3

struct connection {
  int fd;
  // What is still to be sent: the buffer from `at` to `end`, `times` times more after that.
  char buffer[BUFFER_BYTES];
  size_t at, end, times;
  int ended;
};

static struct connection *connections[CONNECTIONS_MAX];
static size_t count;
static size_t factor = 1;

static void drop(size_t index) {
  close(connections[index]->fd);
  free(connections[index]);
  connections[index] = connections[--count];
}

// Whether the connection goes on.
static int serve(struct connection *one) {
  while (one->at < one->end) {
    ssize_t sent = send(one->fd, one->buffer + one->at, one->end - one->at, 0);
    if (sent < 0) return errno == EAGAIN;
    one->at += (size_t)sent;
    if (one->at == one->end && one->times > 0) {
      one->times -= 1;
      one->at = 0;
    }
  }
  if (one->ended) return 0;
  ssize_t got = recv(one->fd, one->buffer, BUFFER_BYTES, 0);
  if (got < 0) return errno == EAGAIN;
  if (got == 0) {
    one->ended = 1;
    shutdown(one->fd, SHUT_WR);
    return 0;
  }
  if (got >= 4 && memcmp(one->buffer, "quit", 4) == 0) exit(0);
  one->at = 0;
  one->end = (size_t)got;
  one->times = factor - 1;
  return 1;
}

int main(int argc, char **argv) {
  if (argc > 1) factor = strtoul(argv[1], NULL, 10);
  fcntl(LISTENER, F_SETFL, O_NONBLOCK);
  printf("listening\n");
  fflush(stdout);
  for (;;) {
    struct pollfd polled[CONNECTIONS_MAX + 1];
    for (size_t index = 0; index < count; index++) {
      struct connection *one = connections[index];
      polled[index] = (struct pollfd){.fd = one->fd, .events = one->at < one->end ? POLLOUT : POLLIN};
    }
    // Last, and only while there is room for another: wasi-libc polls for nothing but events.
    size_t served = count, accepts = count < CONNECTIONS_MAX;
    polled[served] = (struct pollfd){.fd = LISTENER, .events = POLLIN};
    if (poll(polled, (nfds_t)(served + accepts), -1) < 0) return 1;
    // From the last, for one that is dropped is replaced by it.
    for (size_t index = served; index-- > 0;) {
      if (polled[index].revents != 0 && !serve(connections[index])) drop(index);
    }
    if (accepts && polled[served].revents != 0) {
      int fd = accept(LISTENER, NULL, NULL);
      if (fd < 0) continue;
      fcntl(fd, F_SETFL, O_NONBLOCK);
      connections[count] = calloc(1, sizeof(struct connection));
      connections[count++]->fd = fd;
    }
  }
}
