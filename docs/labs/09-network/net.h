/* SPDX-License-Identifier: Apache-2.0 */
/* A network of domains: a wire from each to the switch in domain 0, a page with a lane in each direction. */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <mini/mini.h>
#include <pv/io/ring.h>

#define EVERYBODY 0xffffu
#define DATA_MAX  58
#define LANE      8 /* packets that a lane holds */
#define PORTS     4
#define ADDRESSES 256 /* addresses are below this, but EVERYBODY */

struct packet {
	uint16_t to, from;
	uint16_t len; /* of data */
	char data[DATA_MAX];
};
PV_ASSERT_SIZE(struct packet, 64);

/* Counts run freely; packet n is at [n % LANE]. */
struct lane {
	uint32_t prod; /* who puts */
	uint32_t cons; /* who gets */
	struct packet packet[LANE];
};
struct wire {
	struct lane to_switch, from_switch;
};

/* 1: put; 0: full. */
static inline int lane_put(struct lane *l, const struct packet *p) {
	uint32_t prod = l->prod;

	if (prod - PV_LOAD_ACQUIRE(&l->cons) >= LANE) return 0;
	l->packet[prod % LANE] = *p;
	PV_STORE_RELEASE(&l->prod, prod + 1);
	return 1;
}

/* 1: got; 0: empty; -1: the other side wrote a count that cannot be. */
static inline int lane_get(struct lane *l, struct packet *p) {
	uint32_t cons = l->cons, prod = PV_LOAD_ACQUIRE(&l->prod);

	if (prod == cons) return 0;
	if (prod - cons > LANE) return -1;
	pv_ring_copy(p, &l->packet[cons % LANE], sizeof(*p));
	PV_STORE_RELEASE(&l->cons, cons + 1);
	return 1;
}

struct net {
	struct wire *wire[PORTS]; /* NULL: nobody, or closed */
	uint8_t where[ADDRESSES]; /* port + 1 behind which an address was seen; 0: not known */
	uint32_t dropped;
};

/* lab.c */
void net_forward(struct net *n, unsigned port, const struct packet *p);
bool net_serve(struct net *n);

#endif
