// Relays: what each client says goes to the address named "upstream", over a connection of its own, and what comes back to the
// client; ends on either side are passed on. One client after another, until one is turned away: then it ends with status 3.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES 65536
#define LISTENER 3

struct way {
  int from, to;
  char buffer[BUFFER_BYTES];
  size_t at, end;
  int over;
};

// Whether the way can go on; both descriptors do not block.
static int carry(struct way *way) {
  for (;;) {
    while (way->at < way->end) {
      ssize_t sent = send(way->to, way->buffer + way->at, way->end - way->at, 0);
      if (sent < 0) return errno == EAGAIN;
      way->at += (size_t)sent;
    }
    ssize_t got = recv(way->from, way->buffer, BUFFER_BYTES, 0);
    if (got < 0) return errno == EAGAIN;
    if (got == 0) {
      way->over = 1;
      shutdown(way->to, SHUT_WR);
      return 1;
    }
    way->at = 0;
    way->end = (size_t)got;
  }
}

static void relay(int client, int upstream) {
  static struct way ways[2];
  ways[0] = (struct way){.from = client, .to = upstream};
  ways[1] = (struct way){.from = upstream, .to = client};
  while (!ways[0].over || !ways[1].over) {
    struct pollfd polled[2];
    nfds_t count = 0;
    for (int index = 0; index < 2; index++) {
      struct way *way = &ways[index];
      if (way->over) continue;
      int writes = way->at < way->end;
      polled[count++] = (struct pollfd){.fd = writes ? way->to : way->from, .events = writes ? POLLOUT : POLLIN};
    }
    if (poll(polled, count, -1) < 0) return;
    for (int index = 0; index < 2; index++) {
      if (!ways[index].over && !carry(&ways[index])) return;
    }
  }
}

int main(void) {
  printf("listening\n");
  fflush(stdout);
  for (;;) {
    int client = accept(LISTENER, NULL, NULL);
    if (client < 0) return 1;
    int upstream = open("/dev/tcp/upstream", O_RDWR);
    if (upstream < 0) {
      printf("%s\n", strerror(errno));
      return 3;
    }
    fcntl(client, F_SETFL, O_NONBLOCK);
    fcntl(upstream, F_SETFL, O_NONBLOCK);
    relay(client, upstream);
    close(upstream);
    close(client);
  }
}
