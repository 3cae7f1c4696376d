/* SPDX-License-Identifier: Apache-2.0 */
/* rights_test: a device model that has given up its rights can still do its work, and nothing else. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <pv/linux.h>

#include "../../../tools/model/model.h"

void die(const char *format, ...) {
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	exit(77);
}

static int node, file;

static void *thread(void *arg) {
	struct pollfd p = {.fd = *(int *)arg, .events = POLLIN};
	char c;

	usleep(1000);
	poll(&p, 1, -1);
	if (read(p.fd, &c, 1) != 1) _exit(2);
	return NULL;
}

/* What the devices do. */
static int work(void) {
	char b[512] = {0};
	struct iovec iov = {b, sizeof(b)};
	struct pv_linux_ioreq_serve serve = {.flags = PV_LINUX_IOREQ_WAIT};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), ends[2];
	pthread_t t[2];
	struct tm tm;
	time_t now;

	if (pipe(ends)) return 3;
	for (unsigned i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, thread, &ends[0])) return 4;
	rights_drop(node);
	if (pwritev(file, &iov, 1, 0) != 512 || preadv(file, &iov, 1, 0) != 512 || pwrite(file, b, 512, 0) != 512 ||
	    pread(file, b, 512, 0) != 512 || fdatasync(file) || ftruncate(file, 0))
		return 5;
	timerfd_settime(timer, 0, &(struct itimerspec){.it_value.tv_nsec = 1000}, NULL);
	ioctl(node, PV_LINUX_IOREQ_SERVE, &serve);
	free(malloc(1 << 22));
	now = time(NULL);
	gmtime_r(&now, &tm);
	fprintf(stderr, "time %ld\n", (long)timegm(&tm));
	if (write(ends[1], "xx", 2) != 2) return 6;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	close(timer);
	return 0;
}

static void open_file(void) { open("/etc/passwd", O_RDONLY); }

static void make_process(void) {
	if (!fork()) _exit(0);
}

static void make_socket(void) { socket(AF_INET, SOCK_STREAM, 0); }

static void other_request(void) { ioctl(node, PV_LINUX_IOREQ_START, NULL); }

static void other_file(void) { ioctl(0, PV_LINUX_IOREQ_SERVE, NULL); }

static void make_code(void) { mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

/* How a process ends that has dropped its rights, and then does fn. */
static int ends_by(void (*fn)(void)) {
	int status, rc;
	pid_t pid = fork();

	if (!pid) {
		rc = work();
		if (!rc && fn) fn();
		_exit(rc);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

Test(rights, drop) {
	static void (*const forbidden[])(void) = {open_file,     make_process, make_socket,
						  other_request, other_file,   make_code};
	char path[] = "/tmp/rights_test.XXXXXX";

	if (geteuid() != 0) cr_skip_test("only root has rights to give up");
	node = open("/dev/null", O_RDWR);
	file = mkstemp(path);
	unlink(path);
	cr_assert_eq(ends_by(NULL), 0);
	for (unsigned i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		int status = ends_by(forbidden[i]);

		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3, "%u: %#x", i, status);
	}
}
