/* SPDX-License-Identifier: Apache-2.0 */
/* model: starting the device model of a guest's emulated devices. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ringside.h"

#define PROGRAM       "ringside-model"
#define READY_MS      15000
#define ARGS_MAX      32
#define TEXT_MAX      512
#define EMULATED_NETS 2

bool rs_emulated(const struct rs_config *c) {
	for (unsigned i = 0; i < c->disks; i++)
		if (c->disk[i].emulated) return true;
	for (unsigned i = 0; i < c->nets; i++)
		if (c->net[i].emulated) return true;
	return c->serial;
}

/* Beside the program that runs, or where it is installed. */
static void find_program(char path[PATH_MAX]) {
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(PROGRAM) - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash) strcpy(slash + 1, PROGRAM);
	if (!slash || access(path, X_OK) < 0) strcpy(path, "/usr/sbin/" PROGRAM);
}

struct line {
	char *arg[ARGS_MAX];
	char text[ARGS_MAX][TEXT_MAX];
	unsigned n;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *format, ...) {
	va_list ap;

	if (l->n == ARGS_MAX - 1) return;
	va_start(ap, format);
	vsnprintf(l->text[l->n], TEXT_MAX, format, ap);
	va_end(ap);
	l->arg[l->n] = l->text[l->n];
	l->n++;
}

static void interface_name(const struct rs_record *r, const struct rs_config *c, unsigned i, char name[16]) {
	if (c->net[i].ifname)
		snprintf(name, 16, "%s", c->net[i].ifname);
	else
		snprintf(name, 16, "rse%u.%u", r->domid, i);
}

static void command_line(struct rs *rs, struct line *l, const struct rs_record *r, const struct rs_config *c) {
	uint64_t memory = c->memory_max ? c->memory_max : c->memory;
	char name[16];

	add(l, PROGRAM);
	add(l, "--domain=%u", r->domid);
	add(l, "--vcpus=%u", c->vcpus);
	add(l, "--memory=%llu", (unsigned long long)memory);
	add(l, "--area=%llu", (unsigned long long)rs_area(c->memory, c->vcpus));
	for (unsigned i = 0; i < c->disks; i++)
		if (c->disk[i].emulated) add(l, "--disk%s=%s", c->disk[i].read_only ? "-ro" : "", c->disk[i].path);
	for (unsigned i = 0; i < c->nets; i++) {
		const uint8_t *m = c->net[i].mac;

		if (!c->net[i].emulated) continue;
		interface_name(r, c, i, name);
		add(l, "--net=%s,%02x:%02x:%02x:%02x:%02x:%02x", name, m[0], m[1], m[2], m[3], m[4], m[5]);
	}
	if (c->serial) {
		add(l, "--serial=%s/serial-%s", rs->run_dir, c->name);
		add(l, "--serial-log=%s/%s-serial.log", rs->log_dir, c->name);
	}
}

/* In the process that will be the model. */
static __attribute__((noreturn)) void become(const char *path, struct line *l, int ready, const char *log) {
	int null = open("/dev/null", O_RDWR), err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	dup2(null, 0);
	dup2(ready, 1);
	dup2(err >= 0 ? err : null, 2);
	close_range(3, ~0u, 0); /* whoever started us may have had more open than the model is to have */
	execv(path, l->arg);
	_exit(127);
}

/* Nobody's child, so that it outlives us. Returns the end of a pipe where it says that it is ready. */
static int spawn(const char *path, struct line *l, const char *log) {
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
	pid = fork();
	if (pid == 0) {
		setsid();
		if (fork() == 0) become(path, l, ends[1], log);
		_exit(0);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -errno;
	}
	waitpid(pid, &status, 0);
	return ends[0];
}

static bool wait_ready(int fd) {
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char answer[8];

	return poll(&p, 1, READY_MS) > 0 && read(fd, answer, sizeof(answer)) > 0;
}

/* Of the kernel's own module, if it is one. */
static void load_tun(void) {
	if (access("/sys/class/misc/tun", F_OK) < 0 && system("modprobe tun 2>/dev/null") < 0)
		return; /* the model will say what is missing */
}

static int check(struct rs *rs, const struct rs_config *c) {
	unsigned disks = 0, nets = 0;

	for (unsigned i = 0; i < c->disks; i++) disks += c->disk[i].emulated;
	for (unsigned i = 0; i < c->nets; i++) nets += c->net[i].emulated;
	if (disks > 4 || nets > EMULATED_NETS)
		return rs_fail(rs, E2BIG, "%s: at most 4 emulated disks and %u cards", c->name, EMULATED_NETS);
	if (nets) load_tun();
	return 0;
}

int rs_model_start(struct rs *rs, struct rs_record *r, const struct rs_config *c) {
	static struct line l;
	char path[PATH_MAX], log[PATH_MAX], name[16];
	int rc = check(rs, c), fd;

	if (rc) return rc;
	memset(&l, 0, sizeof(l));
	find_program(path);
	mkdir(rs->log_dir, 0755);
	snprintf(log, sizeof(log), "%s/%s-model.log", rs->log_dir, c->name);
	command_line(rs, &l, r, c);
	fd = spawn(path, &l, log);
	if (fd < 0) return rs_fail_errno(rs, -fd, "%s: cannot start %s", c->name, path);
	if (!wait_ready(fd))
		rc = rs_fail(rs, EIO, "%s: its device model (%s) did not start: see %s", c->name, path, log);
	close(fd);
	for (unsigned i = 0; i < c->nets && rc == 0; i++)
		if (c->net[i].emulated) {
			interface_name(r, c, i, name);
			rc = rs_interface_up(rs, name, c->net[i].bridge, c->net[i].mtu);
		}
	return rc;
}
