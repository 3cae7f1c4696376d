/* SPDX-License-Identifier: Apache-2.0 */
/* daemon_test: ringsided's consoles between a fake front end and real clients: output, input, history, a front end
 * that lies, one that goes and comes back, a ringsided that is killed. The page is memory of this test; grants and
 * events are counted. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../tools/ringsided/ringsided.h"
#include "fake.h"

static struct fake fake;
static struct daemon d;
static char dir[] = "/tmp/ringside-test-XXXXXX";
static struct pv_console_page *page;
static struct pv_stream front_out, front_in;
static unsigned mapped, bound, notified;
static struct pv_device_slot *slot;

static unsigned said;

void say(const char *fmt, ...) {
	(void)fmt;
	said++;
}

/* --- the kernel's part --- */

int rs_grant_map(struct rs *rs, uint32_t domid, const uint32_t *refs, unsigned count, bool read_only,
		 struct rs_mapping *m) {
	(void)rs, (void)domid, (void)read_only;
	cr_assert(count == 1 && refs[0] == 77);
	*m = (struct rs_mapping){.va = page, .len = PV_PAGE_SIZE};
	mapped++;
	return 0;
}

void rs_grant_unmap(struct rs_mapping *m) {
	if (m->va) mapped--;
	m->va = NULL;
}

int rs_event_open(struct rs *rs) { return rs_fail(rs, ENODEV, "none"); }
int rs_event_virq(struct rs *rs, int fd, uint32_t virq) {
	(void)rs, (void)fd;
	return (int)virq;
}
int rs_event_bind(struct rs *rs, int fd, uint32_t domid, uint32_t port) {
	(void)rs, (void)fd, (void)domid;
	cr_assert_eq(port, 5);
	return (int)(100 + bound++);
}
int rs_event_unbind(int fd, uint32_t port) {
	(void)fd, (void)port;
	bound--;
	return 0;
}
int rs_event_notify(int fd, uint32_t port) {
	(void)fd, (void)port;
	notified++;
	return 0;
}

/* --- the guest's part --- */

static void front_open(uint32_t state) {
	memset(page, 0, sizeof(*page));
	front_out = (struct pv_stream){&page->out_prod, &page->out_cons, page->out, PV_CONSOLE_OUT_SIZE, 0};
	front_in = (struct pv_stream){&page->in_prod, &page->in_cons, page->in, PV_CONSOLE_IN_SIZE, 0};
	pv_stream_sleep_data(&front_in);
	slot->front = (struct pv_device_side){.state = state, .grant = 77, .port = 5};
}

static void front_says(const char *text) {
	int due = 0;

	cr_assert_eq(pv_stream_write(&front_out, text, (uint32_t)strlen(text), &due), (long)strlen(text));
	if (due && d.guests && d.guests->connected) console_serve(&d, d.guests);
}

static void front_hears(const char *text) {
	char got[256];
	int due = 0;
	long n = pv_stream_read(&front_in, got, sizeof(got), &due);

	cr_assert_eq(n, (long)strlen(text), "heard %ld bytes", n);
	cr_assert_arr_eq(got, text, strlen(text));
}

/* --- a client --- */

static int client_open(const char *hello, struct client **c) {
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	for (*c = d.client; (*c)->fd >= 0; (*c)++)
		;
	**c = (struct client){.fd = ends[1]};
	cr_assert_eq(write(ends[0], hello, strlen(hello)), (ssize_t)strlen(hello));
	client_ready(&d, *c);
	return ends[0];
}

static void client_reads(int fd, const char *text) {
	char got[4096];
	ssize_t n = read(fd, got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	cr_assert_str_eq(got, text);
}

static char hello[64];

static void set_up(void) {
	cr_assert(mkdtemp(dir));
	setenv("RINGSIDE_RUN_DIR", dir, 1);
	setenv("RINGSIDE_LOG_DIR", dir, 1);
	fake_init(&fake);
	memset(&d, 0, sizeof(d));
	d.rs = fake_open(&fake);
	for (unsigned i = 0; i < CLIENTS_MAX; i++) d.client[i].fd = -1;
	page = calloc(1, PV_PAGE_SIZE);
	fake.domain[1] = (struct fake_domain){
		.used = true, .info = {.domid = 1, .state = PV_DOMAIN_RUNNING, .name = "g", .created = 9}};
	slot = &fake.domain[1].slot[3];
	slot->class = PV_DEVICE_CONSOLE;
	snprintf(hello, sizeof(hello), "console 1 9 80 25\n");
}

static void tear_down(void) {
	char command[64];

	memset(&fake.domain[1], 0, sizeof(fake.domain[1]));
	scan(&d, true);
	cr_assert(!d.guests && mapped == 0 && bound == 0);
	rs_close(d.rs);
	free(page);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(daemon, .init = set_up, .fini = tear_down, .timeout = 30);

/* What a change somewhere costs does not grow with consoles that are served already. */
Test(daemon, served_consoles_are_not_asked_for_again) {
	unsigned before;

	scan_slots(&d);
	cr_assert_null(d.guests);
	scan(&d, false);
	front_open(PV_DEV_READY);
	scan_slots(&d);
	cr_assert(d.guests->connected);
	before = fake.calls;
	scan_slots(&d);
	cr_assert_eq(fake.calls, before);
	scan(&d, false);
	cr_assert_eq(fake.calls, before + 3, "%u", fake.calls - before); /* two domains, and no more */
	slot->front.state = PV_DEV_CLOSED;
	scan(&d, false);
	cr_assert(d.guests->connected);
	scan(&d, true);
	cr_assert_not(d.guests->connected);
}

Test(daemon, both_ways) {
	struct client *c;
	int fd;

	scan(&d, true);
	cr_assert_not(d.guests->connected);
	front_open(PV_DEV_READY);
	scan(&d, true);
	cr_assert(d.guests->connected);
	cr_assert_eq(slot->back.state, PV_DEV_RUNNING);
	front_says("early\r\n");
	fd = client_open(hello, &c);
	client_reads(fd, "ok\nearly\r\n");
	cr_assert(page->columns == 80 && page->rows == 25);
	front_says("login: ");
	client_reads(fd, "login: ");
	notified = 0;
	cr_assert_eq(write(fd, "root\n", 5), 5);
	client_ready(&d, c);
	front_hears("root\n");
	cr_assert_eq(notified, 1);
	close(fd);
	client_ready(&d, c);
	cr_assert_eq(c->fd, -1);
}

Test(daemon, two_clients_and_one_that_goes) {
	struct client *a, *b;
	int x, y;

	front_open(PV_DEV_READY);
	scan(&d, true);
	x = client_open(hello, &a);
	y = client_open(hello, &b);
	client_reads(x, "ok\n");
	close(x);
	front_says("hello");
	client_reads(y, "ok\nhello");
	cr_assert_eq(a->fd, -1);
	close(y);
}

Test(daemon, refuses) {
	struct client *c;
	int fd = client_open("console 4 4 0 0\n", &c);

	client_reads(fd, "there is no such domain\n");
	close(fd);
	fd = client_open("console 1 8 0 0\n", &c); /* another domain had this number */
	client_reads(fd, "there is no such domain\n");
	close(fd);
	fd = client_open("give me root\n", &c);
	client_reads(fd, "not understood\n");
	close(fd);
	memset(hello, 'x', sizeof(hello));
	hello[sizeof(hello) - 1] = '\0';
	fd = client_open(hello, &c); /* an endless line ends */
	for (int i = 0; i < 3 && c->fd >= 0; i++) {
		cr_assert_gt(write(fd, hello, sizeof(hello) - 1), 0);
		client_ready(&d, c);
	}
	cr_assert_eq(c->fd, -1);
	close(fd);
}

/* In one turn the first fills the room, so the second has to wait; it is not dropped. */
Test(daemon, no_room_is_no_end) {
	char text[1024];
	struct client *a, *b;
	int x, y;

	front_open(PV_DEV_READY);
	scan(&d, true);
	x = client_open(hello, &a);
	y = client_open(hello, &b);
	memset(text, 'a', sizeof(text));
	for (int i = 0; i < 2; i++) { /* the page, and what waits for room in it */
		cr_assert_eq(write(x, text, sizeof(text)), (ssize_t)sizeof(text));
		client_ready(&d, a);
	}
	cr_assert_eq(d.guests->typed_len, sizeof(text));
	cr_assert_eq(write(y, "b", 1), 1);
	client_ready(&d, b);
	cr_assert_geq(b->fd, 0);
	close(x);
	close(y);
}

/* Clients that went while the guest did not read leave their places to others. */
Test(daemon, clients_that_went_make_room) {
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct client *c;
	int fd;

	scan(&d, true); /* no front end: what is typed waits */
	d.listener = clients_listen(d.rs);
	cr_assert_geq(d.listener, 0);
	for (unsigned i = 0; i < CLIENTS_MAX; i++) close(client_open(hello, &c));
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/ringsided.sock", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	clients_accept(&d);
	for (c = d.client; c < d.client + CLIENTS_MAX && c->guest; c++)
		;
	cr_assert_lt(c - d.client, CLIENTS_MAX);
	cr_assert_eq(write(fd, hello, strlen(hello)), (ssize_t)strlen(hello));
	client_ready(&d, c);
	client_reads(fd, "ok\n");
	close(fd);
	close(d.listener);
}

Test(daemon, slow_guest_gets_all_input) {
	char text[2000], got[4096];
	struct client *c;
	size_t heard = 0;
	int fd;

	front_open(PV_DEV_READY);
	scan(&d, true);
	fd = client_open(hello, &c);
	for (size_t i = 0; i < sizeof(text); i++) text[i] = (char)('a' + i % 26);
	cr_assert_eq(write(fd, text, sizeof(text)), (ssize_t)sizeof(text));
	for (int i = 0; i < 10 && heard < sizeof(text); i++) {
		int due = 0;
		long n;

		if (!d.guests->typed_len) client_ready(&d, c);
		n = pv_stream_read(&front_in, got + heard, 700, &due);
		cr_assert_geq(n, 0);
		heard += (size_t)n;
		console_serve(&d, d.guests);
	}
	cr_assert_eq(heard, sizeof(text));
	cr_assert_arr_eq(got, text, sizeof(text));
	close(fd);
}

Test(daemon, history_is_the_end) {
	struct client *c;
	char *got = calloc(1, 2 * HISTORY);
	ssize_t n;
	int fd;

	front_open(PV_DEV_READY);
	scan(&d, true);
	for (unsigned i = 0; i < 3000; i++) {
		char line[16];

		snprintf(line, sizeof(line), "line %u\n", i);
		front_says(line);
		console_serve(&d, d.guests);
	}
	fd = client_open(hello, &c);
	n = read(fd, got, 2 * HISTORY);
	cr_assert_gt(n, 3);
	if ((size_t)n < HISTORY) n += read(fd, got + n, 2 * HISTORY - (size_t)n);
	cr_assert_eq((size_t)n, HISTORY + 3);
	cr_assert_str_eq(got + n - 10, "line 2999\n");
	free(got);
	close(fd);
}

/* A terminal that attaches is not asked again what another one was asked: the guest would take its answer for input. */
Test(daemon, history_asks_nothing) {
	struct client *c;
	int fd;

	front_open(PV_DEV_READY);
	scan(&d, true);
	front_says("one\033[6n \033[31mred\033[m\033[c\033[>0q\033[?2026$p\033[18t\005\033Z"
		   "\033]0;title\a\033]11;?\a\033]10;?\033\\\033P+q544e\033\\ \033[2J\033[?25h "
		   "two\033[6");
	console_serve(&d, d.guests);
	fd = client_open(hello, &c);
	client_reads(fd, "ok\none \033[31mred\033[m\033]0;title\a \033[2J\033[?25h two\033[6");
	front_says("\033[6n");
	console_serve(&d, d.guests);
	client_reads(fd, "\033[6n"); /* the first time */
	close(fd);
}

Test(daemon, broken_page_costs_the_console_only) {
	front_open(PV_DEV_READY);
	scan(&d, true);
	page->out_prod.prod = PV_CONSOLE_OUT_SIZE + 1;
	console_serve(&d, d.guests);
	cr_assert_not(d.guests->connected);
	cr_assert_eq(slot->back.state, PV_DEV_CLOSED);
	cr_assert_eq(mapped, 0);
	scan(&d, true);
	cr_assert_not(d.guests->connected); /* not tried for ever */
	slot->front.state = PV_DEV_CLOSED;
	scan(&d, true);
	front_open(PV_DEV_READY); /* the guest's next kernel */
	scan(&d, true);
	cr_assert(d.guests->connected);
}

/* Nor does it fill dom0's log by doing so again and again. */
Test(daemon, broken_pages_are_told_a_few_times) {
	for (unsigned i = 0; i < 200; i++) {
		front_open(PV_DEV_READY);
		scan(&d, true);
		cr_assert(d.guests->connected);
		page->out_prod.prod = PV_CONSOLE_OUT_SIZE + 1;
		console_serve(&d, d.guests);
		slot->front.state = PV_DEV_CLOSED;
		scan(&d, true);
	}
	cr_assert(said > 0 && said <= TOLD_MAX, "%u", said);
}

/* A domain that may make others may name them as it likes. */
Test(daemon, a_name_is_no_path) {
	strcpy(fake.domain[1].info.name, "../../escaped");
	front_open(PV_DEV_READY);
	scan(&d, true);
	cr_assert_null(strchr(d.guests->name, '/'), "%s", d.guests->name);
}

/* A killed ringsided leaves the slot RUNNING and the counts in the page. */
Test(daemon, goes_on_where_a_killed_one_was) {
	struct client *c;
	int fd;

	front_open(PV_DEV_READY);
	scan(&d, true);
	front_says("before\n");
	slot->front.state = PV_DEV_RUNNING;
	console_disconnect(&d, d.guests, false); /* what the kernel does for a dead process */
	free(d.guests);
	d.guests = NULL;
	front_says("meanwhile\n");
	scan(&d, true);
	fd = client_open(hello, &c);
	client_reads(fd, "ok\nmeanwhile\n");
	cr_assert_eq(write(fd, "x", 1), 1);
	client_ready(&d, c);
	front_hears("x");
	close(fd);
}

Test(daemon, last_words_are_logged) {
	char path[128];
	uint8_t *text;
	size_t len;

	snprintf(path, sizeof(path), "%s/console", dir);
	cr_assert_eq(system(strcat(strcpy((char[160]){0}, "mkdir "), path)), 0);
	front_open(PV_DEV_READY);
	scan(&d, true);
	front_says("panic\n");
	fake.domain[1].info.state = PV_DOMAIN_SHUT;
	scan(&d, true);
	cr_assert_not(d.guests->connected);
	snprintf(path, sizeof(path), "%s/console/g.log", dir);
	cr_assert_eq(rs_read_file(d.rs, path, &text, &len), 0, "%s", d.rs->error);
	cr_assert_str_eq((char *)text, "panic\n");
	free(text);
}

static void dump_make(const char *name, unsigned kib, time_t when) {
	char path[200], text[1024];
	struct timespec t[2] = {{.tv_sec = when}, {.tv_sec = when}};
	FILE *f;

	memset(text, 'x', sizeof(text));
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	cr_assert(f);
	for (unsigned i = 0; i < kib; i++) cr_assert_eq(fwrite(text, sizeof(text), 1, f), 1);
	fclose(f);
	cr_assert_eq(utimensat(AT_FDCWD, path, t, 0), 0);
}

static bool dump_there(const char *name) {
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

/* A guest that crashes again and again fills no disk, and takes no other guest's dumps. */
Test(daemon, dumps_are_bounded) {
	d.dumps_max = 2;
	d.dump_space = 200 << 10;
	dump_make("g-1.core", 8, 1000);
	dump_make("g-2.core", 8, 2000);
	dump_make("g-x-3.core", 8, 500); /* of a guest g-x */
	cr_assert(dump_room(&d, dir, "g", 1 << 10));
	cr_assert(!dump_there("g-1.core") && dump_there("g-2.core") && dump_there("g-x-3.core"));
	/* Space: its own go, others' stay. */
	cr_assert(dump_room(&d, dir, "g", 190 << 10));
	cr_assert(!dump_there("g-2.core") && dump_there("g-x-3.core"));
	cr_assert(!dump_room(&d, dir, "g", 200 << 10));
	cr_assert(dump_there("g-x-3.core"));
	d.dumps_max = 0;
	cr_assert(!dump_room(&d, dir, "g", 1));
	d.dumps_max = 1;
	d.dump_space = 0; /* a part of the file system */
	cr_assert(dump_room(&d, dir, "g", 1));
}
