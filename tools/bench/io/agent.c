/* SPDX-License-Identifier: Apache-2.0 */
/* agent: the other end of the network rows, and who reads ring 0's counters when a row begins and ends.
 *
 * Output, one line each:
 *   row|KEY|OPERATIONS|NANOSECONDS|UNIT|TITLE
 *   count|KEY|DOMAIN|COUNTER|TIMES      of all operations
 *   time|KEY|DOMAIN|NANOSECONDS         that it ran, ring 0 on its behalf included
 *   trace|KEY|NANOSECONDS|KIND|DOMAIN|A|B    of ring 0's trace */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../counters.h"
#include "load.h"

#define DOMAINS  2
#define PATIENCE 300 /* seconds */

struct reading {
	struct pv_perf perf;
	struct pv_domain_info info;
	bool known;
};

static uint64_t domid[DOMAINS];
static int domains;
static FILE *report; /* printed only when the client is done, so that no row has the output of another in it */

static int listener(int type, int port) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int s = (int)MUST(socket(AF_INET, type, 0));

	MUST(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)));
	MUST(bind(s, (struct sockaddr *)&a, sizeof(a)));
	if (type == SOCK_STREAM) MUST(listen(s, 4));
	return s;
}

static int accepted(int s) {
	int c = (int)MUST(accept(s, NULL, NULL));

	MUST(setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	return c;
}

/* ---- services ---- */

static bool obey(int s, const struct order *o) {
	static char chunk[CHUNK];
	uint64_t left = o->bytes;
	bool ok = true;

	for (; ok && left && o->kind == ORDER_ECHO; left--) ok = read_all(s, chunk, 1) && write_all(s, chunk, 1);
	while (ok && left) {
		size_t part = left < CHUNK ? left : CHUNK;
		ssize_t got = o->kind == ORDER_SINK ? read(s, chunk, part) : write(s, chunk, part);

		ok = got > 0;
		left -= ok ? (uint64_t)got : 0;
	}
	return ok && (o->kind != ORDER_SINK || write_all(s, chunk, 1));
}

static void *serve_tcp(void *arg) {
	int listen_on = *(int *)arg;
	struct order o;

	for (;;) {
		int s = accepted(listen_on);

		while (read_all(s, &o, sizeof(o)) && obey(s, &o))
			;
		close(s);
	}
	return NULL;
}

static void *serve_udp(void *arg) {
	int s = *(int *)arg;
	struct sockaddr_in from;
	struct packet p;

	for (;;) {
		socklen_t len = sizeof(from);

		if (recvfrom(s, &p, sizeof(p), 0, (struct sockaddr *)&from, &len) != sizeof(p)) continue;
		for (uint32_t n = p.reply; n && n <= UDP_WINDOW; n--) {
			p.reply = 0;
			sendto(s, &p, sizeof(p), 0, (struct sockaddr *)&from, len);
		}
	}
	return NULL;
}

/* ---- counters ---- */

static void read_counters(struct reading *r) {
	for (int i = 0; i < domains; i++)
		r[i].known = counters_read(domid[i], &r[i].perf) &&
			     !counters_call(PV_NR_domain_info, domid[i], (uintptr_t)&r[i].info, 0);
}

struct who {
	const char *key;
	uint64_t domid;
};

static void print_count(const char *name, uint64_t times, void *arg) {
	const struct who *w = arg;

	fprintf(report, "count|%s|%llu|%s|%llu\n", w->key, (unsigned long long)w->domid, name,
		(unsigned long long)times);
}

static void print_counts(const char *key, const struct reading *a, const struct reading *b) {
	for (int i = 0; i < domains; i++) {
		if (!a[i].known || !b[i].known) continue;
		counters_between(&a[i].perf, &b[i].perf, print_count, &(struct who){key, domid[i]});
		fprintf(report, "time|%s|%llu|%llu\n", key, (unsigned long long)domid[i],
			(unsigned long long)(b[i].info.cpu_time - a[i].info.cpu_time));
	}
}

/* ---- ring 0's trace ---- */

#define RECORDS 4096 /* more than a CPU's ring has */

static void print_trace(const char *key) {
	static const char *const kind[] = {
#define X(name, a, b) #name,
		PV_TRACE_KINDS(X)
#undef X
	};
	static struct pv_trace_record r[RECORDS];
	static struct pv_host_info host;
	int64_t n = 0, got;

	counters_call(PV_NR_host_info, (uintptr_t)&host, 0, 0);
	do {
		got = counters_call(PV_NR_trace_read, 0, (uintptr_t)(r + n), (uint64_t)(RECORDS - n));
		n += got > 0 ? got : 0;
	} while (got > 0 && n < RECORDS);
	for (int64_t i = 0; i < n; i++)
		fprintf(report, "trace|%s|%.0f|%s|%u|%llx|%llx\n", key, (double)r[i].tsc * 1e6 / (double)host.tsc_khz,
			r[i].kind < PV_TRACE_KIND_END ? kind[r[i].kind] : "?", r[i].domid, (unsigned long long)r[i].a,
			(unsigned long long)r[i].b);
}

static void obey_line(const char *line) {
	static struct reading before[DOMAINS], after[DOMAINS];
	static char key[32], rest[128];
	static unsigned long long n;
	unsigned long long ns;

	if (sscanf(line, "begin %31s %llu %127[^\n]", key, &n, rest) == 3) {
		read_counters(before);
	} else if (sscanf(line, "end %llu", &ns) == 1) {
		read_counters(after);
		fprintf(report, "row|%s|%llu|%llu|%s\n", key, n, ns, rest);
		print_counts(key, before, after);
	} else if (!strcmp(line, "traced\n")) {
		counters_call(PV_NR_trace_mask, 0, 0, 0);
		print_trace(key);
	} else if (sscanf(line, "trace %31s", key) == 1) {
		counters_call(PV_NR_trace_mask, (1ull << PV_TRACE_KIND_END) - 2, 0, 0);
	}
}

static void control(int s) {
	FILE *client = fdopen(s, "r+");
	char line[256], *text;
	size_t len;

	report = open_memstream(&text, &len);
	if (!client || !report) fail("control");
	while (fgets(line, sizeof(line), client) && strcmp(line, "quit\n") != 0) {
		obey_line(line);
		fputs("ok\n", client);
		fflush(client);
	}
	fclose(report);
	fputs(text, stdout);
	puts("end|");
	fflush(stdout);
	fputs("ok\n", client);
	fclose(client);
}

int agent(int n, char **domain) {
	int tcp = listener(SOCK_STREAM, PORT_TCP), udp = listener(SOCK_DGRAM, PORT_UDP);
	int control_at = listener(SOCK_STREAM, PORT_CONTROL);
	pthread_t t;

	alarm(PATIENCE); /* for a guest that never comes */
	for (; domains < n && domains < DOMAINS; domains++) domid[domains] = strtoull(domain[domains], NULL, 0);
	if (pthread_create(&t, NULL, serve_tcp, &tcp) || pthread_create(&t, NULL, serve_udp, &udp)) fail("threads");
	control(accepted(control_at));
	return 0;
}
