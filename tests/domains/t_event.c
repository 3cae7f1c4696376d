/* SPDX-License-Identifier: Apache-2.0 */
/* t_event: event_* and the port half of poll. */
#include "domtest.h"

static const uint64_t far_ports[] = {PV_MAX_PORTS, PV_MAX_PORTS + 1, 0xffff,     0x10000,
				     0x10001,      1ull << 32,       1ull << 63, ~0ull};
#define FAR_PORTS (sizeof(far_ports) / sizeof(far_ports[0]))

static void pair(uint64_t *a, uint64_t *b) {
	long port = pv_event_alloc(PV_DOM_SELF, 0);

	CHECK(port > 0);
	*a = (uint64_t)port;
	port = pv_event_bind(mini_start.domid, *a, 0);
	CHECK(port > 0);
	*b = (uint64_t)port;
}

static void close_pair(uint64_t a, uint64_t b) {
	CHECK_EQ(pv_event_close(a), 0);
	CHECK_EQ(pv_event_close(b), 0);
}

static struct pv_port_status status_of(uint64_t port) {
	struct pv_port_status s;

	memset(&s, 0xff, sizeof(s));
	CHECK_EQ(pv_event_status(port, &s), 0);
	CHECK(!s.reserved[0] && !s.reserved[1] && !s.reserved[2]);
	return s;
}

MINI_TEST(event_alloc_errors) {
	CHECK_EQ(pv_event_alloc(PV_DOM_SELF, 4), -PV_EINVAL);
	CHECK_EQ(pv_event_alloc(PV_DOM_SELF, 64), -PV_EINVAL);
	CHECK_EQ(pv_event_alloc(PV_DOM_SELF, ~0ull), -PV_EINVAL);
	CHECK_EQ(pv_event_alloc(PV_DOM_SELF, 1ull << 32), -PV_EINVAL);
	CHECK_NO_DOMAIN(pv_event_alloc(d, 0), -PV_ESRCH);
}

MINI_TEST(event_bind_errors) {
	long a = pv_event_alloc(PV_DOM_SELF, 0), b;

	CHECK(a > 0);
	CHECK_EQ(pv_event_bind(PV_DOM_SELF, (uint64_t)a, 4), -PV_EINVAL);
	CHECK_EQ(pv_event_bind(PV_DOM_SELF, (uint64_t)a, ~0ull), -PV_EINVAL);
	CHECK_NO_DOMAIN(pv_event_bind(d, (uint64_t)a, 0), -PV_ESRCH);
	CHECK_EQ(pv_event_bind(PV_DOM_SELF, 0, 0), -PV_EBADF);
	CHECK_EQ(pv_event_bind(PV_DOM_SELF, PV_MAX_PORTS - 1, 0), -PV_EBADF);
	for (unsigned i = 0; i < FAR_PORTS; i++) CHECK_EQ(pv_event_bind(PV_DOM_SELF, far_ports[i], 0), -PV_ERANGE);
	b = pv_event_bind(PV_DOM_SELF, (uint64_t)a, 0);
	CHECK(b > 0 && b != a);
	CHECK_EQ(pv_event_bind(PV_DOM_SELF, (uint64_t)a, 0), -PV_EBADF); /* bound already */
	CHECK_EQ(pv_event_bind(PV_DOM_SELF, (uint64_t)b, 0), -PV_EBADF);
	close_pair((uint64_t)a, (uint64_t)b);
}

MINI_TEST(event_ports_out_of_range) {
	struct pv_port_status s;

	for (unsigned i = 0; i < FAR_PORTS; i++) {
		CHECK_EQ(pv_event_send(far_ports[i]), -PV_ERANGE);
		CHECK_EQ(pv_event_close(far_ports[i]), -PV_ERANGE);
		CHECK_EQ(pv_event_unmask(far_ports[i]), -PV_ERANGE);
		CHECK_EQ(pv_event_vcpu(far_ports[i], 0), -PV_ERANGE);
		CHECK_EQ(pv_event_status(far_ports[i], &s), -PV_ERANGE);
	}
}

MINI_TEST(event_free_ports) {
	const uint64_t ports[] = {0, PV_MAX_PORTS - 1, PV_MAX_PORTS - 100};

	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(pv_event_send(ports[i]), -PV_EBADF);
		CHECK_EQ(pv_event_close(ports[i]), -PV_EBADF);
		CHECK_EQ(pv_event_unmask(ports[i]), -PV_EBADF);
		CHECK_EQ(pv_event_vcpu(ports[i], 0), -PV_EBADF);
		CHECK_EQ(status_of(ports[i]).kind, PV_PORT_FREE);
	}
}

MINI_TEST(event_status_tells) {
	struct pv_port_status s;
	long v;
	uint64_t a = (uint64_t)pv_event_alloc(PV_DOM_SELF, 2), b;

	s = status_of(a);
	CHECK_EQ(s.kind, PV_PORT_UNBOUND);
	CHECK_EQ(s.vcpu, 2);
	CHECK_EQ(s.remote_dom, mini_start.domid);
	CHECK_EQ(pv_event_send(a), -PV_EBADF); /* nobody there */
	b = (uint64_t)pv_event_bind(PV_DOM_SELF, a, 1);
	s = status_of(b);
	CHECK_EQ(s.kind, PV_PORT_CHANNEL);
	CHECK_EQ(s.vcpu, 1);
	CHECK_EQ(s.remote_dom, mini_start.domid);
	CHECK_EQ(s.remote_port, a);
	s = status_of(a);
	CHECK_EQ(s.kind, PV_PORT_CHANNEL);
	CHECK_EQ(s.remote_port, b);
	CHECK_EQ(pv_event_vcpu(a, 3), 0);
	CHECK_EQ(status_of(a).vcpu, 3);
	CHECK_EQ(pv_event_close(b), 0);
	CHECK_EQ(status_of(a).kind, PV_PORT_UNBOUND);
	CHECK_EQ(pv_event_send(a), -PV_EBADF);
	CHECK_EQ(pv_event_close(a), 0);
	CHECK_EQ(status_of(a).kind, PV_PORT_FREE);
	v = pv_event_bind_virq(PV_VIRQ_TRACE, 1);
	CHECK(v > 0);
	s = status_of((uint64_t)v);
	CHECK_EQ(s.kind, PV_PORT_VIRQ);
	CHECK_EQ(s.irq, PV_VIRQ_TRACE);
	CHECK_EQ(pv_event_close((uint64_t)v), 0);
	CHECK_EFAULT_OUT(pv_event_status(a, p));
}

MINI_TEST(event_send_counts_once_while_pending) {
	uint64_t a, b;
	uint32_t before;

	pair(&a, &b);
	before = mini_port_count[a];
	mini_irq_disable();
	for (int i = 0; i < 5; i++) CHECK_EQ(pv_event_send(b), 0);
	CHECK_EQ(mini_port_count[a], before);
	CHECK(mini_port_pending((uint32_t)a));
	CHECK(!mini_port_pending((uint32_t)b));
	mini_irq_enable();
	CHECK_EQ(mini_port_count[a], before + 1);
	CHECK_EQ(pv_event_send(a), 0);
	CHECK_EQ(mini_port_count[b] > 0, true);
	close_pair(a, b);
}

MINI_TEST(event_mask_and_unmask) {
	uint64_t a, b;
	uint32_t before;

	pair(&a, &b);
	before = mini_port_count[a];
	mini_port_mask((uint32_t)a);
	CHECK_EQ(pv_event_send(b), 0);
	mini_sleep(MINI_MS);
	CHECK_EQ(mini_port_count[a], before);
	CHECK(mini_port_pending((uint32_t)a));
	CHECK_EQ(pv_event_unmask(a), 0);
	CHECK_EQ(mini_port_count[a], before + 1);
	CHECK_EQ(mini_event_page.mask[a / 64] >> (a % 64) & 1, 0);
	CHECK_EQ(pv_event_unmask(a), 0); /* nothing pending: nothing happens */
	CHECK_EQ(mini_port_count[a], before + 1);
	close_pair(a, b);
}

static volatile uint32_t handled_on[4];

static void note_vcpu(void *arg, uint32_t port) {
	(void)arg, (void)port;
	handled_on[mini_cpu()->id]++;
}

static volatile bool stay;

static void linger(void *arg) {
	(void)arg;
	while (stay) mini_sleep(MINI_MS);
}

MINI_TEST(event_vcpu_moves_delivery) {
	uint64_t a, b;

	pair(&a, &b);
	mini_port_handler((uint32_t)a, note_vcpu, NULL);
	handled_on[0] = handled_on[1] = 0;
	stay = true;
	CHECK_EQ(mini_vcpu_start(1, linger, NULL), 0);
	CHECK_EQ(pv_event_vcpu(a, 4), -PV_EINVAL);
	CHECK_EQ(pv_event_vcpu(a, ~0ull), -PV_EINVAL);
	mini_sleep(5 * MINI_MS); /* its area is registered */
	CHECK_EQ(pv_event_vcpu(a, 1), 0);
	CHECK_EQ(pv_event_send(b), 0);
	WAIT_FOR(handled_on[1] == 1, 2000);
	CHECK_EQ(handled_on[0], 0);
	CHECK_EQ(pv_event_vcpu(a, 0), 0);
	CHECK_EQ(pv_event_send(b), 0);
	CHECK_EQ(handled_on[0], 1);
	stay = false;
	mini_vcpu_join(1);
	mini_port_handler((uint32_t)a, NULL, NULL);
	close_pair(a, b);
}

MINI_TEST(event_pages_once) {
	void *page = mini_page();

	CHECK_EQ(pv_event_pages(mini_gpa(page)), -PV_EEXIST);
	CHECK_EQ(pv_event_pages(mini_gpa(page) + 8), -PV_EINVAL);
	CHECK_EQ(pv_event_pages(~0ull), -PV_EINVAL);
	CHECK_EQ(pv_event_pages(~0xfffull), -PV_EFAULT);
	CHECK_EQ(pv_event_pages(PV_MAX_GFN << 12), -PV_EFAULT);
	mini_page_free(page);
}

MINI_TEST(event_virq) {
	long p;

	CHECK_EQ(pv_event_bind_virq(PV_VIRQ_COUNT, 0), -PV_EINVAL);
	CHECK_EQ(pv_event_bind_virq(~0ull, 0), -PV_EINVAL);
	CHECK_EQ(pv_event_bind_virq(1ull << 32, 0), -PV_EINVAL);
	CHECK_EQ(pv_event_bind_virq(PV_VIRQ_TRACE, 4), -PV_EINVAL);
	p = pv_event_bind_virq(PV_VIRQ_TRACE, 0);
	CHECK(p > 0);
	CHECK_EQ(pv_event_bind_virq(PV_VIRQ_TRACE, 0), -PV_EEXIST);
	CHECK_EQ(pv_event_send((uint64_t)p), -PV_EBADF);
	CHECK_EQ(pv_event_bind(PV_DOM_SELF, (uint64_t)p, 0), -PV_EBADF);
	CHECK_EQ(pv_event_close((uint64_t)p), 0);
	p = pv_event_bind_virq(PV_VIRQ_TRACE, 0);
	CHECK(p > 0);
	CHECK_EQ(pv_event_close((uint64_t)p), 0);
}

MINI_TEST(event_port_limits) {
	static uint16_t ports[PV_MAX_PORTS];
	unsigned n = 0;
	long p = 0;

	while (n < PV_MAX_PORTS && (p = pv_event_alloc(PV_DOM_SELF, 0)) > 0) {
		CHECK(p < PV_MAX_PORTS);
		ports[n++] = (uint16_t)p;
	}
	CHECK_EQ(p, -PV_ENOSPC);
	CHECK(n > 4000);
	CHECK_EQ(pv_event_bind(PV_DOM_SELF, ports[0], 0), -PV_ENOSPC);
	CHECK_EQ(pv_event_bind_virq(PV_VIRQ_TRACE, 0), -PV_ENOSPC);
	CHECK_EQ(status_of(ports[0]).kind, PV_PORT_UNBOUND); /* the failed bind left it */
	for (unsigned i = 0; i < n; i++) CHECK_EQ(pv_event_close(ports[i]), 0);
	p = pv_event_alloc(PV_DOM_SELF, 0);
	CHECK(p > 0);
	CHECK_EQ(pv_event_close((uint64_t)p), 0);
}

MINI_TEST(poll_port) {
	uint64_t a, b, start;
	uint32_t list[PV_POLL_MAX + 1] = {0};

	pair(&a, &b);
	mini_port_mask((uint32_t)a);
	list[0] = (uint32_t)a;
	start = (uint64_t)pv_time();
	CHECK_EQ(pv_poll(list, 1, start + 5 * MINI_MS), -PV_ETIMEDOUT);
	CHECK((uint64_t)pv_time() >= start + 5 * MINI_MS);
	CHECK_EQ(pv_poll(list, 1, 0), -PV_ETIMEDOUT);
	CHECK_EQ(pv_poll(list, 1, 1), -PV_ETIMEDOUT);
	CHECK_EQ(pv_event_send(b), 0);
	CHECK_EQ(pv_poll(list, 1, PV_TIME_NEVER), 0);
	CHECK(mini_port_take((uint32_t)a));
	CHECK_EQ(pv_poll(list, 0, 0), -PV_ETIMEDOUT);
	CHECK_EQ(pv_poll(list, PV_POLL_MAX + 1, 0), -PV_E2BIG);
	CHECK_EQ(pv_poll(list, ~0ull, 0), -PV_E2BIG);
	CHECK_EQ(pv_poll(list, 1ull << 62, 0), -PV_E2BIG);
	list[0] = PV_MAX_PORTS;
	CHECK_EQ(pv_poll(list, 1, 0), -PV_ERANGE);
	list[0] = 0x10001;
	CHECK_EQ(pv_poll(list, 1, 0), -PV_ERANGE);
	list[0] = 0;
	CHECK_EQ(pv_poll(list, 1, 0), -PV_ERANGE);
	for (unsigned i = 0; i < PV_POLL_MAX; i++) list[i] = PV_MAX_PORTS - 1;
	CHECK_EQ(pv_poll(list, PV_POLL_MAX, 0), -PV_ETIMEDOUT);
	CHECK_EFAULT(pv_poll(p, 2, 0));
	mini_port_unmask((uint32_t)a);
	close_pair(a, b);
}

static void send_later(void *arg) {
	mini_sleep(10 * MINI_MS);
	pv_event_send((uint64_t)arg);
}

MINI_TEST(poll_is_woken_by_another_vcpu) {
	uint64_t a, b, start;
	uint32_t list[1];

	pair(&a, &b);
	mini_port_mask((uint32_t)a);
	list[0] = (uint32_t)a;
	CHECK_EQ(mini_vcpu_start(1, send_later, (void *)b), 0);
	start = (uint64_t)pv_time();
	CHECK_EQ(pv_poll(list, 1, start + 5 * MINI_S), 0);
	CHECK((uint64_t)pv_time() - start < 4 * MINI_S);
	CHECK(mini_port_take((uint32_t)a));
	mini_vcpu_join(1);
	mini_port_unmask((uint32_t)a);
	close_pair(a, b);
}

MINI_TEST(event_with_a_child) {
	struct child c;
	uint64_t theirs, mine;
	uint32_t seen;

	child_start(&c, 0, 1);
	/* It opens a port for us; the port is not for itself to bind, nor for a third. */
	theirs = (uint64_t)CHILD(&c, event_alloc, 0, 0);
	CHECK((long)theirs > 0);
	CHECK_EQ(CHILD(&c, event_bind, PV_DOM_SELF, theirs, 0), -PV_EACCES);
	mine = (uint64_t)pv_event_bind(c.domid, theirs, 0);
	CHECK((long)mine > 0);
	CHECK_EQ(status_of(mine).remote_dom, c.domid);
	seen = mini_port_count[mine];
	CHECK_EQ(CHILD(&c, event_send, theirs), 0);
	CHECK(mini_port_wait((uint32_t)mine, &seen, mini_now() + MINI_S));
	CHECK_EQ(pv_event_send(mine), 0);
	CHECK_EQ(ORDER(&c, ORDER_COUNT, theirs), 1);
	/* Those that need a capability. */
	CHECK_EQ(CHILD(&c, event_bind_virq, PV_VIRQ_DOMAIN, 0), -PV_EPERM);
	CHECK_EQ(CHILD(&c, event_bind_virq, PV_VIRQ_CONSOLE, 0), -PV_EPERM);
	CHECK_EQ(CHILD(&c, event_bind_virq, PV_VIRQ_TRACE, 0), -PV_EPERM);
	CHECK(CHILD(&c, event_bind_virq, PV_VIRQ_DEVICE, 0) > 0);
	/* Its end leaves our port unbound, for nobody. */
	child_end(&c);
	CHECK_EQ(status_of(mine).kind, PV_PORT_UNBOUND);
	CHECK_EQ(status_of(mine).remote_dom, PV_DOM_NONE);
	CHECK_EQ(pv_event_send(mine), -PV_EBADF);
	CHECK_EQ(pv_event_close(mine), 0);
}

static volatile bool racing;

static void send_for_ever(void *arg) {
	while (racing) pv_event_send((uint64_t)arg);
}

MINI_TEST(event_send_races_with_close) {
	uint64_t a, b;

	pair(&a, &b);
	racing = true;
	CHECK_EQ(mini_vcpu_start(1, send_for_ever, (void *)b), 0);
	CHECK_EQ(mini_vcpu_start(2, send_for_ever, (void *)a), 0);
	for (int i = 0; i < 300; i++) {
		uint64_t x = a, y = b;

		close_pair(x, y);
		pair(&a, &b);
		CHECK_EQ(pv_event_send(a), 0);
		CHECK_EQ(pv_event_send(b), 0);
	}
	racing = false;
	mini_vcpu_join(1);
	mini_vcpu_join(2);
	close_pair(a, b);
}
