/* SPDX-License-Identifier: Apache-2.0 */
/* console: this terminal on a guest's console, by ringsided's socket. Protocol: tools/ringsided/ringsided.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "ringctl.h"

#define DETACH_KEY 0x1d /* Ctrl-] */

static int connect_daemon(struct rs *rs) {
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/ringsided.sock", rs->run_dir);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0) return fd;
	if (fd >= 0) close(fd);
	return rs_fail(rs, ENXIO, "ringsided does not run (no answer at %s): start it, consoles are its work",
		       a.sun_path);
}

static int write_all(int fd, const char *p, size_t n) {
	while (n) {
		ssize_t did = write(fd, p, n);

		if (did < 0 && errno == EINTR) continue;
		if (did <= 0) return -EPIPE;
		p += did;
		n -= (size_t)did;
	}
	return 0;
}

/* Its answer is one line: "ok", or what is wrong. */
static int ask(struct rs *rs, int fd, const struct pv_domain_info *info, const char *verb) {
	struct winsize w = {0};
	char line[256];
	size_t n = 0;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) < 0) w.ws_col = w.ws_row = 0;
	snprintf(line, sizeof(line), "%s %u %llu %u %u\n", verb, info->domid, (unsigned long long)info->created,
		 w.ws_col, w.ws_row);
	if (write_all(fd, line, strlen(line)) < 0) return rs_fail(rs, EPIPE, "ringsided closed the connection");
	while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n') n++;
	line[n] = '\0';
	return strcmp(line, "ok") == 0 ? 0 : rs_fail(rs, ENOENT, "%s", n ? line : "ringsided closed the connection");
}

/* Input to the guest. 1: the detach key. */
static int send_input(int fd) {
	char text[256], *key;
	ssize_t n = read(STDIN_FILENO, text, sizeof(text));

	if (n <= 0) return 1;
	key = memchr(text, DETACH_KEY, (size_t)n);
	if (key && isatty(STDIN_FILENO))
		n = key - text;
	else
		key = NULL;
	return write_all(fd, text, (size_t)n) < 0 || key;
}

/* False: the other side has closed. */
static bool shuttle(struct rs *rs, int fd) {
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
	char text[4096];
	ssize_t n;

	while (!rs->cancel) {
		if (poll(p, 2, -1) < 0 && errno != EINTR) return true;
		if (p[0].revents) {
			n = read(fd, text, sizeof(text));
			if (n <= 0) return false;
			if (write_all(STDOUT_FILENO, text, (size_t)n) < 0) return true;
		}
		if (p[1].revents && send_input(fd)) {
			if (isatty(STDIN_FILENO)) return true;
			p[1].fd = -1; /* input from a pipe has ended: output goes on */
		}
	}
	return true;
}

#define BUILD_MS 10000

/* A guest that is being made has no console yet. */
static void await_built(struct rs *rs, struct pv_domain_info *info) {
	struct rs_record record;
	bool ready = false;

	for (unsigned ms = 0; ms < BUILD_MS && !ready && !rs->cancel; ms += 50) {
		if (info->state != PV_DOMAIN_BUILDING) return;
		if (rs_record_load(rs, info, &record) == 0) {
			ready = record.ready; /* it was left like this */
			rs_record_free(&record);
		}
		if (!ready) sleep_ms(50);
		if (call_domain_info(rs, info->domid, info) < 0) return;
	}
}

/* Why nothing comes any more. */
static int say_end(struct rs *rs, const struct pv_domain_info *info, const char *name) {
	struct pv_domain_info now;

	if (rs_is_still(rs, info, &now) && now.state != PV_DOMAIN_DYING)
		return rs_fail(rs, EPIPE, "%s: ringsided has closed the console", name);
	fprintf(stderr, "(%s has ended)\n", name);
	return 0;
}

static int print_log(struct rs *rs, const struct pv_domain_info *info) {
	char path[512], name[RS_NAME_MAX + 1];
	uint8_t *text;
	size_t len;
	int rc;

	rs_domain_name(rs, info, name);
	snprintf(path, sizeof(path), "%s/console/%s.log", rs->log_dir, name);
	rc = rs_read_file(rs, path, &text, &len);
	if (rc) return rc;
	print_foreign(stdout, (const char *)text, len);
	free(text);
	return 0;
}

int console_attach(struct rs *rs, const struct pv_domain_info *info, bool log_only) {
	struct termios old, raw;
	bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &old) == 0;
	char name[RS_NAME_MAX + 1];
	bool there = true;
	int fd, rc;

	if (log_only) return print_log(rs, info);
	fd = connect_daemon(rs);
	if (fd < 0) return fd;
	rc = ask(rs, fd, info, "console");
	if (rc == 0 && terminal) {
		fputs("(Ctrl-] leaves the console)\n", stderr);
		raw = old;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	rs_domain_name(rs, info, name);
	if (rc == 0) there = shuttle(rs, fd);
	if (rc == 0 && terminal) {
		tcsetattr(STDIN_FILENO, TCSANOW, &old);
		fputc('\n', stderr);
	}
	close(fd);
	return there ? rc : say_end(rs, info, name);
}

int do_console(struct run *r) {
	struct pv_domain_info info;
	int rc = find(r, r->argv[0], &info);

	if (rc == 0 && info.domid == 0) return rs_fail(r->rs, EINVAL, "domain 0 is this one");
	if (rc) return rc;
	await_built(r->rs, &info);
	return console_attach(r->rs, &info, opt(r, "log") != NULL);
}
