/* SPDX-License-Identifier: Apache-2.0 */
/* load: disk, network and console traffic of known kind, to be measured from outside.
 *
 *   load agent [DOMAIN...]                 in dom0: the other end of what follows; says what it has cost these domains
 *   load run PEER DISK CONSOLE ROWS SCALE ROUNDS
 *                                          in a guest, or in dom0 itself: does the rows. DISK is overwritten, and may
 *                                          be "-", as CONSOLE. ROWS: keys, by commas, or "all"; SCALE: so many times
 *                                          the usual number of operations, or 1/N; all of it ROUNDS times
 *
 * Between its marks (mark.h) a row's program does nothing but its operations, and at the end of those that write one
 * flush. It has done a tenth of them before; the disk has been read through before the first row. */
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "load.h"
#include "mark.h"

static FILE *control;
static unsigned times = 1, part = 1; /* SCALE */

int read_all(int fd, void *to, size_t n) {
	while (n) {
		ssize_t got = read(fd, to, n);

		if (got <= 0) return 0;
		to = (char *)to + got;
		n -= (size_t)got;
	}
	return 1;
}

int write_all(int fd, const void *from, size_t n) {
	while (n) {
		ssize_t put = write(fd, from, n);

		if (put <= 0) return 0;
		from = (const char *)from + put;
		n -= (size_t)put;
	}
	return 1;
}

static uint64_t now(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* To the agent: "begin KEY OPERATIONS UNIT|TITLE" and "end NANOSECONDS" around a row, "trace KEY" and "traced" around
 * what ring 0 shall record, "quit". The agent has read ring 0's counters when it answers. */
static void answered(void) {
	char line[16];

	fflush(control);
	if (!fgets(line, sizeof(line), control) || strcmp(line, "ok\n") != 0) fail("the agent");
}

/* n operations, to their end. */
static void do_all(const struct row *row, unsigned n) {
	row->op(row, n);
	if (row->write) block_flush();
}

static void do_row(const struct row *row) {
	unsigned n = row->n * times / part;
	uint64_t start, ns;

	do_all(row, n / 10 + 1);
	fprintf(control, "begin %s %u %s|%s\n", row->key, n, row->unit, row->title);
	answered();
	start = now();
	MARK(MARK_START);
	do_all(row, n);
	MARK(MARK_STOP);
	ns = now() - start;
	fprintf(control, "end %llu\n", (unsigned long long)ns);
	answered();
	if (!row->traced) return;
	fprintf(control, "trace %s\n", row->key);
	answered();
	row->op(row, row->traced);
	fputs("traced\n", control);
	answered();
}

static bool wanted(const char *key, const char *list) {
	size_t len = strlen(key);

	if (!strcmp(list, "all")) return true;
	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (!strncmp(list, key, len) && (!list[len] || list[len] == ',')) return true;
	return false;
}

static void do_rows(const struct row *row, const char *list) {
	for (; row->key; row++)
		if (wanted(row->key, list)) do_row(row);
}

static int run_rows(char **argv) {
	bool disk = strcmp(argv[1], "-") != 0, console = strcmp(argv[2], "-") != 0;

	if (sscanf(argv[4], "%u/%u", &times, &part) < 1 || !part) return 2;
	control = fdopen(net_connect(argv[0], PORT_CONTROL), "r+");
	if (!control) fail("control");
	if (disk) block_open(argv[1]);
	net_open(argv[0]);
	if (console) console_open(argv[2]);
	for (int rounds = atoi(argv[5]); rounds > 0; rounds--) {
		if (disk) do_rows(block_rows, argv[3]);
		do_rows(net_rows, argv[3]);
		if (console) do_rows(console_rows, argv[3]);
	}
	fputs("quit\n", control);
	answered();
	return 0;
}

int main(int argc, char **argv) {
	if (argc > 1 && !strcmp(argv[1], "agent")) return agent(argc - 2, argv + 2);
	if (argc == 8 && !strcmp(argv[1], "run")) return run_rows(argv + 2);
	fputs("load agent [DOMAIN...] | load run PEER DISK CONSOLE ROWS SCALE ROUNDS\n", stderr);
	return 2;
}
