/* SPDX-License-Identifier: Apache-2.0 */
/* ringsided: the loop. Everything is non-blocking; each turn serves who has something, and no guest twice. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ringsided.h"

/* ms. What changes within the first is looked at once: a guest that is created changes often. The second finds what a
 * lost record or slot hid. */
#define SCAN_PAUSE  50
#define SCAN_PERIOD 5000

static volatile sig_atomic_t stopping;

static void on_stop(int sig) {
	(void)sig;
	stopping = 1;
}

static void on_child(int sig) { (void)sig; /* poll ends with EINTR; policy_reap does the rest */ }

static uint64_t now_ms(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void say(const char *fmt, ...) {
	va_list args;

	va_start(args, fmt);
	fputs("ringsided: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
}

/* ms until the next scan is due */
static int scan_wait(const struct daemon *d) {
	uint64_t pause = d->changed || d->slots_changed ? SCAN_PAUSE : SCAN_PERIOD;
	uint64_t passed = now_ms() - d->scanned;

	return passed < pause ? (int)(pause - passed) : 0;
}

static void scan_now(struct daemon *d) {
	bool all = now_ms() - d->scanned_all >= SCAN_PERIOD;

	if (all || d->changed)
		scan(d, all);
	else
		scan_slots(d);
	d->changed = d->slots_changed = false;
	d->scanned = now_ms();
	if (all) d->scanned_all = d->scanned;
}

/* Ports that were raised: bytes to move, or something to look at. */
static void take_events(struct daemon *d) {
	uint32_t ports[64];
	ssize_t n = read(d->events, ports, sizeof(ports));

	if (n <= 0) return;
	/* Unmasked first: what comes after this raises them again. */
	if (write(d->events, ports, (size_t)n) != n) say("cannot unmask ports: %s", strerror(errno));
	for (size_t i = 0; i < (size_t)n / sizeof(ports[0]); i++) {
		if (ports[i] == d->virq_domain || ports[i] == d->virq_device) {
			d->changed |= ports[i] == d->virq_domain;
			d->slots_changed |= ports[i] == d->virq_device;
			continue;
		}
		for (struct guest *g = d->guests; g; g = g->next)
			if (g->connected && g->port == ports[i]) console_serve(d, g);
	}
}

static int poll_all(struct daemon *d, struct pollfd *p, struct client **who) {
	int n = 2, wait = scan_wait(d);

	p[0] = (struct pollfd){.fd = d->events, .events = POLLIN};
	p[1] = (struct pollfd){.fd = d->listener, .events = POLLIN};
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &d->client[i];

		if (c->fd < 0 || (c->guest && c->guest->typed_len))
			continue; /* who types faster than the guest reads waits */
		who[n] = c;
		p[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
	}
	for (struct guest *g = d->guests; g; g = g->next)
		if (g->more) wait = 0;
	poll(p, (nfds_t)n, wait);
	return n;
}

static void turn(struct daemon *d) {
	struct pollfd p[CLIENTS_MAX + 2];
	struct client *who[CLIENTS_MAX + 2];
	int n = poll_all(d, p, who);

	if (p[0].revents) take_events(d);
	if (scan_wait(d) == 0) scan_now(d);
	if (p[1].revents) clients_accept(d);
	for (int i = 2; i < n; i++)
		if (p[i].revents && who[i]->fd == p[i].fd) client_ready(d, who[i]);
	for (struct guest *g = d->guests; g; g = g->next)
		if (g->more) console_serve(d, g);
	policy_reap(d);
}

/* One at a time; the lock goes with the process, however it ends. */
static int lock_instance(struct rs *rs) {
	char path[256];
	int fd;

	mkdir(rs->run_dir, 0755);
	snprintf(path, sizeof(path), "%s/ringsided.lock", rs->run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
	say("%s: %s", path, errno == EWOULDBLOCK ? "another ringsided runs" : strerror(errno));
	return -1;
}

static int open_all(struct daemon *d) {
	struct pv_domain_info self;
	char path[256];
	int port;

	d->events = rs_event_open(d->rs);
	if (d->events < 0) return -1;
	port = rs_event_virq(d->rs, d->events, PV_VIRQ_DOMAIN);
	if (port < 0) return -1;
	d->virq_domain = (uint32_t)port;
	port = rs_event_virq(d->rs, d->events, PV_VIRQ_DEVICE);
	if (port < 0) return -1;
	d->virq_device = (uint32_t)port;
	if (call_domain_info(d->rs, PV_DOM_SELF, &self) < 0)
		return rs_fail(d->rs, EIO, "ring 0 does not tell which domain this is");
	d->self = self.domid;
	mkdir(d->rs->log_dir, 0755);
	snprintf(path, sizeof(path), "%s/console", d->rs->log_dir);
	mkdir(path, 0700);
	d->listener = clients_listen(d->rs);
	return d->listener < 0 ? -1 : 0;
}

static void set_signals(void) {
	struct sigaction stop = {.sa_handler = on_stop}, child = {.sa_handler = on_child};

	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGCHLD, &child, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static const char usage[] = "usage: ringsided [-d] [--dumps N] [--dump-space SIZE]\n"
			    "  -d, --daemon        go to the background\n"
			    "      --dumps N       keep so many dumps of each guest that crashed (3)\n"
			    "      --dump-space SIZE  of all together (a quarter of their file system)\n"
			    "Consoles, logs and restarts of Ringside's guests; see ringsided(8).\n";

/* -1: go on; else the exit status. */
static int take_options(struct daemon *d, int argc, char **argv, bool *background) {
	static const struct option options[] = {{"daemon", no_argument, NULL, 'd'},
						{"dumps", required_argument, NULL, 'n'},
						{"dump-space", required_argument, NULL, 's'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	uint64_t n = DUMPS_MAX;
	int opt, bad = 0;

	while ((opt = getopt_long(argc, argv, "d", options, NULL)) >= 0) {
		switch (opt) {
		case 'd': *background = true; break;
		case 'n': bad |= rs_parse_size(optarg, 1, &n) < 0 || n > 100000; break;
		case 's': bad |= rs_parse_size(optarg, 1 << 20, &d->dump_space) < 0; break;
		case 'h': fputs(usage, stdout); return 0;
		default: bad = 1;
		}
	}
	d->dumps_max = (unsigned)n;
	if (!bad && optind == argc) return -1;
	fputs(usage, stderr);
	return 2;
}

int main(int argc, char **argv) {
	static struct daemon d;
	char error[512], path[256];
	bool background = false;
	int status = take_options(&d, argc, argv, &background);

	if (status >= 0) return status;
	d.rs = rs_open(error);
	if (!d.rs) {
		say("%s", error);
		return 7;
	}
	if (rs_check_version(d.rs) < 0) {
		say("%s", d.rs->error);
		return 7;
	}
	for (unsigned i = 0; i < CLIENTS_MAX; i++) d.client[i].fd = -1;
	if (lock_instance(d.rs) < 0) return 4;
	if (open_all(&d) < 0) {
		say("%s", d.rs->error);
		return 1;
	}
	set_signals();
	if (background && daemon(0, 1) < 0) say("cannot go to the background: %s", strerror(errno));
	d.changed = true;
	scan_now(&d);
	while (!stopping) turn(&d);
	snprintf(path, sizeof(path), "%s/ringsided.sock", d.rs->run_dir);
	unlink(path);
	return 0; /* back ends stay RUNNING: the next ringsided goes on where this one was */
}
