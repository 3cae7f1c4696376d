/* SPDX-License-Identifier: Apache-2.0 */
/* ioreq_test: a guest's side of emulated devices (include/pv/guest/ioreq.h) where two domains cannot try it: an access
 * within another, ports that are not to be had, models that go at any moment. */
#include <criterion/criterion.h>
#include <string.h>

#define PV_NO_STUBS
#include <pv/hypercall.h>

#define WAKE     7
#define DOORBELL 9

static struct {
	struct pv_ioreq_ring ring;
	struct pv_ioreq_slot slot[2];
} area;
static struct pv_event_page page;

/* ring 0, and a model that does what `asleep` says while the guest sleeps */
static struct {
	long alloc, bind, poll; /* what they return */
	int send;
	unsigned allocs, binds, closes, sends, polls;
	void (*asleep)(void);
} hv;

static long pv_yield(void) { return 0; }
static long pv_time(void) { return 1000; }
static long pv_event_alloc(uint64_t domid, uint64_t vcpu) {
	(void)vcpu;
	cr_assert_eq(domid, 5);
	hv.allocs++;
	return hv.alloc;
}
static long pv_event_bind(uint64_t domid, uint64_t port, uint64_t vcpu) {
	(void)vcpu;
	cr_assert_eq(domid, 5);
	cr_assert_eq(port, area.ring.port);
	hv.binds++;
	return hv.bind;
}
static long pv_event_close(uint64_t port) {
	cr_assert_eq(port, DOORBELL);
	hv.closes++;
	return 0;
}
static long pv_event_send(uint64_t port) {
	cr_assert_eq(port, DOORBELL);
	hv.sends++;
	return hv.send;
}
static long pv_poll(const uint32_t *ports, uint64_t count, uint64_t deadline) {
	cr_assert_eq(*ports, WAKE);
	cr_assert_eq(count, 1);
	cr_assert_eq(deadline, 1000 + 100000000);
	cr_assert_eq(page.pending[0] >> WAKE & 1, 0);
	cr_assert_lt(++hv.polls, 100u);
	if (hv.asleep) hv.asleep();
	page.pending[0] |= 1 << WAKE;
	return hv.poll;
}

#include <pv/guest/ioreq.h>

static struct pv_io io = {.ring = &area.ring, .events = &page};

static void boot(void) {
	hv.alloc = WAKE;
	hv.bind = DOORBELL;
	area.ring.life = 1;
	area.ring.domid = 5;
	area.ring.port = 77;
	area.ring.range[3] = (struct pv_ioreq_range){0x300, 16, PV_IOREQ_PORT, PV_IOREQ_FORWARD};
	area.ring.range[4] = (struct pv_ioreq_range){0x310, 16, PV_IOREQ_PORT, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER};
}

TestSuite(ioreq, .init = boot);

static uint32_t access_at(unsigned vcpu, uint64_t at, bool write, uint32_t *v) {
	struct pv_io_access a = {.address = at, .data = v, .count = 1, .size = 4, .write = write};

	return pv_io_access(&io, vcpu, &a);
}

static uint32_t read_at(uint64_t at) {
	uint32_t v = 0;

	cr_assert_eq(access_at(1, at, false, &v), 1);
	return v;
}

static void answer(void) {
	struct pv_ioreq_slot *s = &area.slot[1];

	cr_assert_eq(area.ring.posted, 2);
	area.ring.posted = 0;
	memset(s->data, 0x5a, 4);
	s->answer = s->request;
}

Test(ioreq, answered) {
	hv.asleep = answer;
	cr_assert_eq(read_at(0x300), 0x5a5a5a5a);
	cr_assert_eq(read_at(0x304), 0x5a5a5a5a);
	cr_assert_eq(hv.sends, 2);
	cr_assert_eq(hv.allocs + hv.binds, 2, "once each");
	cr_assert_eq(area.ring.wake_port[1], WAKE);
	cr_assert_eq(page.mask[0], 1 << WAKE | 1 << DOORBELL);
	area.ring.awake = 1;
	cr_assert_eq(read_at(0x300), 0x5a5a5a5a);
	cr_assert_eq(hv.sends, 2);
}

static void nmi(void) {
	uint32_t v = 0;

	cr_assert_eq(access_at(1, 0x308, false, &v), 1);
	cr_assert_eq(v, ~0u);
	cr_assert_eq(access_at(1, 0x310, true, &v), 1);
	cr_assert_eq(area.ring.head, 0);
	cr_assert_eq(area.slot[1].address, 0x300);
	answer();
}

/* The handler of an NMI finds nobody, and disturbs nothing. */
Test(ioreq, within_another) {
	hv.asleep = nmi;
	cr_assert_eq(read_at(0x300), 0x5a5a5a5a);
	hv.asleep = answer;
	cr_assert_eq(read_at(0x308), 0x5a5a5a5a);
}

Test(ioreq, no_ports) {
	hv.alloc = -PV_ENOSPC;
	cr_assert_eq(read_at(0x300), ~0u);
	hv.bind = -PV_EACCES;
	area.ring.life++;
	cr_assert_eq(read_at(0x300), ~0u);
	cr_assert_eq(hv.polls, 0);
	hv.alloc = WAKE;
	hv.bind = DOORBELL;
	hv.asleep = answer;
	cr_assert_eq(read_at(0x300), 0x5a5a5a5a);
}

static void go(void) { area.ring.life++; }

Test(ioreq, model_goes) {
	hv.asleep = go;
	cr_assert_eq(read_at(0x300), ~0u);
	cr_assert_eq(hv.polls, 1);
	hv.asleep = answer;
	area.ring.posted = 0;
	cr_assert_eq(read_at(0x300), 0x5a5a5a5a); /* of the next */
	cr_assert_eq(hv.closes, 1);
	area.ring.port = 0;
	cr_assert_eq(read_at(0x300), ~0u);
	cr_assert_eq(read_at(0x7777), ~0u);
}

/* Nobody says that it has gone: its port leads nowhere. */
Test(ioreq, model_is_dead) {
	hv.poll = -PV_ETIMEDOUT;
	hv.send = -PV_EBADF;
	cr_assert_eq(read_at(0x300), ~0u);
	cr_assert_eq(hv.polls, 1);
	hv.send = 0;
	hv.poll = -PV_EBADF;
	cr_assert_eq(read_at(0x300), ~0u);
}

/* A whole ring of writes needs no hypercall while the model is awake; then they wait. */
Test(ioreq, buffered) {
	uint32_t v = 1;

	area.ring.awake = 1;
	for (unsigned i = 0; i < PV_IOREQ_WRITES; i++) cr_assert_eq(access_at(1, 0x310, true, &v), 1);
	cr_assert_eq(hv.sends + hv.polls, 0);
	hv.asleep = answer;
	cr_assert_eq(access_at(1, 0x310, true, &v), 1);
	cr_assert_eq(hv.polls, 1);
	cr_assert_eq(area.slot[1].after, PV_IOREQ_WRITES);
	area.ring.tail = 1;
	cr_assert_eq(access_at(0, 0x310, true, &v), 1);
	cr_assert_eq(area.ring.head, PV_IOREQ_WRITES + 1);
	area.ring.awake = 0;
	area.ring.tail = area.ring.head;
	cr_assert_eq(access_at(0, 0x310, true, &v), 1);
	cr_assert_eq(hv.sends, 1);
}

/* No more than a slot takes; memory that no range has is a fault, unless nobody is there. */
Test(ioreq, bounds) {
	static uint8_t data[2 * PV_IOREQ_DATA];
	struct pv_io_access a = {.address = 0x300, .data = data, .count = ~0u, .size = 2};

	hv.asleep = answer;
	cr_assert_eq(pv_io_access(&io, 1, &a), PV_IOREQ_DATA / 2);
	cr_assert_eq(data[PV_IOREQ_DATA], 0);
	a.space = PV_IOREQ_MEMORY;
	a.count = 1;
	cr_assert_eq(pv_io_access(&io, 1, &a), 0);
	area.ring.port = 0;
	cr_assert_eq(pv_io_access(&io, 1, &a), 1);
	cr_assert_eq(data[1], 0xff);
}

Test(ioreq, interrupts) {
	hv.alloc = 12;
	cr_assert_eq(pv_io_gsi(&io, 3), 12);
	cr_assert_eq(area.ring.gsi_port[3], 12);
	hv.alloc = -PV_ENOSPC;
	cr_assert_eq(pv_io_gsi(&io, 4), -PV_ENOSPC);
	cr_assert_eq(area.ring.gsi_port[4], 0);
}
