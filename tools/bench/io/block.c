/* SPDX-License-Identifier: Apache-2.0 */
/* block: reads and writes past the page cache. Depth 1 is a system call each; deeper ones go by the kernel's
 * asynchronous I/O, as many in a call as have ended before. What writes ends with a flush (load.c), for its data may
 * have come no further than a cache. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load.h"

#define DEPTH_MAX 32
#define SIZE_MAX_ (1u << 20)

#define PASSES 3

static int disk;
static uint64_t disk_bytes;
static char *buffer; /* DEPTH_MAX blocks of 4 KiB, or one large one */
static aio_context_t aio;

/* A device model of dom0's reads and writes through its page cache, which takes a block in at the first pass, holds it
 * as used since the second, and only then costs the same each time. */
static void settle(void) {
	for (unsigned pass = 0; pass < PASSES; pass++)
		for (uint64_t at = 0; at + SIZE_MAX_ <= disk_bytes; at += SIZE_MAX_)
			MUST(pread(disk, buffer, SIZE_MAX_, (off_t)at));
}

void block_flush(void) { MUST(fdatasync(disk)); }

void block_open(const char *path) {
	disk = (int)MUST(open(path, O_RDWR | O_DIRECT));
	MUST(ioctl(disk, BLKGETSIZE64, &disk_bytes));
	if (posix_memalign((void **)&buffer, 4096, SIZE_MAX_)) fail("memory");
	memset(buffer, 0x5a, SIZE_MAX_);
	MUST(syscall(SYS_io_setup, DEPTH_MAX, &aio));
	settle();
}

/* The next place, the same sequence each time. */
static uint64_t place(const struct row *row, unsigned i) {
	uint64_t blocks = disk_bytes / row->size;

	return row->random ? (i * 2654435761u ^ i >> 3) % blocks * row->size : i % blocks * row->size;
}

static void one_by_one(const struct row *row, unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		ssize_t got = row->write ? pwrite(disk, buffer, row->size, (off_t)place(row, i))
					 : pread(disk, buffer, row->size, (off_t)place(row, i));

		if (got != (ssize_t)row->size) fail(row->key);
	}
}

static void submit(struct iocb **list, long n) {
	while (n) {
		long took = MUST(syscall(SYS_io_submit, aio, n, list));

		list += took;
		n -= took;
	}
}

static void deep(const struct row *row, unsigned n) {
	struct iocb request[DEPTH_MAX], *list[DEPTH_MAX];
	struct io_event done[DEPTH_MAX];
	unsigned started = 0, ended = 0;
	long ready = row->depth;

	for (unsigned i = 0; i < row->depth; i++) {
		request[i] = (struct iocb){
			.aio_fildes = (uint32_t)disk,
			.aio_lio_opcode = row->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			.aio_buf = (uintptr_t)buffer + i * row->size,
			.aio_nbytes = row->size,
			.aio_data = i,
		};
		done[i].data = i;
	}
	while (ended < n) {
		long k = 0;

		for (long i = 0; i < ready && started < n; i++) {
			struct iocb *r = &request[done[i].data];

			r->aio_offset = (int64_t)place(row, started++);
			list[k++] = r;
		}
		submit(list, k);
		ready = MUST(syscall(SYS_io_getevents, aio, 1, DEPTH_MAX, done, NULL));
		for (long i = 0; i < ready; i++)
			if (done[i].res != (int64_t)row->size) fail(row->key);
		ended += (unsigned)ready;
	}
}

const struct row block_rows[] = {
	{"read4k", "4 KiB", "read 4 KiB, in order", one_by_one, 1000, .size = 4096, .depth = 1},
	{"write4k", "4 KiB", "write 4 KiB, in order", one_by_one, 1000, .size = 4096, .depth = 1, .write = 1},
	{"randread", "4 KiB", "random read 4 KiB", one_by_one, 1000, .size = 4096, .depth = 1, .random = 1,
	 .traced = TRACED},
	{"randwrite", "4 KiB", "random write 4 KiB", one_by_one, 1000, .size = 4096, .depth = 1, .random = 1,
	 .write = 1, .traced = TRACED},
	{"randread32", "4 KiB", "random read 4 KiB, depth 32", deep, 3200, .size = 4096, .depth = 32, .random = 1},
	{"randwrite32", "4 KiB", "random write 4 KiB, depth 32", deep, 3200, .size = 4096, .depth = 32, .random = 1,
	 .write = 1},
	{"read64k", "64 KiB", "read 64 KiB, in order", one_by_one, 400, .size = 65536, .depth = 1},
	{"read1m", "MiB", "read 1 MiB, in order", one_by_one, 60, .size = 1 << 20, .depth = 1},
	{"write1m", "MiB", "write 1 MiB, in order", one_by_one, 60, .size = 1 << 20, .depth = 1, .write = 1},
	{NULL},
};
