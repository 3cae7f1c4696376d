/* SPDX-License-Identifier: Apache-2.0 */
#include <harness/lab.h>

#include "net.h"

const unsigned lab_number = 9;

static struct net net;
static struct wire wires[PORTS];

static void fresh(unsigned ports) {
	memset(&net, 0, sizeof(net));
	memset(wires, 0, sizeof(wires));
	for (unsigned i = 0; i < ports; i++) net.wire[i] = &wires[i];
}

static struct packet packet(uint16_t from, uint16_t to) {
	return (struct packet){.to = to, .from = from, .len = 5, .data = "hello"};
}

static void forward(unsigned port, uint16_t from, uint16_t to) {
	struct packet p = packet(from, to);

	net_forward(&net, port, &p);
}

/* Packets that wait in the lane to a domain; they are taken out. */
static unsigned arrived(unsigned port) {
	struct packet p;
	unsigned n = 0;

	while (lane_get(&wires[port].from_switch, &p) == 1) n++;
	return n;
}

static void hub(void) {
	unsigned a, b, c;

	fresh(3);
	forward(0, 10, EVERYBODY);
	a = arrived(0), b = arrived(1), c = arrived(2);
	WRONG_IF(a, 1,
		 "A card that hears its own broadcasts believes that somebody else has its address. Leave the port out "
		 "from which the packet came.",
		 "a packet came back to its sender");
	WRONG_IF(b != 1 || c != 1, 1, "To EVERYBODY: once to each other port that has a wire.",
		 "ports 1 and 2 got %u and %u packets", b, c);
}

static void learn(void) {
	unsigned a, b, c;

	fresh(3);
	forward(0, 10, 20);
	b = arrived(1), c = arrived(2);
	WRONG_IF(b != 1 || c != 1, 2, "20 has not been seen yet: it may be anywhere.",
		 "a packet to an unknown address: ports 1 and 2 got %u and %u", b, c);
	forward(1, 20, 10);
	a = arrived(0), c = arrived(2);
	WRONG_IF(a != 1, 2, "10 was seen at port 0.", "the answer to 10 reached port 0 %u times", a);
	WRONG_IF(c, 2,
		 "The switch saw 10 at port 0, so this packet is none of port 2's business. A hub lets everybody "
		 "listen, a switch does not.",
		 "the answer to 10 was sent to port 2 too");
	forward(2, 10, 20);
	arrived(1);
	forward(1, 20, 10);
	a = arrived(0), c = arrived(2);
	WRONG_IF(a || c != 1, 2, "10 was seen at port 2 last: it has moved.",
		 "after 10 moved to port 2, ports 0 and 2 got %u and %u", a, c);
	forward(1, 30, 20);
	WRONG_IF(arrived(0) + arrived(1) + arrived(2), 2,
		 "Sender and receiver are both behind port 1: they have heard each other already.",
		 "a packet went on although its receiver is where it came from");
}

static void strangers(void) {
	struct packet p = packet(10, 20);

	fresh(3);
	p.len = DATA_MAX + 1;
	net_forward(&net, 0, &p);
	WRONG_IF(arrived(1) + arrived(2), 3,
		 "Who hands on a length that he has not checked makes the next one read beyond the packet.",
		 "a packet with len %u was handed on", DATA_MAX + 1);
	forward(1, 20, 10);
	WRONG_IF(arrived(2) != 1, 3,
		 "Nothing can be learned from a packet that is dropped: 10 is still unknown, so all must get this.",
		 "the dropped packet's sender was learned");
	arrived(0);
	WRONG_IF(net.dropped != 1, 3, "What is dropped silently is searched for long.", "dropped is %u, not 1",
		 (unsigned)net.dropped);
	p = packet(ADDRESSES, 20);
	net_forward(&net, 0, &p);
	p = packet(EVERYBODY, 20);
	net_forward(&net, 0, &p);
	WRONG_IF(arrived(0) + arrived(1) + arrived(2), 3,
		 "where[] has ADDRESSES entries: a sender beyond them would write behind the table. Your switch runs "
		 "in the domain with all rights.",
		 "a packet from address %u or %u was handed on", ADDRESSES, EVERYBODY);
	p = packet(10, ADDRESSES + 5);
	net_forward(&net, 0, &p);
	WRONG_IF(arrived(1) != 1 || arrived(2) != 1, 3,
		 "An address beyond the table was never seen; it is no index either.",
		 "a packet to address %u did not go to all others", ADDRESSES + 5);
}

static void fair(void) {
	unsigned put = 0;
	struct packet p = packet(10, 20);

	fresh(3);
	/* Port 0 refills its lane as fast as it is emptied: here it is as if it always had been. */
	while (lane_put(&wires[0].to_switch, &p)) put++;
	p = packet(11, 30);
	lane_put(&wires[1].to_switch, &p);
	net_serve(&net);
	WRONG_IF(wires[1].to_switch.cons != 1, 4, "Each port gets its turn in each call.",
		 "port 1's packet was not taken");
	WRONG_IF(wires[0].to_switch.cons != put, 4, "A call takes up to LANE packets of each port.",
		 "%u of port 0's %u packets were taken", (unsigned)wires[0].to_switch.cons, put);
	/* A count that is always one ahead, as if somebody else wrote meanwhile: an endless sender. */
	fresh(2);
	wires[0].to_switch.prod = LANE;
	for (unsigned i = 0; i < LANE; i++) wires[0].to_switch.packet[i] = packet(10, 20);
	net_serve(&net);
	WRONG_IF(wires[0].to_switch.cons != LANE, 4, "A call takes up to LANE packets of each port.",
		 "%u packets were taken", (unsigned)wires[0].to_switch.cons);
	p = packet(10, 20);
	for (unsigned i = 0; i < 3; i++) lane_put(&wires[0].to_switch, &p);
	bool more = net_serve(&net);

	WRONG_IF(more, 4, "net_serve says whether a port had LANE packets, so that it should be called again.",
		 "three packets, all served, and net_serve said that there may be more");
	for (unsigned i = 0; i < LANE; i++) lane_put(&wires[0].to_switch, &p);
	WRONG_IF(!net_serve(&net), 4, "Who took LANE packets does not know whether there are more.",
		 "LANE packets were taken, and net_serve said that there are no more");
}

static void broken(void) {
	struct packet p = packet(20, EVERYBODY);

	fresh(3);
	wires[0].to_switch.prod = 1000000;
	lane_put(&wires[1].to_switch, &p);
	net_serve(&net);
	WRONG_IF(net.wire[0], 5,
		 "Its count says that a million packets wait in a lane of 8. Nothing that it writes can be trusted any "
		 "more: wire[0] = NULL.",
		 "the broken port is still open");
	WRONG_IF(!net.wire[1] || arrived(2) != 1, 5, "One broken domain must not take the others with it.",
		 "port 1's packet did not reach port 2");
}

/* --- two domains ------------------------------------------------------------------------------------ */

#define ROUNDS 200

/* The box: 0 own port, 1 grant, 2 answers seen, 3 address. "asks" sends, "answers" sends back. */
void lab_child(volatile struct lab_box *box, const char *what) {
	bool asks = strcmp(what, "asks") == 0;
	struct mini_mapping m;
	struct packet p;
	struct wire *w;
	uint32_t seen = 0, grant;
	long port = pv_event_alloc(0, 0);

	box->word[0] = (uint64_t)port;
	while (!box->word[1]) mini_sleep(100 * MINI_US);
	grant = (uint32_t)box->word[1];
	if (mini_grant_map(&m, 0, &grant, 1, false) < 0) return;
	w = m.va;
	p = packet((uint16_t)box->word[3], 20);
	if (asks) {
		lane_put(&w->to_switch, &p);
		pv_event_send((uint64_t)port);
	}
	for (;;) {
		mini_port_wait((uint32_t)port, &seen, mini_now() + 10 * MINI_MS);
		while (lane_get(&w->from_switch, &p) == 1) {
			if (p.to != box->word[3]) continue;
			p.to = p.from;
			p.from = (uint16_t)box->word[3];
			if (asks) box->word[2]++;
			lane_put(&w->to_switch, &p);
			pv_event_send((uint64_t)port);
		}
	}
}

static void real(void) {
	static const char *const role[3] = {"asks", "answers", "listens"};
	static const uint16_t address[3] = {10, 20, 30};
	uint32_t domid[3];
	uint64_t port[3], end;
	void *page[3];

	memset(&net, 0, sizeof(net));
	for (unsigned i = 0; i < 3; i++) {
		int ref;

		page[i] = mini_page();
		domid[i] = lab_start(role[i], 0);
		port[i] = lab_box_wait(domid[i], 0, 2000);
		LAB_NEED(port[i]);
		port[i] = (uint64_t)pv_event_bind(domid[i], port[i], 0);
		ref = mini_grant(domid[i], mini_gfn(page[i]), false);
		LAB_NEED((long)port[i] > 0 && ref > 0);
		net.wire[i] = page[i];
		lab_box_set(domid[i], 3, address[i]);
		lab_box_set(domid[i], 1, (uint64_t)ref);
	}
	end = mini_now() + 3 * MINI_S;
	while (mini_now() < end && lab_box_get(domid[0], 2) < ROUNDS) {
		net_serve(&net);
		for (unsigned i = 0; i < 3; i++)
			if (((struct wire *)page[i])->from_switch.prod != ((struct wire *)page[i])->from_switch.cons)
				pv_event_send(port[i]);
		mini_sleep(200 * MINI_US);
	}
	WRONG_IF(lab_box_get(domid[0], 2) < ROUNDS, 2,
		 "10 asks 20, 20 answers, and so on, through your switch; 30 only listens.",
		 "%llu answers arrived in 3 s, not %u", (unsigned long long)lab_box_get(domid[0], 2), ROUNDS);
	for (unsigned i = 0; i < 3; i++) lab_end(domid[i]);
}

const struct lab_step lab_steps[] = {
	{"nothing comes back to its sender", hub},
	{"the switch learns", learn},
	{"packets of strangers", strangers},
	{"a busy port and the others", fair},
	{"a broken port", broken},
	{"three domains", real},
	{0},
};
