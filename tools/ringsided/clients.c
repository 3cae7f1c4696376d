/* SPDX-License-Identifier: Apache-2.0 */
/* clients: who looks at consoles. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ringsided.h"

int clients_listen(struct rs *rs) {
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/ringsided.sock", rs->run_dir);
	unlink(a.sun_path); /* a dead ringsided's: this one holds the lock */
	mask = umask(0177);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 16) < 0) {
		umask(mask);
		return rs_fail_errno(rs, errno, "cannot listen at %s", a.sun_path);
	}
	umask(mask);
	return fd;
}

/* Whoever typed more than the guest reads is not listened to until it does, so that nobody sees such a client go. It
 * keeps its place, for the sake of what it typed, until another one wants it. */
static struct client *place(struct daemon *d) {
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (d->client[i].fd < 0) return &d->client[i];
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct pollfd p = {.fd = d->client[i].fd};

		if (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR)) {
			client_drop(&d->client[i]);
			return &d->client[i];
		}
	}
	return NULL;
}

void clients_accept(struct daemon *d) {
	int fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c;

	if (fd < 0) return;
	c = place(d);
	if (c) {
		*c = (struct client){.fd = fd};
		return;
	}
	if (write(fd, "too many clients\n", 17) < 0) say("a client too many");
	close(fd);
}

void client_drop(struct client *c) {
	close(c->fd);
	c->fd = -1;
	c->guest = NULL;
}

void clients_say(struct daemon *d, const struct guest *g, const char *text, size_t len) {
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &d->client[i];

		if (c->fd >= 0 && c->guest == g && send(c->fd, text, len, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			client_drop(c);
	}
}

void clients_drop_guest(struct daemon *d, const struct guest *g) {
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (d->client[i].fd >= 0 && d->client[i].guest == g) client_drop(&d->client[i]);
}

static void answer(struct client *c, const char *text) {
	if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) < 0) client_drop(c);
}

static void set_size(struct guest *g, unsigned columns, unsigned rows) {
	struct pv_console_page *page = g->connected ? g->map.va : NULL;

	if (page && columns && rows) {
		page->columns = (uint16_t)columns;
		page->rows = (uint16_t)rows;
	}
}

static void attach(struct daemon *d, struct client *c) {
	unsigned long long created;
	unsigned domid, columns, rows;
	struct guest *g;

	if (sscanf(c->line, "console %u %llu %u %u", &domid, &created, &columns, &rows) != 4) {
		answer(c, "not understood\n");
		client_drop(c);
		return;
	}
	g = guest_find(d, domid, created);
	if (!g) {
		scan(d, false); /* it may be new */
		g = guest_find(d, domid, created);
	}
	if (!g || g->slot < 0) {
		answer(c, g ? "this domain has no console\n" : "there is no such domain\n");
		if (c->fd >= 0) client_drop(c);
		return;
	}
	answer(c, "ok\n");
	if (c->fd < 0) return;
	c->guest = g;
	set_size(g, columns, rows);
	console_replay(g, c);
}

static void read_line(struct daemon *d, struct client *c) {
	while (c->line_len < sizeof(c->line) - 1) {
		ssize_t n = read(c->fd, c->line + c->line_len, 1);

		if (n < 0 && errno == EAGAIN) return;
		if (n <= 0) break;
		if (c->line[c->line_len] == '\n') {
			c->line[c->line_len] = '\0';
			attach(d, c);
			return;
		}
		c->line_len++;
	}
	client_drop(c);
}

void client_ready(struct daemon *d, struct client *c) {
	struct guest *g = c->guest;
	ssize_t n;

	if (!g) {
		read_line(d, c);
		return;
	}
	if (g->typed_len == sizeof(g->typed)) return; /* another client filled it */
	n = read(c->fd, g->typed + g->typed_len, sizeof(g->typed) - g->typed_len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
	if (n <= 0) {
		client_drop(c);
		return;
	}
	g->typed_len += (size_t)n;
	console_serve(d, g);
}
