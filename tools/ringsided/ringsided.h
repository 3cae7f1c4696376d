/* SPDX-License-Identifier: Apache-2.0 */
/* ringsided: consoles, their logs, and what is done when a guest ends.
 *
 * It keeps nothing that it cannot read again: domains and slots from ring 0, a guest's policy from its record, the
 * place in a console's streams from the console's page. So it can be killed at any time and started again.
 *
 * Socket RS_RUN_DIR/ringsided.sock (root only), a stream. The client sends one line,
 *
 *   console DOMAIN CREATED COLUMNS ROWS
 *
 * (numbers; CREATED as domain_info tells it) and gets "ok" or what is wrong as a line. After "ok" come the last
 * HISTORY bytes that the guest has said and what it says from then on; what the client sends is typed into the guest.
 * Any number of clients may be on one console. A client that does not read loses output, it stops nobody. */
#ifndef RINGSIDED_H
#define RINGSIDED_H

#include <pv/io/console.h>
#include <ringside.h>
#include <sys/types.h>

#define HISTORY     16384u
#define LOG_MAX     (1u << 20) /* bytes; then it becomes NAME.log.1 */
#define CLIENTS_MAX 64
#define TOLD_MAX    20

struct guest {
	struct guest *next;
	uint32_t domid;
	uint64_t created;
	char name[RS_NAME_MAX + 1];
	int slot;       /* of its console; -1: none (yet) */
	bool seen;      /* in this scan */
	bool connected; /* all that follows is valid */
	bool broken;    /* its page made no sense: not connected again while the front end stays */
	bool more;      /* output waits: it was another guest's turn */
	uint32_t port;  /* own */
	struct rs_mapping map;
	struct pv_stream in, out;
	/* Survives reconnection. */
	char history[HISTORY];
	uint64_t said; /* bytes ever: history's end is said % HISTORY */
	char typed[1024];
	size_t typed_len; /* waits for room in the page */
	int log;
	uint64_t log_len;
	pid_t worker;  /* carries out its policy; 0: none */
	bool settled;  /* its end was seen to */
	unsigned told; /* lines that guest_say wrote */
};

struct client {
	int fd;              /* -1: free */
	struct guest *guest; /* NULL: has not said what it wants */
	char line[128];
	size_t line_len;
};

struct daemon {
	struct rs *rs;
	uint32_t self;
	int events, listener;
	uint32_t virq_domain, virq_device;
	/* Domains, or slots, since the last scan, which ended at; that of all, with all slots, ended at. ms */
	bool changed, slots_changed;
	uint64_t scanned, scanned_all;
	/* Dumps of crashed guests: so many of each, so many bytes of all together. */
	unsigned dumps_max;
	uint64_t dump_space;
	struct guest *guests;
	struct client client[CLIENTS_MAX];
};
#define DUMPS_MAX     3 /* standard */
#define DUMP_FRACTION 4 /* of the file system: standard */

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What a guest can cause as often as it likes: of each TOLD_MAX lines, so that none fills dom0's log. */
void guest_say(struct guest *g, const char *text);

/* scan.c: make `guests` what ring 0 says; of consoles that are served look only at the pages, if not all. */
void scan(struct daemon *d, bool all);
/* Those that have no console yet, which may have come. */
void scan_slots(struct daemon *d);
struct guest *guest_find(struct daemon *d, uint32_t domid, uint64_t created);

/* console.c */
void console_update(struct daemon *d, struct guest *g); /* after the slot may have changed */
void console_serve(struct daemon *d, struct guest *g);  /* move bytes both ways */
void console_disconnect(struct daemon *d, struct guest *g, bool tell);
void console_replay(struct guest *g, struct client *c);

/* clients.c */
int clients_listen(struct rs *rs);
void clients_accept(struct daemon *d);
void client_ready(struct daemon *d, struct client *c);
void client_drop(struct client *c);
void clients_say(struct daemon *d, const struct guest *g, const char *text, size_t len);
void clients_drop_guest(struct daemon *d, const struct guest *g);

/* policy.c: what a guest's file wants done now that it has ended. */
/* Room in `dir` for one more dump, of at most `bytes`, of that guest: its oldest ones go. False: there is none. */
bool dump_room(struct daemon *d, const char *dir, const char *name, uint64_t bytes);
void policy_ended(struct daemon *d, struct guest *g, const struct pv_domain_info *info);
void policy_reap(struct daemon *d);

#endif
