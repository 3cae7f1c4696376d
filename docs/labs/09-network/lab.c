/* SPDX-License-Identifier: Apache-2.0 */
/* Lab 9: a tiny network. Everything to do is marked TODO; README.md has the task. */
#include "net.h"

/* A packet came in at a port: hand it on.
 *
 * So far this is a hub, and a bad one: everybody gets everything, the sender too.
 * TODO 1: not back to where it came from.
 * TODO 2: note where p->from was seen; a packet to an address that was seen goes there alone, and nowhere if that
 *         is where it came from. To EVERYBODY, and to addresses not seen yet, it goes to all others.
 * TODO 3: p was written by a stranger. One with a len beyond DATA_MAX, or a sender that is no address, is
 *         dropped: count it, learn nothing from it. */
void net_forward(struct net *n, unsigned port, const struct packet *p) {
	for (unsigned i = 0; i < PORTS; i++)
		if (n->wire[i] && !lane_put(&n->wire[i]->from_switch, p)) n->dropped++;
}

/* Hand on what waits in the lanes to the switch. True: there may be more.
 *
 * TODO 4: one busy sender must not keep the others waiting: at most LANE packets of a port in one call.
 * TODO 5: a lane whose counts cannot be (lane_get returns -1) is closed: wire[port] = NULL. The others go on. */
bool net_serve(struct net *n) {
	struct packet p;

	for (unsigned i = 0; i < PORTS; i++)
		while (n->wire[i] && lane_get(&n->wire[i]->to_switch, &p) == 1) net_forward(n, i, &p);
	return false;
}
