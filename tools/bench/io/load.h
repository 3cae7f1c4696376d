/* SPDX-License-Identifier: Apache-2.0 */
/* load: what the two sides of the I/O benchmark share. */
#ifndef LOAD_H
#define LOAD_H

#include <stdint.h>

#include "../must.h"

#define PORT_CONTROL 7001 /* lines of text, each answered "ok": see load.c */
#define PORT_TCP     7002 /* struct order, again and again */
#define PORT_UDP     7003 /* struct packet */

enum order_kind { ORDER_SINK, ORDER_SOURCE, ORDER_ECHO };

/* SINK: the client sends `bytes`, and gets one back; SOURCE: it gets `bytes`; ECHO: each of `bytes` comes back. */
struct order {
	uint32_t kind, reserved;
	uint64_t bytes;
};
#define CHUNK 131072 /* bytes of a read or write */

/* `reply` of them come back, each with reply 0. */
#define UDP_WINDOW 32
struct packet {
	uint32_t reply;
	char more[60];
};

int agent(int domains, char **domid);

#define TRACED 4 /* operations; the last but one is shown */

/* An operation: `n` of its kind. */
struct row {
	const char *key, *unit, *title;
	void (*op)(const struct row *row, unsigned n);
	unsigned n;           /* how many are measured */
	unsigned traced;      /* how many are recorded in ring 0's trace */
	uint32_t size, depth; /* blocks: bytes, requests at a time */
	uint8_t write, random;
};

/* NULL-terminated by key. NULL: there is no such device. */
extern const struct row block_rows[], net_rows[], console_rows[];
void block_open(const char *path);
/* All that was written is on the disk. */
void block_flush(void);
void net_open(const char *peer);
void console_open(const char *path);

/* A connection to the peer that net_open named, waited for. */
int net_connect(const char *peer, int port);
/* All of it or none. 0: the other side is gone. */
int read_all(int fd, void *to, size_t n);
int write_all(int fd, const void *from, size_t n);

#endif
