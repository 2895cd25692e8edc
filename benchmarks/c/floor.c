/* The floor: floor PORT FILTER.json PRIORITIZE.json
   Blocking sockets, one thread per connection; reads the whole body and answers from memory. Nothing that decides
   anything can be faster over the same client and transport. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 16 << 20 };

static char *answer[2];
static int length[2];

static int send_all(int c, const char *bytes, int n) {
  while (n > 0) {
    int k = send(c, bytes, n, MSG_NOSIGNAL);
    if (k <= 0) return -1;
    bytes += k;
    n -= k;
  }
  return 0;
}

static void *serve(void *given) {
  int c = (int)(long)given, one = 1, n = 0, need = 0;
  setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  char *buf = malloc(ROOM);
  for (;;) {
    int k = recv(c, buf + n, ROOM - 1 - n, 0);
    if (k <= 0) break;
    n += k;
    buf[n] = 0;
    if (!need) {
      char *end = memmem(buf, n, "\r\n\r\n", 4), *header;
      if (!end || !(header = strstr(buf, "ontent-Length: "))) continue;
      need = (int)(end + 4 - buf) + atoi(header + 15);
    }
    if (n < need) continue;
    int verb = buf[6] == 'p'; /* POST /p... */
    n = need = 0;
    if (send_all(c, answer[verb], length[verb]) < 0) break;
  }
  close(c);
  free(buf);
  return 0;
}

static void load(int verb, const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) {
    perror(path);
    exit(1);
  }
  fseek(f, 0, SEEK_END);
  long l = ftell(f);
  rewind(f);
  answer[verb] = malloc(l + 200);
  int h = sprintf(answer[verb], "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %ld\r\n\r\n", l);
  length[verb] = h + (int)fread(answer[verb] + h, 1, l, f);
  fclose(f);
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: floor PORT FILTER.json PRIORITIZE.json\n");
    return 2;
  }
  load(0, argv[2]);
  load(1, argv[3]);
  int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in a = {
      .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(s, (void *)&a, sizeof a) || listen(s, 8)) {
    perror("bind");
    return 1;
  }
  for (;;) {
    int c = accept(s, 0, 0);
    pthread_t t;
    if (c >= 0 && !pthread_create(&t, 0, serve, (void *)(long)c)) pthread_detach(t);
  }
}
