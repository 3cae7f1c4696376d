/* SPDX-License-Identifier: Apache-2.0 */
/* net: TCP both ways, there and back, small UDP packets, pings; and what a console takes. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#include "load.h"

static int tcp, udp, icmp;
static char chunk[CHUNK];

static struct sockaddr_in address(const char *peer, int port) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	if (inet_pton(AF_INET, peer, &a.sin_addr) != 1) fail(peer);
	return a;
}

int net_connect(const char *peer, int port) {
	struct sockaddr_in a = address(peer, port);

	for (int tries = 0;; tries++) {
		int s = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));

		if (!connect(s, (struct sockaddr *)&a, sizeof(a))) {
			MUST(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
			return s;
		}
		if (tries == 300) fail("connect");
		close(s);
		usleep(100000);
	}
}

static int datagrams(const char *peer, int type, int protocol, int port) {
	struct sockaddr_in a = address(peer, port);
	struct timeval patience = {.tv_usec = 200000};
	int s = (int)MUST(socket(AF_INET, type, protocol));

	MUST(connect(s, (struct sockaddr *)&a, sizeof(a)));
	MUST(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
	return s;
}

void net_open(const char *peer) {
	tcp = net_connect(peer, PORT_TCP);
	udp = datagrams(peer, SOCK_DGRAM, 0, PORT_UDP);
	icmp = datagrams(peer, SOCK_RAW, IPPROTO_ICMP, 0);
}

static void order(enum order_kind kind, uint64_t bytes) {
	struct order o = {.kind = kind, .bytes = bytes};

	if (!write_all(tcp, &o, sizeof(o))) fail("the peer");
}

static void tcp_trips(const struct row *row, unsigned n) {
	char c = 0;

	order(ORDER_ECHO, n);
	while (n--)
		if (!write_all(tcp, &c, 1) || !read_all(tcp, &c, 1)) fail(row->key);
}

static void tcp_send(const struct row *row, unsigned n) {
	uint64_t bytes = (uint64_t)n << 20;

	order(ORDER_SINK, bytes);
	for (; bytes; bytes -= CHUNK)
		if (!write_all(tcp, chunk, CHUNK)) fail(row->key);
	if (!read_all(tcp, chunk, 1)) fail(row->key);
}

static void tcp_receive(const struct row *row, unsigned n) {
	uint64_t bytes = (uint64_t)n << 20;

	order(ORDER_SOURCE, bytes);
	for (; bytes; bytes -= CHUNK)
		if (!read_all(tcp, chunk, CHUNK)) fail(row->key);
}

/* Whoever has lost a packet goes on after a while. */
static void udp_send(const struct row *row, unsigned n) {
	struct packet p = {0};

	(void)row;
	for (unsigned i = 1; i <= n; i++) {
		p.reply = i % UDP_WINDOW == 0 || i == n;
		MUST(send(udp, &p, sizeof(p), 0));
		if (p.reply && recv(udp, &p, sizeof(p), 0) < 0 && errno != EAGAIN) fail(row->key);
	}
}

static void udp_receive(const struct row *row, unsigned n) {
	struct packet p;

	for (unsigned i = 0; i < n; i += UDP_WINDOW) {
		p = (struct packet){.reply = UDP_WINDOW};
		MUST(send(udp, &p, sizeof(p), 0));
		for (unsigned k = 0; k < UDP_WINDOW && recv(udp, &p, sizeof(p), 0) >= 0; k++)
			if (p.reply) fail(row->key);
	}
}

static uint16_t checksum(const void *data, size_t len) {
	const uint16_t *w = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++) sum += w[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void ping(const struct row *row, unsigned n) {
	struct {
		struct icmphdr head;
		char data[56];
	} out = {.head.type = ICMP_ECHO};
	char in[256];

	for (unsigned i = 0; i < n; i++) {
		out.head.un.echo.sequence = htons((uint16_t)i);
		out.head.checksum = 0;
		out.head.checksum = checksum(&out, sizeof(out));
		MUST(send(icmp, &out, sizeof(out), 0));
		/* To oneself, the request comes by first. */
		do
			if (recv(icmp, in, sizeof(in), 0) < 28) fail(row->key);
		while (in[20] != ICMP_ECHOREPLY);
	}
}

const struct row net_rows[] = {
	{"tcp_rr", "trip", "TCP, one byte there and back", tcp_trips, 500, .traced = TRACED},
	{"tcp_send", "MiB", "TCP send 1 MiB", tcp_send, 128},
	{"tcp_recv", "MiB", "TCP receive 1 MiB", tcp_receive, 128},
	{"udp_send", "packet", "UDP send 64 B, 32 a window", udp_send, 6400},
	{"udp_recv", "packet", "UDP receive 64 B, 32 a window", udp_receive, 6400},
	{"ping", "trip", "ping", ping, 500, .traced = TRACED},
	{NULL},
};

/* ---- console ---- */

static int console;

void console_open(const char *path) { console = (int)MUST(open(path, O_WRONLY | O_NOCTTY)); }

static void console_write(const struct row *row, unsigned n) {
	static const char line[64] = "the quick brown fox jumps over the lazy dog, and over it again\n";

	for (unsigned i = 0; i < n * 1024 / sizeof(line); i++)
		if (!write_all(console, line, sizeof(line) - 1)) fail(row->key);
	MUST(tcdrain(console));
}

const struct row console_rows[] = {
	{"console", "KiB", "console output, 1 KiB in lines", console_write, 200},
	{NULL},
};
