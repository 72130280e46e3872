// An HTTP/1.1 server: keep-alive, pipelining, bodies by their length, answers in chunks; poll over all connections.
//
//   GET /hello          hello
//   GET /chunks/N       N chunks, numbered
//   POST /echo          what was sent
//   POST /quit          ends the server
//   else                404; what is no HTTP: 400, and the connection ends

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENER 3
#define CONNECTIONS_MAX 128
#define REQUEST_MAX (1 << 20)

struct bytes {
  char *at;
  size_t length, room;
};

struct connection {
  int fd;
  struct bytes in, out;
  size_t sent;
  int ending;
};

static struct connection connections[CONNECTIONS_MAX];
static size_t count;
static int quits;

static void append(struct bytes *to, const char *from, size_t length) {
  if (to->length + length > to->room) {
    to->room = 2 * (to->length + length);
    to->at = realloc(to->at, to->room);
    if (to->at == NULL) exit(1);
  }
  memcpy(to->at + to->length, from, length);
  to->length += length;
}

static void answer(struct connection *one, const char *status, const char *body, size_t length) {
  char head[128];
  int bytes = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", status, length);
  append(&one->out, head, (size_t)bytes);
  append(&one->out, body, length);
}

static void answer_in_chunks(struct connection *one, long chunks) {
  const char *head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  append(&one->out, head, strlen(head));
  for (long number = 0; number < chunks; number++) {
    char text[32], chunk[64];
    int length = snprintf(text, sizeof text, "chunk %ld\n", number);
    int bytes = snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", length, text);
    append(&one->out, chunk, (size_t)bytes);
  }
  append(&one->out, "0\r\n\r\n", 5);
}

static void refuse(struct connection *one) {
  answer(one, "400 Bad Request", "", 0);
  one->ending = 1;
}

// Takes one request from what has come; 0 where it is not whole.
static int take(struct connection *one) {
  char *text = one->in.at;
  size_t length = one->in.length, head = 0;
  for (size_t at = 3; at < length && head == 0; at++) {
    if (memcmp(text + at - 3, "\r\n\r\n", 4) == 0) head = at + 1;
  }
  if (head == 0) {
    if (length > REQUEST_MAX) refuse(one);
    return 0;
  }
  text[head - 1] = '\0';
  char method[16], path[256];
  if (sscanf(text, "%15s %255s HTTP/1.1\r\n", method, path) != 2 || strstr(text, " HTTP/1.1\r\n") == NULL) {
    refuse(one);
    return 0;
  }
  unsigned long body = 0;
  for (char *line = strstr(text, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
    if (strncasecmp(line + 2, "content-length:", 15) == 0) body = strtoul(line + 17, NULL, 10);
    if (strncasecmp(line + 2, "connection: close", 17) == 0) one->ending = 1;
  }
  text[head - 1] = '\n';
  if (body > REQUEST_MAX) {
    refuse(one);
    return 0;
  }
  if (length < head + body) return 0;
  int posts = strcmp(method, "POST") == 0;
  if (strcmp(path, "/hello") == 0) answer(one, "200 OK", "hello\n", 6);
  else if (strncmp(path, "/chunks/", 8) == 0) answer_in_chunks(one, strtol(path + 8, NULL, 10));
  else if (posts && strcmp(path, "/echo") == 0) answer(one, "200 OK", text + head, body);
  else if (posts && strcmp(path, "/quit") == 0) {
    answer(one, "200 OK", "", 0);
    quits = 1;
  } else answer(one, "404 Not Found", "", 0);
  memmove(text, text + head + body, length - head - body);
  one->in.length -= head + body;
  return 1;
}

// Whether the connection goes on.
static int serve(struct connection *one) {
  char buffer[16384];
  ssize_t got = one->ending ? -1 : recv(one->fd, buffer, sizeof buffer, 0);
  if (got == 0) one->ending = 1;
  if (got < 0 && !one->ending && errno != EAGAIN) return 0;
  if (got > 0) append(&one->in, buffer, (size_t)got);
  while (!one->ending && take(one)) continue;
  while (one->sent < one->out.length) {
    ssize_t sent = send(one->fd, one->out.at + one->sent, one->out.length - one->sent, 0);
    if (sent < 0) return errno == EAGAIN;
    one->sent += (size_t)sent;
  }
  one->sent = one->out.length = 0;
  return !one->ending;
}

static void drop(size_t index) {
  close(connections[index].fd);
  free(connections[index].in.at);
  free(connections[index].out.at);
  connections[index] = connections[--count];
}

int main(void) {
  fcntl(LISTENER, F_SETFL, O_NONBLOCK);
  printf("listening\n");
  fflush(stdout);
  while (!quits) {
    struct pollfd polled[CONNECTIONS_MAX + 1];
    for (size_t index = 0; index < count; index++) {
      short events = connections[index].out.length > 0 ? POLLOUT : POLLIN;
      polled[index] = (struct pollfd){.fd = connections[index].fd, .events = events};
    }
    // Last, and only while there is room for another: wasi-libc polls for nothing but events.
    size_t served = count, accepts = count < CONNECTIONS_MAX;
    polled[served] = (struct pollfd){.fd = LISTENER, .events = POLLIN};
    if (poll(polled, (nfds_t)(served + accepts), -1) < 0) return 1;
    for (size_t index = served; index-- > 0;) {
      if (polled[index].revents != 0 && !serve(&connections[index])) drop(index);
    }
    if (!accepts || polled[served].revents == 0) continue;
    int fd = accept(LISTENER, NULL, NULL);
    if (fd < 0) continue;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    connections[count] = (struct connection){.fd = fd};
    count++;
  }
  return 0;
}
