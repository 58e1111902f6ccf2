/*
 * The small tools of the kernel benchmark, in C because a connect takes some 30 us and an interpreter would drown that.
 * Compiled when the benchmark runs.
 *
 *   serve PORT CPU                          take connections, read and forget what comes
 *   connect BASE COUNT PORT CONNECTS CPU    connect, one after another, each to a random one of COUNT addresses from BASE on;
 *                                           prints seconds (double), then the nanoseconds of each connect (uint32), binary
 *   send ADDRESS PORT SECONDS CPU           fill one connection; prints bytes per second
 *   commits                                 print a line for each transaction of nf_tables that changed IPv4 objects:
 *                                           CLOCK_MONOTONIC in nanoseconds
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void must(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Client and server each keep to a processor, so that runs differ in what is measured alone. */
static void pin(const char *cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(atoi(cpu) % (int)sysconf(_SC_NPROCESSORS_ONLN), &set);
  must(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

static struct sockaddr_in to(uint32_t address, const char *port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  a.sin_addr.s_addr = htonl(address);
  return a;
}

static uint32_t address_of(const char *text) {
  struct in_addr a;
  must(inet_pton(AF_INET, text, &a) == 1, "address");
  return ntohl(a.s_addr);
}

static _Noreturn void serve(char **arg) {
  pin(arg[1]);
  struct sockaddr_in self = to(INADDR_ANY, arg[0]);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), queue = epoll_create1(0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  must(bind(listener, (struct sockaddr *)&self, sizeof self) == 0, "bind");
  must(listen(listener, 4096) == 0, "listen");
  struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener}, found[64];
  must(epoll_ctl(queue, EPOLL_CTL_ADD, listener, &wanted) == 0, "epoll_ctl");
  puts("ready");
  fflush(stdout);
  static char bin[1 << 18];
  for (;;) {
    int count = epoll_wait(queue, found, 64, -1);
    for (int i = 0; i < count; i++) {
      int fd = found[i].data.fd;
      if (fd != listener) {
        if (read(fd, bin, sizeof bin) <= 0) close(fd);
        continue;
      }
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event more = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(queue, EPOLL_CTL_ADD, fd, &more);
      }
    }
  }
}

static int connect_all(char **arg) {
  uint32_t base = address_of(arg[0]), count = (uint32_t)atoi(arg[1]), connects = (uint32_t)atoi(arg[3]);
  pin(arg[4]);
  struct sockaddr_in *target = calloc(connects, sizeof *target);
  uint32_t *took = calloc(connects, sizeof *took);
  must(target != NULL && took != NULL, "calloc");
  srandom((unsigned)now_ns());
  for (uint32_t i = 0; i < connects; i++) target[i] = to(base + (uint32_t)random() % count, arg[2]);
  /* Closed by a reset: no TIME_WAIT is left to run out of ports with. */
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  uint64_t start = now_ns();
  for (uint32_t i = 0; i < connects; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    uint64_t before = now_ns();
    must(connect(fd, (struct sockaddr *)&target[i], sizeof target[i]) == 0, "connect");
    took[i] = (uint32_t)(now_ns() - before);
    close(fd);
  }
  double seconds = (double)(now_ns() - start) / 1e9;
  fwrite(&seconds, sizeof seconds, 1, stdout);
  fwrite(took, sizeof *took, connects, stdout);
  return 0;
}

static int send_one(char **arg) {
  pin(arg[3]);
  struct sockaddr_in target = to(address_of(arg[0]), arg[1]);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(connect(fd, (struct sockaddr *)&target, sizeof target) == 0, "connect");
  static char load[1 << 17];
  uint64_t start = now_ns(), end = start + (uint64_t)(atof(arg[2]) * 1e9), bytes = 0;
  while (now_ns() < end) {
    ssize_t sent = write(fd, load, sizeof load);
    must(sent > 0, "write");
    bytes += (uint64_t)sent;
  }
  printf("%.0f\n", (double)bytes / ((double)(now_ns() - start) / 1e9));
  return 0;
}

/* The kernel tells of each object that a transaction changed, and then of the new generation of the ruleset (nf_tables_api.c). */
static _Noreturn void commits(void) {
  static char buffer[1 << 20];
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), group = NFNLGRP_NFTABLES, room = 1 << 28;
  /* A socket without a name shares the kernel's own, 0, and is told nothing. */
  struct sockaddr_nl self = {.nl_family = AF_NETLINK};
  must(bind(fd, (struct sockaddr *)&self, sizeof self) == 0, "bind");
  must(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0, "SO_RCVBUFFORCE");
  must(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0, "NETLINK_ADD_MEMBERSHIP");
  puts("ready");
  fflush(stdout);
  int has_ipv4 = 0;
  for (;;) {
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    uint64_t at = now_ns();
    if (got < 0 && (errno == ENOBUFS || errno == EINTR)) continue;
    must(got > 0, "recv");
    unsigned left = (unsigned)got;
    for (struct nlmsghdr *m = (struct nlmsghdr *)buffer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN)) {
        if (has_ipv4) printf("%llu\n", (unsigned long long)at);
        fflush(stdout);
        has_ipv4 = 0;
      } else if (((struct nfgenmsg *)NLMSG_DATA(m))->nfgen_family == AF_INET) {
        has_ipv4 = 1;
      }
    }
  }
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "serve") == 0) serve(argv + 2);
  if (argc == 7 && strcmp(argv[1], "connect") == 0) return connect_all(argv + 2);
  if (argc == 6 && strcmp(argv[1], "send") == 0) return send_one(argv + 2);
  if (argc == 2 && strcmp(argv[1], "commits") == 0) commits();
  fputs("usage: serve | connect | send | commits, see traffic.c\n", stderr);
  return 2;
}
