/* SPDX-License-Identifier: Apache-2.0 */
/* console: back end of pv/io/console.h. The page is the guest's: pv_stream_* check its counts, and one that makes no
 * sense costs the guest its console and nobody anything else. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ringsided.h"

void guest_say(struct guest *g, const char *text) {
	if (g->told < TOLD_MAX) say("%s: %s%s", g->name, text, ++g->told == TOLD_MAX ? " (no more is said of it)" : "");
}

/* --- connecting ----------------------------------------------------------------------------------- */

static void set_back(struct daemon *d, struct guest *g, uint32_t state) {
	struct pv_device_side side = {.state = state, .port = state == PV_DEV_RUNNING ? g->port : 0};

	call_device_update(d->rs, g->domid, (uint64_t)g->slot, &side);
}

/* Our own counts are where the last ringsided published them. */
static void open_streams(struct guest *g) {
	struct pv_console_page *page = g->map.va;

	g->out = (struct pv_stream){&page->out_prod, &page->out_cons, page->out, PV_CONSOLE_OUT_SIZE,
				    PV_LOAD_ACQUIRE(&page->out_cons.cons)};
	g->in = (struct pv_stream){&page->in_prod, &page->in_cons, page->in, PV_CONSOLE_IN_SIZE,
				   PV_LOAD_ACQUIRE(&page->in_prod.prod)};
}

static void connect_front(struct daemon *d, struct guest *g, const struct pv_device_slot *s) {
	int port;

	if (rs_grant_map(d->rs, g->domid, &s->front.grant, 1, false, &g->map) < 0) {
		guest_say(g, d->rs->error);
		return;
	}
	port = rs_event_bind(d->rs, d->events, g->domid, s->front.port);
	if (port < 0) {
		guest_say(g, d->rs->error);
		rs_grant_unmap(&g->map);
		return;
	}
	g->port = (uint32_t)port;
	g->connected = true;
	open_streams(g);
	set_back(d, g, PV_DEV_RUNNING);
	console_serve(d, g);
}

void console_disconnect(struct daemon *d, struct guest *g, bool tell) {
	if (!g->connected) return;
	g->connected = g->more = false;
	rs_event_unbind(d->events, g->port);
	rs_grant_unmap(&g->map);
	if (tell) set_back(d, g, PV_DEV_CLOSED);
}

void console_update(struct daemon *d, struct guest *g) {
	struct pv_device_slot s;
	bool there;

	if (call_device_get(d->rs, g->domid, (uint64_t)g->slot, &s) < 0 || s.class != PV_DEVICE_CONSOLE ||
	    s.back_dom != d->self) {
		console_disconnect(d, g, false);
		g->slot = -1;
		return;
	}
	there = s.front.state == PV_DEV_READY || s.front.state == PV_DEV_RUNNING;
	if (there && !g->connected && !g->broken) {
		connect_front(d, g, &s);
	} else if (g->connected) {
		console_serve(d, g);
		if (!there) console_disconnect(d, g, true);
	}
	if (!there) g->broken = false;
}

/* --- log and history ------------------------------------------------------------------------------- */

static void log_path(struct daemon *d, const struct guest *g, char *path, size_t size) {
	snprintf(path, size, "%s/console/%s.log", d->rs->log_dir, g->name);
}

static void log_open(struct daemon *d, struct guest *g) {
	char path[512];
	struct stat st;

	log_path(d, g, path, sizeof(path));
	g->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	g->log_len = g->log >= 0 && fstat(g->log, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void log_rotate(struct daemon *d, struct guest *g) {
	char path[512], old[520];

	log_path(d, g, path, sizeof(path));
	snprintf(old, sizeof(old), "%s.1", path);
	rename(path, old);
	close(g->log);
	log_open(d, g);
}

/* A full disk costs lines of the log, nothing else. */
static void keep(struct daemon *d, struct guest *g, const char *text, size_t len) {
	for (size_t i = 0; i < len; i++) g->history[(g->said + i) % HISTORY] = text[i];
	g->said += len;
	if (g->log < 0)
		log_open(d, g);
	else if (g->log_len > LOG_MAX)
		log_rotate(d, g);
	if (g->log >= 0 && write(g->log, text, len) > 0) g->log_len += len;
}

/* Of a string that ESC and another byte began at p: its bytes, or 0 if its end is not there. */
static size_t string_length(const char *p, size_t left) {
	for (size_t n = 2; n < left; n++)
		if (p[n] == '\a')
			return n + 1;
		else if (p[n] == '\033')
			return n + 1 < left && p[n + 1] == '\\' ? n + 2 : 0;
	return 0;
}

/* Bytes at p that a terminal would answer, or 0: DA, DSR, window and mode reports, colours, settings. */
static size_t question_length(const char *p, size_t left) {
	size_t n = 2;

	if (p[0] == '\005') /* ENQ */
		return 1;
	if (p[0] != '\033' || left < 2) return 0;
	switch (p[1]) {
	case 'Z': return 2;
	case ']': n = string_length(p, left); return n && memchr(p, '?', n) ? n : 0;
	case 'P': return string_length(p, left);
	case '[':
		while (n < left && p[n] >= ' ' && p[n] < '@') n++;
		if (n == left || p[n] <= 0) return 0;
		return strchr("cntx", p[n]) || (p[n] == 'p' && p[n - 1] == '$') || (p[n] == 'q' && p[2] == '>') ||
				       (p[n] == 'u' && p[2] == '?')
			       ? n + 1
			       : 0;
	}
	return 0;
}

/* What was asked long ago has been answered: the guest would take another answer for what somebody types. */
static size_t leave_questions_out(char *text, size_t len) {
	size_t to = 0;

	for (size_t i = 0; i < len;) {
		size_t n = question_length(text + i, len - i);

		if (n)
			i += n;
		else
			text[to++] = text[i++];
	}
	return to;
}

void console_replay(struct guest *g, struct client *c) {
	uint64_t from = g->said > HISTORY ? g->said - HISTORY : 0;
	size_t len = (size_t)(g->said - from);
	char text[HISTORY];

	for (size_t i = 0; i < len; i++) text[i] = g->history[(from + i) % HISTORY];
	len = leave_questions_out(text, len);
	if (len && write(c->fd, text, len) < 0) return; /* it does not read: it misses this */
}

/* --- moving bytes ---------------------------------------------------------------------------------- */

/* At most one page's worth a turn. False: the page is broken. */
static bool take_output(struct daemon *d, struct guest *g, int *due) {
	char text[PV_CONSOLE_OUT_SIZE];
	long n = pv_stream_read(&g->out, text, sizeof(text), due);

	if (n < 0) return false;
	if (n > 0) {
		keep(d, g, text, (size_t)n);
		clients_say(d, g, text, (size_t)n);
	}
	g->more = pv_stream_sleep_data(&g->out);
	return true;
}

static bool give_input(struct guest *g, int *due) {
	while (g->typed_len) {
		long n = pv_stream_write(&g->in, g->typed, (uint32_t)g->typed_len, due);

		if (n < 0) return false;
		g->typed_len -= (size_t)n;
		memmove(g->typed, g->typed + n, g->typed_len);
		if (g->typed_len && !pv_stream_sleep_room(&g->in, 1)) break; /* an event tells of room */
	}
	return true;
}

void console_serve(struct daemon *d, struct guest *g) {
	int due = 0;
	bool sane;

	if (!g->connected) return;
	sane = take_output(d, g, &due) && give_input(g, &due);
	if (due) rs_event_notify(d->events, g->port);
	if (sane) return;
	guest_say(g, "its console's page makes no sense: closed");
	g->broken = true;
	console_disconnect(d, g, true);
}
