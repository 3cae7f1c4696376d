/* SPDX-License-Identifier: Apache-2.0 */
/* copier: a process beside a model that may not map all of its guest's memory. It copies between that and a window that
 * both have. By the file that it copies with one can do anything to any guest: the model does not have it, and can ask
 * for nothing but bytes of its own guest. The guest's number is no other's as long as a mapping of its memory is left:
 * the model has one from the beginning, and the copier keeps the file by which it has that open. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pv/hypercall.h>
#include <pv/linux.h>
#include <pv/memory.h>

#include "../lib/rights.h"
#include "model.h"

#define NODE   "/dev/ringside/hypercall"
#define WINDOW 65536u /* what a descriptor of a disk's moves at most */

struct ask {
	uint64_t gpa;
	uint32_t len, write;
};

static int asks = -1; /* a socket; -1: there is no copier */
static uint8_t *window;

/* --- the copier --- */

struct copier {
	int node, asks;
	uint32_t domid;
	uint64_t size; /* of the guest's memory */
};

static bool copy(const struct copier *c, const struct ask *a)
{
	struct pv_mem_copy op = {.domid = c->domid,
				 .flags = a->write ? PV_MEM_COPY_WRITE : PV_MEM_COPY_READ,
				 .gpa = a->gpa,
				 .buf = (uintptr_t)window,
				 .len = a->len};

	while (op.len) {
		struct pv_linux_hypercall h = {.number = PV_NR_mem_copy, .arg = {(uintptr_t)&op}};
		uint64_t before = op.len;

		if (ioctl(c->node, PV_LINUX_HYPERCALL, &h) < 0 ||
		    (h.result < 0 && h.result != -EAGAIN) || (h.result == 0 && op.len >= before))
			return false;
	}
	return true;
}

/* What is asked is a guest's doing, or a guest's that has the model. */
static bool inside(const struct copier *c, const struct ask *a)
{
	return a->len <= WINDOW && a->gpa < c->size && a->len <= c->size - a->gpa;
}

static __attribute__((noreturn)) void serve(const struct copier *c)
{
	static const int calls[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(exit_group),
				    SCMP_SYS(restart_syscall)};
	struct ask a;
	uint8_t done = 1; /* it is there; then: what was asked is done */

	prctl(PR_SET_NAME, "ringside-copier");
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (rights_drop_to(&(struct rights){.calls = calls,
					    .count = sizeof(calls) / sizeof(calls[0]),
					    .otherwise = SCMP_ACT_KILL_PROCESS,
					    .node = c->node,
					    .request = PV_LINUX_HYPERCALL}))
		_exit(1);
	while (write(c->asks, &done, 1) == 1 && read(c->asks, &a, sizeof(a)) == sizeof(a))
		done = inside(c, &a) && copy(c, &a);
	_exit(0);
}

/* --- the model --- */

static bool answer(void)
{
	uint8_t done = 0;

	return read(asks, &done, 1) == 1 && done;
}

void copier_start(uint32_t domid, uint64_t size)
{
	struct copier c = {.domid = domid, .size = size};
	int ends[2];
	pid_t pid;

	window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	c.node = open(NODE, O_RDWR | O_CLOEXEC);
	if (window == MAP_FAILED || c.node < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		die("no copier: %s", strerror(errno));
	asks = ends[0];
	c.asks = ends[1];
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		serve(&c);
	}
	close(ends[1]);
	close(c.node);
	if (pid < 0 || !answer())
		die("no copier");
}

bool copier_copy(uint64_t gpa, void *buf, size_t len, bool write_)
{
	struct ask a = {.gpa = gpa, .len = (uint32_t)len, .write = write_};

	if (asks < 0 || len > WINDOW)
		return false;
	if (write_)
		memcpy(window, buf, len);
	if (write(asks, &a, sizeof(a)) != sizeof(a) || !answer())
		return false;
	if (!write_)
		memcpy(buf, window, len);
	return true;
}
