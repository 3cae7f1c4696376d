/* SPDX-License-Identifier: Apache-2.0 */
/* verify DISK SECONDS [JOBS]: reads and writes of all sizes and alignments at once, with all that a disk is asked for
 * beside: flush, FUA, discard, zeroes; what is read is what was written last. Each job has a part of the disk of its
 * own and is a process, so that requests meet in the driver. Last line: "VERIFY N operations" or "VERIFY failed". */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECTOR 512u
#define MOST   2048u /* sectors of an operation: 1 MiB */

/* What a sector must hold: nothing is known of it, zeroes, or its number and this generation. */
enum { UNKNOWN, ZEROES, FIRST };

struct job {
	int fd, sync_fd;
	uint64_t first, sectors; /* its part of the disk */
	uint32_t *state;         /* a sector each */
	uint64_t seed, ops;
	uint32_t next;
	uint8_t *buf;
};

static uint64_t rnd(struct job *j, uint64_t below) {
	j->seed ^= j->seed << 13;
	j->seed ^= j->seed >> 7;
	j->seed ^= j->seed << 17;
	return j->seed % below;
}

static void fail(const char *what, uint64_t sector) {
	printf("VERIFY failed: %s at sector %llu: %s\n", what, (unsigned long long)sector, strerror(errno));
	exit(1);
}

static void fill(uint8_t *p, uint64_t sector, uint32_t state) {
	uint64_t *w = (uint64_t *)p;

	for (unsigned i = 0; i < SECTOR / 8; i++)
		w[i] = state == ZEROES ? 0 : (sector * 0x9e3779b97f4a7c15ull ^ state) + i * 0x2545f4914f6cdd1dull;
}

static void write_op(struct job *j, uint64_t at, unsigned n, uint8_t *buf, bool fua) {
	for (unsigned i = 0; i < n; i++) fill(buf + i * SECTOR, j->first + at + i, j->next);
	if (pwrite(fua ? j->sync_fd : j->fd, buf, n * SECTOR, (off_t)((j->first + at) * SECTOR)) !=
	    (ssize_t)(n * SECTOR))
		fail("write", j->first + at);
	for (unsigned i = 0; i < n; i++) j->state[at + i] = j->next;
	j->next++;
}

static void read_op(struct job *j, uint64_t at, unsigned n, uint8_t *buf) {
	uint8_t want[SECTOR] __attribute__((aligned(8)));

	memset(buf, 0xa5, n * SECTOR);
	if (pread(j->fd, buf, n * SECTOR, (off_t)((j->first + at) * SECTOR)) != (ssize_t)(n * SECTOR))
		fail("read", j->first + at);
	errno = 0;
	for (unsigned i = 0; i < n; i++) {
		if (j->state[at + i] == UNKNOWN) continue;
		fill(want, j->first + at + i, j->state[at + i]);
		if (memcmp(buf + i * SECTOR, want, SECTOR)) fail("wrong data", j->first + at + i);
	}
}

static void range_op(struct job *j, uint64_t at, unsigned n, unsigned long request) {
	uint64_t range[2] = {(j->first + at) * SECTOR, n * SECTOR};

	if (ioctl(j->fd, request, range) < 0) {
		if (errno == EOPNOTSUPP) return;
		fail(request == BLKDISCARD ? "discard" : "zeroes", j->first + at);
	}
	for (unsigned i = 0; i < n; i++) j->state[at + i] = request == BLKDISCARD ? UNKNOWN : ZEROES;
}

static void operate(struct job *j) {
	unsigned n = 1 + (unsigned)rnd(j, rnd(j, 4) ? 16 : MOST);
	uint64_t at = rnd(j, j->sectors - n);
	/* Not at a page's start: segments of less than a page at both ends. */
	uint8_t *buf = j->buf + rnd(j, 8) * SECTOR;
	uint64_t what = rnd(j, 100);

	if (what < 45)
		read_op(j, at, n, buf);
	else if (what < 85)
		write_op(j, at, n, buf, false);
	else if (what < 90)
		write_op(j, at, n, buf, true);
	else if (what < 94)
		range_op(j, at, n, BLKDISCARD);
	else if (what < 97)
		range_op(j, at, n, BLKZEROOUT);
	else if (fsync(j->fd) < 0)
		fail("flush", 0);
	j->ops++;
}

static uint64_t run(const char *disk, unsigned nr, unsigned jobs, unsigned seconds) {
	struct job j = {.seed = 88172645463325252ull + nr, .next = FIRST};
	time_t end = time(NULL) + seconds;
	uint64_t bytes = 0;

	j.fd = open(disk, O_RDWR | O_DIRECT);
	j.sync_fd = open(disk, O_RDWR | O_DIRECT | O_DSYNC);
	if (j.fd < 0 || j.sync_fd < 0 || ioctl(j.fd, BLKGETSIZE64, &bytes) < 0) fail(disk, 0);
	j.sectors = bytes / SECTOR / jobs;
	j.first = nr * j.sectors;
	j.state = calloc(j.sectors, sizeof(*j.state));
	j.buf = mmap(NULL, (MOST + 8) * SECTOR, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!j.state || j.buf == MAP_FAILED || j.sectors <= MOST) fail("too small", 0);
	while (time(NULL) < end) operate(&j);
	/* All of it once more, behind the cache. */
	for (uint64_t at = 0; at < j.sectors; at += MOST)
		read_op(&j, at, (unsigned)(j.sectors - at < MOST ? j.sectors - at : MOST), j.buf);
	return j.ops;
}

int main(int argc, char **argv) {
	unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 10;
	unsigned jobs = argc > 3 ? (unsigned)atoi(argv[3]) : 4;
	uint64_t *ops = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t all = 0;
	int status, bad = 0;

	if (argc < 2 || jobs < 1 || jobs > 64 || ops == MAP_FAILED) {
		fprintf(stderr, "usage: verify DISK SECONDS [JOBS]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	for (unsigned i = 0; i < jobs; i++)
		if (fork() == 0) {
			ops[i] = run(argv[1], i, jobs, seconds);
			return 0;
		}
	while (wait(&status) > 0) bad |= status;
	for (unsigned i = 0; i < jobs; i++) all += ops[i];
	if (bad)
		printf("VERIFY failed\n");
	else
		printf("VERIFY %llu operations\n", (unsigned long long)all);
	return bad != 0;
}
