/* SPDX-License-Identifier: Apache-2.0 */
/* lat: what the classic operations of an operating system cost, as a program sees it. `make bench-linux` runs it under
 * QEMU's -icount, where a nanosecond of the clock is an instruction, on one CPU: without Ringside, and on it.
 *
 * An operation is repeated often enough that the clock's own cost does not show, in ROUNDS rounds; its figure is the
 * median round's. On Ringside, ring 0's counters are read before and after all rounds. Between begin() and end() of
 * each round, a plugin of QEMU's may count too (../io/count.c).
 *
 * With an argument, keys by commas, those rows only.
 *
 * Output, one line each:  row|key|nanoseconds|title|operations of a round|which of how many rounds it is|
 *                         count|key|counter|times in a thousand operations */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../counters.h"
#include "../io/mark.h"
#include "../must.h"

#define ROUNDS   5
#define PAGE     4096ul
#define PAGES    512ul /* of a region that is faulted in */
#define SLEEP_NS 100000
#define TOUCHED  (8ul << 20)

static uint64_t now(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool is_round;

static uint64_t begin(void) {
	if (is_round) MARK(MARK_START);
	return now();
}

static uint64_t end(uint64_t start) {
	uint64_t t = now() - start;

	if (is_round) MARK(MARK_STOP);
	return t;
}

/* ---- the operations: each does `n` of its kind, and returns the nanoseconds ---- */

static uint64_t op_getppid(unsigned n) {
	uint64_t start = begin();

	while (n--) syscall(SYS_getppid);
	return end(start);
}

static uint64_t op_read(unsigned n) {
	static int fd = -1;
	uint64_t start;
	char c;

	if (fd < 0) fd = (int)MUST(open("/dev/zero", O_RDONLY));
	start = begin();
	while (n--) MUST(read(fd, &c, 1));
	return end(start);
}

static uint64_t op_clock(unsigned n) {
	struct timespec t;
	uint64_t start = begin();

	while (n--) clock_gettime(CLOCK_MONOTONIC, &t);
	return end(start);
}

static void on_signal(int s) { (void)s; }

static uint64_t op_signal(unsigned n) {
	pid_t self = getpid();
	uint64_t start;

	signal(SIGUSR1, on_signal);
	start = begin();
	while (n--) kill(self, SIGUSR1);
	return end(start);
}

static uint64_t op_sleep(unsigned n) {
	const struct timespec t = {.tv_nsec = SLEEP_NS};
	uint64_t late = 0;

	prctl(PR_SET_TIMERSLACK, 1);
	begin();
	while (n--) {
		uint64_t start = now();

		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
		late += now() - start - SLEEP_NS;
	}
	end(0);
	return late;
}

/* Round trips of a byte: the other side sends back what it gets, until there is nothing more. */
struct link {
	int here_in, here_out, there_in, there_out;
};

static void echo(const struct link *l) {
	char c;

	while (read(l->there_in, &c, 1) == 1) MUST(write(l->there_out, &c, 1));
}

static void *echo_thread(void *link) {
	echo(link);
	return NULL;
}

static uint64_t trips(const struct link *l, unsigned n) {
	char c = 0;
	uint64_t start;

	/* The first makes sure that the other side is there. */
	MUST(write(l->here_out, &c, 1));
	MUST(read(l->here_in, &c, 1));
	start = begin();
	while (n--) {
		MUST(write(l->here_out, &c, 1));
		MUST(read(l->here_in, &c, 1));
	}
	return end(start);
}

static uint64_t between_processes(const struct link *l, unsigned n) {
	pid_t child = (pid_t)MUST(fork());
	uint64_t t;

	if (!child) {
		close(l->here_out);
		echo(l);
		_exit(0);
	}
	t = trips(l, n);
	kill(child, SIGKILL);
	MUST(waitpid(child, NULL, 0));
	close(l->here_in);
	close(l->here_out);
	if (l->there_in != l->here_in) close(l->there_in);
	if (l->there_out != l->there_in) close(l->there_out);
	return t;
}

static struct link pipes(void) {
	int there[2], back[2];

	MUST(pipe(there));
	MUST(pipe(back));
	return (struct link){back[0], there[1], there[0], back[1]};
}

static uint64_t op_pipe(unsigned n) {
	struct link l = pipes();

	return between_processes(&l, n);
}

static uint64_t op_pipe_threads(unsigned n) {
	struct link l = pipes();
	pthread_t other;
	uint64_t t;

	pthread_create(&other, NULL, echo_thread, &l);
	t = trips(&l, n);
	close(l.here_out);
	pthread_join(other, NULL);
	close(l.here_in);
	close(l.there_in);
	close(l.there_out);
	return t;
}

static uint64_t op_unix(unsigned n) {
	int s[2];
	struct link l;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	l = (struct link){s[0], s[0], s[1], s[1]};
	return between_processes(&l, n);
}

static void forks(unsigned n) {
	while (n--) {
		pid_t child = (pid_t)MUST(fork());

		if (!child) _exit(0);
		MUST(waitpid(child, NULL, 0));
	}
}

static uint64_t op_fork(unsigned n) {
	uint64_t start = begin();

	forks(n);
	return end(start);
}

static uint64_t op_fork_large(unsigned n) {
	char *p = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t t;

	MUST(p);
	madvise(p, TOUCHED, MADV_NOHUGEPAGE);
	memset(p, 1, TOUCHED);
	forks(1);
	t = op_fork(n);
	MUST(munmap(p, TOUCHED));
	return t;
}

static uint64_t op_exec(unsigned n) {
	uint64_t start = begin();

	while (n--) {
		pid_t child = (pid_t)MUST(fork());

		if (!child) {
			execl("/proc/self/exe", "lat", "--exit", NULL);
			_exit(1);
		}
		MUST(waitpid(child, NULL, 0));
	}
	return end(start);
}

static void *nothing(void *arg) { return arg; }

static uint64_t op_thread(unsigned n) {
	uint64_t start = begin();

	while (n--) {
		pthread_t t;

		if (pthread_create(&t, NULL, nothing, NULL)) fail("pthread_create");
		pthread_join(t, NULL);
	}
	return end(start);
}

static char *region(void) {
	char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(p);
	madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
	return p;
}

/* `n` is PAGES. */
static uint64_t op_anon(unsigned n) {
	volatile char *p = region();
	uint64_t start = begin(), t;

	for (unsigned i = 0; i < n; i++) p[i * PAGE] = 1;
	t = end(start);
	MUST(munmap((void *)p, PAGES * PAGE));
	return t;
}

/* Two faults a page: one maps the page of zeros, one copies it. */
static uint64_t op_cow(unsigned n) {
	volatile char *p = region();
	uint64_t start = begin(), t;

	for (unsigned i = 0; i < n; i++) {
		(void)p[i * PAGE];
		p[i * PAGE] = 1;
	}
	t = end(start);
	MUST(munmap((void *)p, PAGES * PAGE));
	return t;
}

/* A page that lies alone between others: no area is split or joined, no page table made or freed. */
static char *lone_page(void) {
	char *p = region();

	MUST(mprotect(p, PAGES * PAGE, PROT_NONE));
	p += PAGE;
	MUST(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	*(volatile char *)p = 1;
	return p;
}

static uint64_t op_mmap(unsigned n) {
	char *lone = lone_page();
	uint64_t start = begin(), t;

	while (n--) {
		char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		MUST(p);
		*(volatile char *)p = 1;
		MUST(munmap(p, PAGE));
	}
	t = end(start);
	MUST(munmap(lone - PAGE, PAGES * PAGE));
	return t;
}

static uint64_t op_mprotect(unsigned n) {
	char *p = lone_page();
	uint64_t start = begin(), t;

	while (n--) {
		MUST(mprotect(p, PAGE, PROT_READ));
		MUST(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	}
	t = end(start);
	MUST(munmap(p - PAGE, PAGES * PAGE));
	return t;
}

/* ---- ring 0's counters, where there is ring 0 ---- */

struct counted {
	const char *key;
	uint64_t operations;
};

static void count(const char *name, uint64_t times, void *arg) {
	const struct counted *c = arg;

	if (times * 1000 / c->operations)
		printf("count|%s|%s|%llu\n", c->key, name, (unsigned long long)(times * 1000 / c->operations));
}

/* ---- */

static int ascending(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Keys by commas; NULL: all rows. */
static const char *wanted;

static bool is_wanted(const char *key) {
	size_t len = strlen(key);

	for (const char *at = wanted; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, key, len) && (at[len] == ',' || !at[len])) return true;
	}
	return !wanted;
}

static void row(const char *key, const char *title, uint64_t (*op)(unsigned), unsigned n) {
	static struct pv_perf before, after;
	uint64_t round[ROUNDS], sorted[ROUNDS];
	unsigned median = 0;
	bool known;

	if (!is_wanted(key)) return;
	op(n < 10 ? 1 : n / 10); /* warm */
	known = counters_read(PV_DOM_SELF, &before);
	is_round = true;
	for (unsigned i = 0; i < ROUNDS; i++) round[i] = sorted[i] = op(n);
	is_round = false;
	known = known && counters_read(PV_DOM_SELF, &after);
	qsort(sorted, ROUNDS, sizeof(sorted[0]), ascending);
	while (round[median] != sorted[ROUNDS / 2]) median++;
	printf("row|%s|%llu|%s|%u|%u|%u|\n", key, (unsigned long long)((round[median] + n / 2) / n), title, n, median,
	       ROUNDS);
	if (known) counters_between(&before, &after, count, &(struct counted){key, (uint64_t)n * ROUNDS});
	fflush(stdout);
}

int main(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "--exit")) _exit(0);
	/* The same addresses in each run: where a page lies decides what tables come and go with it. */
	if (!(personality(ADDR_NO_RANDOMIZE) & ADDR_NO_RANDOMIZE)) {
		execv("/proc/self/exe", argv);
		fail("execv");
	}
	wanted = argc > 1 ? argv[1] : NULL;
	row("getppid", "getppid", op_getppid, 5000);
	row("read", "read 1 B of /dev/zero", op_read, 5000);
	row("clock", "clock_gettime (vDSO)", op_clock, 5000);
	row("signal", "signal to self", op_signal, 1000);
	row("sleep", "late by, after a 100 us sleep", op_sleep, 200);
	row("pipe", "pipe round trip, processes", op_pipe, 1000);
	row("pipe_threads", "pipe round trip, threads", op_pipe_threads, 1000);
	row("unix", "UNIX socket round trip", op_unix, 1000);
	row("fork", "fork, exit, wait", op_fork, 40);
	row("fork_large", "the same with 8 MiB touched", op_fork_large, 20);
	row("exec", "fork, exec, wait", op_exec, 40);
	row("thread", "thread create, join", op_thread, 200);
	row("anon", "anonymous page fault", op_anon, PAGES);
	row("cow", "COW page fault", op_cow, PAGES);
	row("mmap", "mmap, touch, munmap one page", op_mmap, 1000);
	row("mprotect", "mprotect pair", op_mprotect, 1000);
	printf("end|\n");
	return 0;
}
