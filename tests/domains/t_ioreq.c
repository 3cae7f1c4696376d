/* SPDX-License-Identifier: Apache-2.0 */
/* t_ioreq: emulated devices, served by this program: vCPU 1 is the model while vCPU 0 gives the child orders.
 * Rules: Q1-Q3 (hv/domain/ioreq.h) */
#include "domtest.h"

#define PORTS   0x300        /* forwarded */
#define POSTED  0x310        /* buffered */
#define QUIET   0x320        /* buffered and quiet */
#define DEVICE  (1ull << 32) /* guest-physical, above the child's memory */
#define LOG_MAX 64

#define READ_LOGGED (*(volatile uint32_t *)&m.logged)

static struct model {
	struct child c;
	long port;
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
	pv_ioreq_done(m.c.domid, 1, 0);
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

static void model_open(void) {
	m.stop = true; /* a failed test's */
	mini_vcpu_join(1);
	memset(&m, 0, sizeof(m));
	child_start(&m.c, 0, 1);
	m.ring = mini_pages(1);
	m.slot = (void *)((char *)m.ring + PV_PAGE_SIZE);
	memset(m.ring, 0, 2 * PV_PAGE_SIZE);
	m.port = pv_event_alloc(m.c.domid, 0);
	CHECK(m.port > 0);
	m.seen = mini_port_count[m.port];
	CHECK_EQ(pv_ioreq_start(m.c.domid, mini_gpa(m.ring), (uint64_t)m.port), 0);
	range(0, PV_IOREQ_PORT, PORTS, 16, PV_IOREQ_FORWARD);
}

static void model_go(void) { CHECK_EQ(mini_vcpu_start(1, model_run, NULL), 0); }

static void model_close(void) {
	m.stop = true;
	mini_vcpu_join(1);
	CHECK_EQ(pv_event_close((uint64_t)m.port), 0);
	child_end(&m.c);
	mini_pages_free(m.ring, 1);
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
	m.ring->head = 77; /* what ring 0 wrote it does not read again */
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, QUIET, 1, 201), 0);
	model_close();
}

/* A model that does not answer, or wrongly, and goes: the guest reads ones and goes on. */
MINI_TEST(ioreq_model_goes) {
	model_open();
	m.mute = true;
	model_go();
	child_send(&m.c, ORDER_IN, PORTS, 4);
	mini_sleep(20 * MINI_MS);
	m.stop = true;
	mini_vcpu_join(1);
	CHECK_EQ(pv_ioreq_stop(m.c.domid), 0);
	CHECK_EQ(pv_ioreq_stop(m.c.domid), -PV_EACCES);
	memset(m.ring, 0xaa, 2 * PV_PAGE_SIZE);
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 4), 0);
	CHECK_EQ(value_of(&m.c), 0xffffffff);
	CHECK_EQ(ORDER(&m.c, ORDER_OUT, PORTS, 4, 1), 0);
	for (unsigned i = 0; i < 2 * PV_PAGE_SIZE; i++) CHECK_EQ(((uint8_t *)m.ring)[i], 0xaa);
	/* Another may come. */
	memset(m.ring, 0, 2 * PV_PAGE_SIZE);
	m.stop = m.mute = false;
	range(0, PV_IOREQ_PORT, PORTS, 16, PV_IOREQ_FORWARD);
	CHECK_EQ(pv_ioreq_start(m.c.domid, mini_gpa(m.ring), (uint64_t)m.port), 0);
	m.logged = 0;
	model_go();
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 1), 0);
	CHECK_EQ(m.logged, 1);
	model_close();
}

/* Models come and go on one CPU while the guest, on another, is in the midst of an access. */
MINI_TEST(ioreq_model_goes_under_load) {
	uint64_t end;
	unsigned rounds = 0;

	model_open();
	range(0, PV_IOREQ_PORT, 0, 0, 0);
	range(PV_IOREQ_RANGES - 1, PV_IOREQ_PORT, QUIET, 16, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER | PV_IOREQ_QUIET);
	child_send(&m.c, ORDER_POUND, QUIET, 200 * MINI_MS);
	for (end = mini_now() + 200 * MINI_MS; mini_now() < end; rounds++) {
		CHECK_EQ(pv_ioreq_stop(m.c.domid), 0);
		CHECK_EQ(pv_ioreq_start(m.c.domid, mini_gpa(m.ring), (uint64_t)m.port), 0);
		m.ring->tail = m.ring->head;
	}
	CHECK(rounds > 0);
	CHECK_EQ(pv_ioreq_stop(m.c.domid), 0);
	CHECK_EQ(ORDER(&m.c, ORDER_SLEEP, 0), 0); /* it is there */
	model_close();
}

MINI_TEST(ioreq_guest_dies_waiting) {
	model_open();
	m.mute = true;
	model_go();
	child_send(&m.c, ORDER_IN, PORTS, 4);
	mini_sleep(20 * MINI_MS);
	m.stop = true;
	mini_vcpu_join(1);
	m.seen = mini_port_count[m.port];
	child_end(&m.c);
	CHECK_EQ(m.ring->ended, 1);
	CHECK(mini_port_count[m.port] != m.seen);
	CHECK_EQ(pv_event_close((uint64_t)m.port), 0);
	mini_pages_free(m.ring, 1);
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
	CHECK_EQ(pv_ioreq_done(m.c.domid, ~0ull, 0), 0);
	CHECK_EQ(ORDER(&m.c, ORDER_IN, PORTS, 1), 0);
	model_close();
}

/* Events come when the access is over, not within it, and none is lost. */
MINI_TEST(ioreq_interrupts) {
	uint32_t gsi = 11;
	long port;

	model_open();
	CHECK_EQ(CHILD(&m.c, ioreq_irq_bind, PV_IOREQ_GSIS, 0), -PV_EINVAL);
	CHECK_EQ(CHILD(&m.c, ioreq_irq_bind, gsi, 1), -PV_EINVAL);
	port = CHILD(&m.c, ioreq_irq_bind, gsi, 0);
	CHECK(port > 0);
	CHECK_EQ(CHILD(&m.c, ioreq_irq_bind, gsi, 0), -PV_EBUSY);
	CHECK_EQ(pv_ioreq_done(m.c.domid, 0, 1ull << gsi), 0);
	WAIT_FOR(ORDER(&m.c, ORDER_COUNT, port) == 1, 1000);
	CHECK_EQ(pv_ioreq_done(m.c.domid, 0, 1ull << (gsi + 1)), 0); /* nobody's */
	m.mute = true;
	model_go();
	child_send(&m.c, ORDER_IN, PORTS, 1);
	mini_sleep(10 * MINI_MS);
	CHECK_EQ(pv_ioreq_done(m.c.domid, 0, 1ull << gsi), 0);
	mini_sleep(10 * MINI_MS);
	m.mute = false;
	m.slot->data[0] = 9;
	m.slot->answer = m.slot->request;
	CHECK_EQ(pv_ioreq_done(m.c.domid, 1, 0), 0);
	WAIT_FOR(ORDER(&m.c, ORDER_COUNT, port) == 2, 1000);
	CHECK_EQ(CHILD(&m.c, event_close, port), 0);
	CHECK_EQ(pv_ioreq_done(m.c.domid, 0, 0xffffff), 0);
	port = CHILD(&m.c, ioreq_irq_bind, gsi, 0);
	CHECK(port > 0);
	model_close();
}

MINI_TEST(ioreq_errors) {
	struct child other;
	long port, foreign;

	model_open();
	child_start(&other, 0, 1);
	port = pv_event_alloc(other.domid, 0);
	foreign = pv_event_alloc(m.c.domid, 0);
	CHECK(port > 0 && foreign > 0);
	CHECK_EQ(CHILD(&other, ioreq_irq_bind, 4, 0), -PV_ENODEV);
	CHECK_NO_DOMAIN(pv_ioreq_start(d, mini_gpa(m.ring), 1), -PV_ESRCH);
	CHECK_EQ(pv_ioreq_start(0, mini_gpa(m.ring), (uint64_t)port), -PV_EINVAL);
	CHECK_EQ(pv_ioreq_start(other.domid, mini_gpa(m.ring) + 8, (uint64_t)port), -PV_EINVAL);
	CHECK_EQ(pv_ioreq_start(other.domid, ~0ull - 4095, (uint64_t)port), -PV_EINVAL);
	CHECK_EQ(pv_ioreq_start(other.domid, mini_gpa(m.ring), (uint64_t)foreign), -PV_EBADF);
	CHECK_EQ(pv_ioreq_start(other.domid, mini_gpa(m.ring), 0), -PV_EBADF);
	CHECK_EQ(pv_ioreq_start(other.domid, mini_gpa(m.ring), 1ull << 40), -PV_EBADF);
	CHECK_EQ(pv_ioreq_start(other.domid, 1ull << 46, (uint64_t)port), -PV_EFAULT);
	CHECK_EQ(pv_ioreq_start(m.c.domid, mini_gpa(m.ring), (uint64_t)foreign), -PV_EEXIST);
	CHECK_NO_DOMAIN(pv_ioreq_done(d, 0, 0), -PV_ESRCH);
	CHECK_EQ(pv_ioreq_done(other.domid, 0, 0), -PV_EACCES);
	CHECK_EQ(pv_ioreq_done(m.c.domid, 0, 1ull << 24), -PV_EINVAL);
	CHECK_EQ(pv_ioreq_done(m.c.domid, ~0ull, 0), 0);
	CHECK_NO_DOMAIN(pv_ioreq_stop(d), -PV_ESRCH);
	CHECK_EQ(pv_ioreq_stop(other.domid), -PV_EACCES);
	CHECK_EQ(CHILD(&other, ioreq_stop, m.c.domid), -PV_EPERM);
	CHECK_EQ(ORDER(&other, ORDER_INB, PORTS), 13); /* no devices of its own */
	CHECK_EQ(pv_event_close((uint64_t)port), 0);
	CHECK_EQ(pv_event_close((uint64_t)foreign), 0);
	child_end(&other);
	model_close();
}

#define ACCESS(how, address, data, count) CHILD(&m.c, ioreq_access, how, address, data, count)

MINI_TEST(ioreq_access_errors) {
	const uint64_t in = PV_IOREQ_ACCESS(PV_IOREQ_PORT, 0, 1), out = PV_IOREQ_ACCESS(PV_IOREQ_PORT, 1, 4);
	struct pv_multi call = {.nr = PV_NR_ioreq_access, .args = {in, PORTS, 0, 1}};
	uint64_t data;

	model_open();
	model_go();
	data = child_data(&m.c, 0);
	CHECK_EQ(ACCESS(in, PORTS, data, 0), -PV_EINVAL);
	for (unsigned size = 0; size < 256; size++)
		if (size != 1 && size != 2 && size != 4)
			CHECK_EQ(ACCESS(PV_IOREQ_ACCESS(PV_IOREQ_PORT, 0, size), PORTS, data, 1), -PV_EINVAL);
	CHECK_EQ(ACCESS(PV_IOREQ_ACCESS(PV_IOREQ_MEMORY, 0, 16), DEVICE, data, 1), -PV_EINVAL);
	CHECK_EQ(ACCESS(PV_IOREQ_ACCESS(PV_IOREQ_MEMORY, 0, 4), DEVICE, data, 2), -PV_EINVAL);
	CHECK_EQ(ACCESS(PV_IOREQ_ACCESS(PV_IOREQ_MEMORY, 1, 8), DEVICE, data, 2), -PV_EINVAL);
	for (unsigned bit = 0; bit < 64; bit++)
		if (bit < 8 || (bit > 16 && bit != 24)) CHECK_EQ(ACCESS(in | 1ull << bit, PORTS, data, 1), -PV_EINVAL);
	CHECK_EQ(ACCESS(in, PORTS | 1ull << 32, data, 1), 1); /* floats */
	CHECK_EQ(m.logged, 0);
	CHECK_EQ(ACCESS(PV_IOREQ_ACCESS(PV_IOREQ_MEMORY, 0, 4), PORTS, data, 1), -PV_ENODEV);
	/* Nothing to write: the device hears nothing. What it gave away cannot be kept: that is the guest's loss. */
	CHECK_EQ(ACCESS(out, PORTS, 0x7000000000, 1), -PV_EFAULT);
	CHECK_EQ(ACCESS(out, PORTS, 0x7000000000, 2), -PV_EFAULT);
	CHECK_EQ(ACCESS(out, PORTS, 0xffff800000000000, 1), -PV_EFAULT);
	CHECK_EQ(m.logged, 0);
	CHECK_EQ(ACCESS(in, PORTS, 0x7000000000, 1), -PV_EFAULT);
	CHECK_EQ(ACCESS(in, PORTS, 0xffff800000000000, 1), -PV_EFAULT);
	CHECK_EQ(m.logged, 2);
	/* No more than a slot takes. */
	CHECK_EQ(ACCESS(in, PORTS, data, ~0ull), PV_IOREQ_DATA);
	CHECK_EQ(ACCESS(out, PORTS, data, 1ull << 62), PV_IOREQ_DATA / 4);
	CHECK_EQ(ACCESS(in, PORTS, data, 1), 1);
	/* It sleeps, so it goes alone. */
	CHECK_EQ(pv_multi(&call, 1), 1);
	CHECK_EQ(call.result, -PV_EINVAL);
	model_close();
}

/* Memory of its guest, and of no other, is the model's to map. */
MINI_TEST(ioreq_foreign_memory) {
	struct child other;
	struct pv_grant_map op = {.flags = PV_GRANT_FOREIGN};
	struct pv_grant_unmap un;
	uint64_t *page = mini_page();
	long rc;

	model_open();
	child_start(&other, 0, 1);
	CHECK_EQ(pv_mem_release(PV_DOM_SELF, mini_gfn(page), 1), 1);
	op.domid = m.c.domid;
	op.ref = (uint32_t)(child_data_gpa(&m.c, 0) >> PV_PAGE_SHIFT);
	op.gfn = mini_gfn(page);
	CHECK_EQ(pv_grant_map(&op, 1), 1);
	CHECK_EQ(op.status, 0);
	page[3] = 0x1234;
	child_get(&m.c, 24, &page[4], 8);
	CHECK_EQ(page[4], 0x1234);
	un.handle = op.handle;
	CHECK_EQ(pv_grant_unmap(&un, 1), 1);
	CHECK_EQ(un.status, 0);
	op.ref = 1u << 20; /* no memory there */
	CHECK_EQ(pv_grant_map(&op, 1), 1);
	CHECK_EQ(op.status, -PV_EFAULT);
	op.domid = other.domid;
	op.ref = 16;
	CHECK_EQ(pv_grant_map(&op, 1), 1);
	CHECK_EQ(op.status, -PV_EACCES);
	/* What is mapped lasts when the guest is gone. */
	op.domid = m.c.domid;
	op.ref = (uint32_t)(child_data_gpa(&m.c, 0) >> PV_PAGE_SHIFT);
	CHECK_EQ(pv_grant_map(&op, 1), 1);
	CHECK_EQ(op.status, 0);
	un.handle = op.handle;
	check_audit();
	CHECK_EQ(pv_event_close((uint64_t)m.port), 0);
	CHECK_EQ(pv_event_close(m.c.port), 0);
	while ((rc = pv_domain_destroy(m.c.domid)) == -PV_EAGAIN)
		;
	CHECK_EQ(rc, -PV_EBUSY);
	CHECK_EQ(m.ring->ended, 1);
	page[3] = 5;
	CHECK_EQ(pv_grant_unmap(&un, 1), 1);
	CHECK_EQ(un.status, 0);
	child_end(&other);
	CHECK_EQ(pv_mem_populate(PV_DOM_SELF, mini_gfn(page), 1, 0), 1);
	mini_page_free(page);
	mini_pages_free(m.ring, 1);
	check_audit();
}

/* Every port with every size: the guest lives. */
MINI_TEST(ioreq_every_port) {
	model_open();
	model_go();
	for (uint64_t p = 0; p < 0x10000; p += 0x3f) CHECK_EQ(ORDER(&m.c, ORDER_IN, p, 1u << p % 3), 0);
	model_close();
}
