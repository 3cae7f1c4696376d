/* SPDX-License-Identifier: Apache-2.0 */
/* t_ioreq: emulated devices between two domains: this program's vCPU 1 is the model, by pv/guest/model.h, while vCPU 0
 * gives the child orders, which is the guest, by pv/guest/ioreq.h. */
#include "domtest.h"

#include <pv/guest/model.h>

#define PORTS   0x300        /* forwarded */
#define POSTED  0x310        /* buffered */
#define QUIET   0x320        /* buffered and quiet */
#define DEVICE  (1ull << 32) /* guest-physical, above the child's memory */
#define LOG_MAX 64

#define READ_LOGGED (*(volatile uint32_t *)&m.logged)

static struct model {
	struct child c;
	struct pv_model io;
	long port;
	uint32_t handle[CHILD_AREA_PAGES];
	struct pv_ioreq_ring *ring;
	struct pv_ioreq_slot *slot; /* of vCPU 0 */
	bool stop, mute, stale;     /* mute: answers nothing; stale: answers another request's number */
	uint32_t seen, logged, strings;
	struct {
		uint64_t address, value;
		uint8_t size, space, buffered;
	} log[LOG_MAX];
	uint8_t pattern;
} m;

static void note(uint64_t address, uint64_t value, uint8_t size, uint8_t space, bool buffered) {
	if (m.logged == LOG_MAX) return;
	m.log[m.logged].address = address;
	m.log[m.logged].value = value;
	m.log[m.logged].size = size;
	m.log[m.logged].space = space;
	m.log[m.logged].buffered = buffered;
	m.logged++;
}

static void serve_ring(void) {
	uint32_t head = __atomic_load_n(&m.ring->head, __ATOMIC_ACQUIRE);

	while (head - m.ring->tail - 1 < PV_IOREQ_WRITES) {
		const struct pv_ioreq_write *w = &m.ring->write[m.ring->tail % PV_IOREQ_WRITES];

		note(w->address, w->value, w->size, w->space, true);
		__atomic_store_n(&m.ring->tail, m.ring->tail + 1, __ATOMIC_RELEASE);
	}
}

static void serve_slot(void) {
	uint64_t value = 0;

	if (m.mute) return;
	if (m.slot->write)
		memcpy(&value, m.slot->data, 8);
	else
		for (unsigned i = 0; i < m.slot->count * m.slot->size; i++) m.slot->data[i] = (uint8_t)(0x81 + i);
	m.strings += m.slot->count > 1;
	note(m.slot->address, m.slot->write ? value : m.slot->count, m.slot->size, m.slot->space, false);
	__atomic_store_n(&m.slot->answer, m.slot->request + m.stale, __ATOMIC_SEQ_CST);
	pv_model_tell(&m.io, 1, 0);
}

static void model_run(void *unused) {
	(void)unused;
	while (!m.stop) {
		mini_port_wait((uint32_t)m.port, &m.seen, mini_now() + 5 * MINI_MS);
		if (__atomic_exchange_n(&m.ring->posted, 0, __ATOMIC_SEQ_CST) & 1) {
			serve_ring();
			serve_slot();
		} else if (!m.mute && m.seen) {
			m.seen = mini_port_count[m.port];
			if (m.ring->head != m.ring->tail && m.log[0].address != QUIET) serve_ring();
		}
	}
}

/* The table's nth entry. */
static void range(unsigned n, uint16_t space, uint64_t first, uint32_t count, uint16_t flags) {
	m.ring->range[n] = (struct pv_ioreq_range){first, count, space, flags};
}

/* The child's page at gfn, mapped where *page is. */
static long map_foreign(uint32_t domid, uint64_t gfn, const void *page, uint32_t flags, uint32_t *handle) {
	struct pv_grant_map op = {
		.flags = PV_GRANT_FOREIGN | flags, .domid = domid, .ref = (uint32_t)gfn, .gfn = mini_gfn(page)};

	CHECK_EQ(pv_grant_map(&op, 1), 1);
	*handle = op.handle;
	return op.status;
}

static void unmap(uint32_t handle) {
	struct pv_grant_unmap un = {.handle = handle};

	CHECK_EQ(pv_grant_unmap(&un, 1), 1);
	CHECK_EQ(un.status, 0);
}

static uint64_t area_gfn(const struct child *c) { return (c->box >> PV_PAGE_SHIFT) - CHILD_AREA_PAGES; }

static void come(void) {
	m.port = pv_event_alloc(m.c.domid, 0);
	CHECK(m.port > 0);
	m.seen = mini_port_count[m.port];
	CHECK_EQ(pv_model_come(&m.io, 0, (uint32_t)m.port), 0);
	CHECK_EQ(pv_model_come(&m.io, 0, (uint32_t)m.port), -PV_EEXIST);
	range(0, PV_IOREQ_PORT, PORTS, 16, PV_IOREQ_FORWARD);
}

static void go(void) {
	pv_model_go(&m.io);
	CHECK_EQ(pv_event_close((uint64_t)m.port), 0);
}

static void model_open(void) {
	m.stop = true; /* a failed test's */
	mini_vcpu_join(1);
	memset(&m, 0, sizeof(m));
	child_start(&m.c, 0, 1);
	m.ring = mini_pages(1);
	m.slot = (void *)((char *)m.ring + PV_PAGE_SIZE);
	CHECK_EQ(pv_mem_release(PV_DOM_SELF, mini_gfn(m.ring), CHILD_AREA_PAGES), CHILD_AREA_PAGES);
	for (unsigned i = 0; i < CHILD_AREA_PAGES; i++)
		CHECK_EQ(map_foreign(m.c.domid, area_gfn(&m.c) + i, (char *)m.ring + i * PV_PAGE_SIZE, 0, &m.handle[i]),
			 0);
	m.io.ring = m.ring;
	m.io.domid = m.c.domid;
	come();
	CHECK_EQ(ORDER(&m.c, ORDER_EMULATED), 0);
}

static void area_close(void) {
	for (unsigned i = 0; i < CHILD_AREA_PAGES; i++) unmap(m.handle[i]);
	CHECK_EQ(pv_mem_populate(PV_DOM_SELF, mini_gfn(m.ring), CHILD_AREA_PAGES, 0), CHILD_AREA_PAGES);
	mini_pages_free(m.ring, 1);
}

static void model_go(void) { CHECK_EQ(mini_vcpu_start(1, model_run, NULL), 0); }

static void model_halt(void) {
	m.stop = true;
	mini_vcpu_join(1);
	m.stop = false;
}

static void model_close(void) {
	model_halt();
	go();
	area_close();
	child_end(&m.c);
	check_audit();
}

static uint64_t value_of(const struct child *c) {
	uint64_t v;

	CHECK_EQ(mem_copy(c->domid, PV_MEM_COPY_READ, c->box + offsetof(struct child_box, value), &v, sizeof(v)),
		 sizeof(v));
	return v;
}

MINI_TEST(ioreq_ports) {
	model_open();
	model_go();
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, PORTS + 1, 1, 0x55), 0);
	CHECK_EQ(m.log[0].address, PORTS + 1);
	CHECK_EQ(m.log[0].value, 0x55);
	CHECK_EQ(m.log[0].size, 1);
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, PORTS, 4, 0x12345678), 0);
	CHECK_EQ(m.log[1].value, 0x12345678);
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 1), 0);
	CHECK_EQ(value_of(&m.c), 0x55667781); /* the rest of eax stays */
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 2), 0);
	CHECK_EQ(value_of(&m.c), 0x55668281);
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS + 12, 4), 0);
	CHECK_EQ(value_of(&m.c), 0x84838281);
	/* Nobody's: the bus floats. */
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS + 16, 4), 0);
	CHECK_EQ(value_of(&m.c), 0xffffffff);
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS - 1, 1), 0);
	CHECK_EQ(value_of(&m.c), 0x556677ff);
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, 0xffff, 4, 0), 0);
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, 0x80, 1, 0), 0);
	CHECK_EQ(m.logged, 5);
	/* Taken away. */
	range(0, PV_IOREQ_PORT, PORTS, 16, 0);
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 1), 0);
	CHECK_EQ(m.logged, 5);
	model_close();
}

MINI_TEST(ioreq_strings) {
	uint8_t out[2400], in[512];

	model_open();
	model_go();
	CHECK_EQ(ORDER(&m.c, ORDER_STRING, PORTS, 2, 256, 16, 0), 0);
	child_get(&m.c, 16, in, 512);
	for (unsigned i = 0; i < 512; i++) CHECK_EQ(in[i], (uint8_t)(0x81 + i % 512));
	CHECK_EQ(m.strings, 1);
	/* More than a slot takes, over a page's end: two requests, nothing lost or done twice. */
	for (unsigned i = 0; i < sizeof(out); i++) out[i] = (uint8_t)(i * 7);
	child_put(&m.c, 3800, out, sizeof(out));
	CHECK_EQ(ORDER(&m.c, ORDER_STRING, PORTS, 4, 600, 3800, 1), 0);
	CHECK_EQ(m.strings, 3);
	CHECK_EQ(value_of(&m.c), child_data(&m.c, 3800 + 2400));
	CHECK_EQ(ORDER(&m.c, ORDER_STRING, PORTS, 1, 0, 0, 0), 0); /* REP of nothing */
	/* Memory that is not there: its #PF, and the device has lost nothing. */
	m.logged = 0;
	CHECK_EQ(ORDER(&m.c, ORDER_STRING, PORTS, 2, 4, 0x7000000000, 0), 14);
	CHECK_EQ(ORDER(&m.c, ORDER_STRING, PORTS, 2, 4, 0x7000000000, 1), 14);
	CHECK_EQ(ORDER(&m.c, ORDER_STRING, PORTS, 2, 4, 0xffff800000000000, 0), 14);
	CHECK_EQ(m.logged, 0);
	model_close();
}

MINI_TEST(ioreq_memory) {
	model_open();
	range(PV_IOREQ_RANGES - 1, PV_IOREQ_MEMORY, DEVICE, 256, PV_IOREQ_FORWARD);
	model_go();
	CHECK_EQ(ORDER(&m.c, ORDER_MEMORY, DEVICE, 4, 0, 0), 0);
	CHECK_EQ(value_of(&m.c), 0x84838281); /* and the upper half of the register is clear */
	CHECK_EQ(ORDER(&m.c, ORDER_MEMORY, DEVICE + 4, 2, 0, 0), 0);
	CHECK_EQ(value_of(&m.c), 0x8281);
	CHECK_EQ(ORDER(&m.c, ORDER_MEMORY, DEVICE + 8, 1, 0, 0), 0);
	CHECK_EQ(value_of(&m.c), 0xffffff81);
	CHECK_EQ(ORDER(&m.c, ORDER_MEMORY, DEVICE + 8, 8, 0, 0), 0); /* to ah */
	CHECK_EQ(value_of(&m.c), 0x8100);
	CHECK_EQ(ORDER(&m.c, ORDER_MEMORY, DEVICE + 16, 2, 0xabcd, 1), 0);
	CHECK_EQ(m.log[4].address, DEVICE + 16);
	CHECK_EQ(m.log[4].value, 0xabcd);
	CHECK_EQ(m.log[4].space, PV_IOREQ_MEMORY);
	CHECK_EQ(ORDER(&m.c, ORDER_MEMORY, DEVICE, 8, 0, 1), 0);
	CHECK_EQ(m.log[5].address, DEVICE + 8);
	CHECK_EQ(m.log[5].value, -5);
	/* What is not decoded, and what nobody has. */
	CHECK_EQ(ORDER(&m.c, ORDER_XADD, DEVICE), 14);
	CHECK_EQ(ORDER(&m.c, ORDER_MEMORY, DEVICE + 256, 4, 0, 0), 14);
	CHECK_EQ(m.logged, 6);
	model_close();
}

MINI_TEST(ioreq_buffered_writes_keep_order) {
	model_open();
	range(1, PV_IOREQ_PORT, POSTED, 16, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER);
	range(2, PV_IOREQ_PORT, QUIET, 16, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER | PV_IOREQ_QUIET);
	m.ring->awake = 1; /* so that nothing tells the model but what waits */
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, QUIET, 1, 1), 0);
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, POSTED + 1, 2, 2), 0);
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, QUIET + 2, 4, 3), 0);
	CHECK_EQ(m.ring->head, 3);
	CHECK_EQ(m.ring->write[1].value, 2);
	m.ring->awake = 0;
	m.log[0].address = QUIET; /* the model leaves the ring alone until it must not */
	model_go();
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, PORTS, 1, 4), 0);
	CHECK_EQ(m.logged, 4);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(m.log[i].value, i + 1);
		CHECK_EQ(m.log[i].buffered, i < 3);
	}
	model_close();
}

/* A full ring waits for the model as other accesses do; a tail that is nonsense is a full one. */
MINI_TEST(ioreq_ring_full) {
	model_open();
	range(2, PV_IOREQ_PORT, QUIET, 16, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER | PV_IOREQ_QUIET);
	for (unsigned i = 0; i < PV_IOREQ_WRITES; i++) CHECK_EQ(ORDER(&m.c, ORDER_OUT, QUIET, 1, i), 0);
	CHECK_EQ(m.ring->head, PV_IOREQ_WRITES);
	m.log[0].address = QUIET;
	model_go();
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, QUIET, 1, 200), 0);
	CHECK_EQ(m.ring->head, PV_IOREQ_WRITES);
	m.logged = 0;
	m.ring->tail += 5000;
	m.ring->head = 77; /* what the guest wrote it does not read again */
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, QUIET, 1, 201), 0);
	model_close();
}

/* A model that does not answer and goes: the guest reads ones and goes on. */
MINI_TEST(ioreq_model_goes) {
	model_open();
	m.mute = true;
	model_go();
	child_send(&m.c, ORDER_IN, PORTS, 4);
	mini_sleep(20 * MINI_MS);
	model_halt();
	go();
	WAIT_FOR(value_of(&m.c) == 0xffffffff, 1000);
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 4), 0);
	CHECK_EQ(value_of(&m.c), 0xffffffff);
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, PORTS, 4, 1), 0);
	CHECK_EQ(ORDER(&m.c, ORDER_MEMORY, DEVICE, 4, 0, 0), 0); /* all floats */
	CHECK_EQ(m.ring->posted & ~1ull, 0);
	/* Another may come. */
	m.mute = false;
	come();
	m.logged = 0;
	model_go();
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 1), 0);
	CHECK_EQ(m.logged, 1);
	CHECK_EQ(value_of(&m.c), 0x55667781);
	model_close();
}

/* One whose domain is not even there to say so: its port alone is closed. The guest looks, though it is `awake`. */
MINI_TEST(ioreq_model_goes_without_a_word) {
	uint64_t began;

	model_open();
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS + 16, 4), 0); /* it has met the model */
	m.ring->awake = 1;
	CHECK_EQ(pv_event_close((uint64_t)m.port), 0);
	began = mini_now();
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 4), 0);
	CHECK_EQ(value_of(&m.c), 0xffffffff);
	CHECK(mini_now() - began < 5 * MINI_S);
	m.ring->port = 0;
	come();
	model_go();
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 4), 0);
	CHECK_EQ(value_of(&m.c), 0x84838281);
	model_close();
}

/* Slow is not gone: the guest waits longer than its patience, and rings again for a model that has missed it. */
MINI_TEST(ioreq_slow_answer) {
	model_open();
	m.ring->awake = 1;
	child_send(&m.c, ORDER_IN, PORTS, 4);
	mini_sleep(250 * MINI_MS);
	CHECK(mini_port_count[m.port] != m.seen);
	m.ring->awake = 0;
	model_go();
	WAIT_FOR(READ_LOGGED == 1, 5000);
	WAIT_FOR(value_of(&m.c) == 0x84838281, 5000);
	model_close();
}

/* Models come and go on one CPU while the guest, on another, is in the midst of an access. */
MINI_TEST(ioreq_model_goes_under_load) {
	uint64_t end;
	unsigned rounds = 0;

	model_open();
	child_send(&m.c, ORDER_POUND, QUIET, 200 * MINI_MS);
	for (end = mini_now() + 200 * MINI_MS; mini_now() < end; rounds++) {
		go();
		come();
		range(PV_IOREQ_RANGES - 1, PV_IOREQ_PORT, QUIET, 16,
		      PV_IOREQ_FORWARD | (rounds % 4 ? PV_IOREQ_BUFFER | PV_IOREQ_QUIET : 0));
		mini_pause();
	}
	CHECK(rounds > 0);
	go();
	CHECK_EQ(ORDER(&m.c, ORDER_SLEEP, 0), 0); /* it is there */
	come();
	model_close();
}

/* A guest that ends while it waits. Its memory, and so its number, stays until the model lets go; no port leads there. */
MINI_TEST(ioreq_guest_dies_waiting) {
	struct pv_port_status s;
	long rc;

	model_open();
	model_go();
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 4), 0);
	m.mute = true;
	child_send(&m.c, ORDER_IN, PORTS, 4);
	mini_sleep(20 * MINI_MS);
	model_halt();
	CHECK_EQ(pv_mem_query(m.c.domid, 0), PV_MEM_RAM);
	CHECK_EQ(pv_event_close(m.c.port), 0);
	while ((rc = pv_domain_destroy(m.c.domid)) == -PV_EAGAIN)
		;
	CHECK_EQ(rc, -PV_EBUSY);
	CHECK_EQ(pv_mem_query(m.c.domid, 0), -PV_ESRCH);
	CHECK_EQ(pv_event_status((uint64_t)m.port, &s), 0);
	CHECK_EQ(s.kind, PV_PORT_UNBOUND);
	CHECK(s.remote_dom != m.c.domid);
	m.slot->answer = m.slot->request;
	pv_model_tell(&m.io, ~0ull, ~0u);
	CHECK_EQ(m.io.wake[0].ours, 0);
	go();
	area_close(); /* and that was the last of it */
	CHECK_EQ(pv_domain_destroy(m.c.domid), -PV_ESRCH);
	check_audit();
}

/* Nonsense in the table harms the guest at the most. */
MINI_TEST(ioreq_table_is_nonsense) {
	model_open();
	memset(m.ring->range, 0xff, sizeof(m.ring->range));
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 1), 0);
	for (unsigned i = 0; i < PV_IOREQ_RANGES; i++) range(i, PV_IOREQ_MEMORY, ~0ull - 1, ~0u, 0xffff);
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, PORTS, 1, 1), 0);
	range(0, PV_IOREQ_MEMORY, 0, ~0u, PV_IOREQ_FORWARD);
	range(1, PV_IOREQ_MEMORY, DEVICE, 0, PV_IOREQ_FORWARD);
	CHECK_EQ(ORDER(&m.c, ORDER_MEMORY, DEVICE, 4, 0, 0), 14);
	CHECK_EQ(m.ring->posted, 0);
	/* Nor does a port that is none: all floats. */
	m.ring->port = 4095;
	m.ring->life++;
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 1), 0);
	m.ring->domid = 0x7000;
	m.ring->life++;
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 1), 0);
	m.ring->domid = 0;
	model_close();
}

/* A wrong number is no answer: only what was asked is. */
MINI_TEST(ioreq_stale_answer) {
	model_open();
	m.stale = true;
	model_go();
	child_send(&m.c, ORDER_IN, PORTS, 1);
	WAIT_FOR(READ_LOGGED == 1, 5000);
	m.stale = false;
	m.slot->answer = m.slot->request;
	pv_model_tell(&m.io, 1, 0);
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 1), 0);
	model_close();
}

/* Events come when the access is over, not within it, and none is lost. */
MINI_TEST(ioreq_interrupts) {
	uint32_t gsi = 11;
	long port;

	model_open();
	pv_model_tell(&m.io, 0, 1u << gsi); /* nobody's yet */
	port = ORDER(&m.c, ORDER_GSI, gsi);
	CHECK(port > 0);
	pv_model_tell(&m.io, 0, 1u << gsi);
	WAIT_FOR(ORDER(&m.c, ORDER_COUNT, port) == 1, 1000);
	pv_model_tell(&m.io, 0, 1u << (gsi + 1)); /* nobody's */
	m.mute = true;
	model_go();
	child_send(&m.c, ORDER_IN, PORTS, 1);
	mini_sleep(10 * MINI_MS);
	pv_model_tell(&m.io, 0, 1u << gsi);
	mini_sleep(10 * MINI_MS);
	m.mute = false;
	m.slot->data[0] = 9;
	m.slot->answer = m.slot->request;
	pv_model_tell(&m.io, 1, 0);
	WAIT_FOR(ORDER(&m.c, ORDER_COUNT, port) == 2, 1000);
	/* Another port takes its place. */
	CHECK_EQ(CHILD(&m.c, event_close, port), 0);
	pv_model_tell(&m.io, 0, 0xffffff);
	CHECK_EQ(m.io.gsi[gsi].ours, 0);
	port = ORDER(&m.c, ORDER_GSI, gsi);
	CHECK(port > 0);
	pv_model_tell(&m.io, 0, 0xffffff);
	CHECK(m.io.gsi[gsi].ours != 0);
	model_close();
}

static uint32_t own_ports(void) {
	struct pv_domain_info self;

	CHECK_EQ(pv_domain_info(PV_DOM_SELF, &self), 0);
	return self.ports;
}

/* A guest that offers what it does not have, or others all the time, costs its model no port but those that it may. */
MINI_TEST(ioreq_hostile_ports) {
	struct child other;
	uint32_t before, offer[3];
	long foreign;

	model_open();
	child_start(&other, 0, 1);
	before = own_ports();
	for (unsigned i = 0; i < 3; i++) offer[i] = (uint32_t)CHILD(&m.c, event_alloc, 0, 0);
	foreign = CHILD(&other, event_alloc, 0, 0); /* the same number may be one of the guest's */
	CHECK(foreign > 0);
	for (unsigned i = 0; i < 300; i++) {
		m.ring->wake_port[0] = i % 4 == 3 ? (uint32_t)(i * 0x9e3779b9u) : offer[i % 4];
		m.ring->wake_port[63] = offer[0];
		m.ring->gsi_port[i % PV_IOREQ_GSIS] = (uint32_t)m.port + i;
		pv_model_tell(&m.io, ~0ull, ~0u);
		CHECK(own_ports() <= before + 2 + PV_IOREQ_GSIS);
	}
	m.ring->wake_port[0] = offer[1];
	pv_model_tell(&m.io, 1, 0);
	CHECK_EQ(CHILD(&m.c, event_close, offer[1]), 0);
	pv_model_tell(&m.io, 1, 0);
	CHECK_EQ(m.io.wake[0].ours, 0);
	/* Garbage elsewhere in the ring. */
	m.ring->head = m.ring->tail = 0x80000000;
	memset(m.ring->wake_port, 0xff, sizeof(m.ring->wake_port) + sizeof(m.ring->gsi_port));
	pv_model_tell(&m.io, ~0ull, ~0u);
	CHECK(own_ports() <= before);
	model_halt();
	go();
	come();
	CHECK_EQ(own_ports(), before);
	child_end(&other);
	model_close();
}

/* Without PV_CAP_MEMORY no memory of another domain's can be mapped; with it, that of any (pv/grant.h). */
MINI_TEST(ioreq_foreign_memory) {
	struct child other;
	struct pv_grant_map op = {.flags = PV_GRANT_FOREIGN};
	uint64_t *page = mini_page(), gfn;
	uint32_t handle;
	long rc;

	model_open();
	gfn = child_data_gpa(&m.c, 0) >> PV_PAGE_SHIFT;
	CHECK_EQ(pv_mem_release(PV_DOM_SELF, mini_gfn(page), 1), 1);
	CHECK_EQ(map_foreign(m.c.domid, gfn, page, 0, &handle), 0);
	page[3] = 0x1234;
	child_get(&m.c, 24, &page[4], 8);
	CHECK_EQ(page[4], 0x1234);
	unmap(handle);
	CHECK_EQ(map_foreign(m.c.domid, 1u << 20, page, 0, &handle), -PV_EFAULT); /* no memory there */
	CHECK_EQ(map_foreign(PV_DOM_SELF, gfn, page, 0, &handle), -PV_EINVAL);
	CHECK_EQ(map_foreign(1000, gfn, page, 0, &handle), -PV_ESRCH);
	/* By a domain with the capability, and by one without. */
	for (unsigned i = 0; i < 2; i++) {
		child_start(&other, i ? PV_CAP_MEMORY : 0, 1);
		op.domid = m.c.domid;
		op.ref = (uint32_t)gfn;
		op.gfn = (other.memory >> PV_PAGE_SHIFT) + 512;
		child_put(&other, 0, &op, sizeof(op));
		CHECK_EQ(CHILD(&other, grant_map, child_data(&other, 0), 1), 1);
		child_get(&other, 0, &op, sizeof(op));
		CHECK_EQ(op.status, i ? 0 : -PV_EPERM);
		child_end(&other);
	}
	/* What is mapped lasts when the guest is gone. */
	CHECK_EQ(map_foreign(m.c.domid, gfn, page, 0, &handle), 0);
	check_audit();
	go();
	area_close();
	CHECK_EQ(pv_event_close(m.c.port), 0);
	while ((rc = pv_domain_destroy(m.c.domid)) == -PV_EAGAIN)
		;
	CHECK_EQ(rc, -PV_EBUSY);
	page[3] = 5;
	unmap(handle);
	CHECK_EQ(pv_mem_populate(PV_DOM_SELF, mini_gfn(page), 1, 0), 1);
	mini_page_free(page);
	check_audit();
}

/* Every port with every size: the guest lives. */
MINI_TEST(ioreq_every_port) {
	model_open();
	model_go();
	for (uint64_t p = 0; p < 0x10000; p += 0x3f) CHECK_EQ(ORDER(&m.c, ORDER_IN, p, 1u << p % 3), 0);
	model_close();
}
