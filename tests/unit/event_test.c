/* SPDX-License-Identifier: Apache-2.0 */
/* event_test: ports by every number, both ends of channels, and what is told to whom.
 * Rules:   E4-E6 (event.h), pv/event.h
 * Sources: tests/unit/domain_host.c tests/unit/host.c hv/mm/frame.c hv/mm/p2m.c hv/mm/stlb.c hv/mm/stlb_pool.c hv/mm/stlb_maps.c hv/mm/stlb_fill.c hv/mm/stlb_flush.c hv/mm/stlb_audit.c hv/domain/domain.c hv/domain/sched.c hv/domain/event.c hv/domain/grant.c hv/domain/device.c hv/domain/audit.c
 */
#include "domain_host.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#define PAGE_GPA (1 * PAGE_SIZE)
#define AREA_GPA (2 * PAGE_SIZE)

static struct domain *a, *b;
static u64 at_boot;

static struct pv_event_page *page(struct domain *d) { return dh_ptr(d, PAGE_GPA); }

static struct pv_vcpu_area *area(struct domain *d, unsigned vcpu) { return d->vcpus[vcpu]->area; }

static struct domain *make(u32 caps) {
	struct domain *d = dh_domain_ram(caps, 2, 8);

	cr_assert_eq(event_pages(d, PAGE_GPA), 0);
	dh_area(d, 0, AREA_GPA);
	dh_area(d, 1, AREA_GPA + PV_VCPU_AREA_ALIGN);
	return d;
}

static void boot(void) {
	dh_boot(4, 8192);
	at_boot = frames_free();
	a = make(PV_CAP_ALL);
	b = make(0);
}

static void finish(void) {
	dh_audit();
	if (a) cr_assert_eq(dh_destroy(a), 0);
	if (b) cr_assert_eq(dh_destroy(b), 0);
	dh_audit();
	cr_assert_eq(frames_free(), at_boot);
}

static void channel(long *pa, long *pb) {
	*pa = event_alloc(a, b->id, 0);
	cr_assert_gt(*pa, 0);
	*pb = event_bind(b, a->id, *pa, 1);
	cr_assert_gt(*pb, 0);
}

/* What the guest clears when it serves vCPU v. */
static void consume(struct domain *d, unsigned v) {
	struct pv_vcpu_area *x = area(d, v);

	x->pending_any = x->port_words = 0;
	memset(x->pending, 0, sizeof(x->pending));
	memset(page(d)->pending, 0, sizeof(page(d)->pending));
}

static bool told(struct domain *d, unsigned v, u64 port, unsigned vector) {
	return area(d, v)->pending_any && bit_test(area(d, v)->pending, vector) &&
	       area(d, v)->port_words >> (port / 64) & 1;
}

static bool untold(struct domain *d, unsigned v) {
	static const u64 none[4];

	return !area(d, v)->pending_any && !area(d, v)->port_words && !memcmp(none, area(d, v)->pending, sizeof(none));
}

Test(event, send, .init = boot, .fini = finish) {
	long pa, pb;

	channel(&pa, &pb);
	cr_assert_eq(event_send(this_cpu(), a, pa), 0);
	cr_assert(bit_test(page(b)->pending, pb));
	cr_assert(told(b, 1, pb, PV_VECTOR_PORTS));
	cr_assert(untold(b, 0));
	cr_assert(untold(a, 0));
	cr_assert_eq(event_send(this_cpu(), b, pb), 0);
	cr_assert(told(a, 0, pa, PV_VECTOR_PORTS));
	/* pending already: nobody is told twice */
	area(a, 0)->pending_any = 0;
	cr_assert_eq(event_send(this_cpu(), b, pb), 0);
	cr_assert_eq(area(a, 0)->pending_any, 0);
}

Test(event, mask_and_unmask, .init = boot, .fini = finish) {
	long pa, pb;

	channel(&pa, &pb);
	bit_set(page(b)->mask, pb);
	cr_assert_eq(event_send(this_cpu(), a, pa), 0);
	cr_assert(bit_test(page(b)->pending, pb));
	cr_assert(untold(b, 1));
	cr_assert_eq(event_unmask(b, pb), 0);
	cr_assert_not(bit_test(page(b)->mask, pb));
	cr_assert(told(b, 1, pb, PV_VECTOR_PORTS));
	consume(b, 1);
	cr_assert_eq(event_unmask(b, pb), 0);
	cr_assert(untold(b, 1));
}

Test(event, other_vcpu, .init = boot, .fini = finish) {
	long pa, pb;

	channel(&pa, &pb);
	cr_assert_eq(event_set_vcpu(b, pb, 2), -PV_EINVAL);
	cr_assert_eq(event_set_vcpu(b, pb, ~0ull), -PV_EINVAL);
	cr_assert_eq(event_set_vcpu(b, pb, 0), 0);
	cr_assert_eq(event_send(this_cpu(), a, pa), 0);
	cr_assert(told(b, 0, pb, PV_VECTOR_PORTS));
	cr_assert(untold(b, 1));
	/* what is pending goes along */
	cr_assert_eq(event_set_vcpu(b, pb, 1), 0);
	cr_assert(told(b, 1, pb, PV_VECTOR_PORTS));
}

Test(event, close, .init = boot, .fini = finish) {
	struct pv_port_status s;
	long pa, pb;

	channel(&pa, &pb);
	cr_assert_eq(event_send(this_cpu(), a, pa), 0);
	cr_assert_eq(event_close(b, pb), 0);
	cr_assert_not(bit_test(page(b)->pending, pb));
	cr_assert_eq(event_close(b, pb), -PV_EBADF);
	cr_assert_eq(event_send(this_cpu(), a, pa), -PV_EBADF); /* E5: unbound again */
	cr_assert_eq(event_status(a, pa, &s), 0);
	cr_assert_eq(s.kind, PV_PORT_UNBOUND);
	cr_assert_eq(s.remote_dom, b->id);
	/* the number's next user gets nothing of it */
	consume(b, 1);
	cr_assert_eq(event_alloc(b, a->id, 1), pb);
	cr_assert_eq(event_send(this_cpu(), a, pa), -PV_EBADF);
	cr_assert(untold(b, 1));
	cr_assert_eq(event_bind(b, a->id, pa, 0), pb + 1);
	cr_assert_eq(event_send(this_cpu(), a, pa), 0);
	cr_assert(told(b, 0, pb + 1, PV_VECTOR_PORTS));
	cr_assert_eq(event_close(a, pa), 0);
	cr_assert_eq(event_send(this_cpu(), b, pb + 1), -PV_EBADF);
}

Test(event, bind_is_for_who_was_named, .init = boot, .fini = finish) {
	struct domain *c = make(0);
	long pa = event_alloc(a, b->id, 0);

	cr_assert_eq(event_bind(c, a->id, pa, 0), -PV_EACCES);
	cr_assert_eq(event_bind(b, a->id, pa + 1, 0), -PV_EBADF);
	cr_assert_eq(event_bind(b, a->id, PV_MAX_PORTS, 0), -PV_ERANGE);
	cr_assert_eq(event_bind(b, 900, pa, 0), -PV_ESRCH);
	cr_assert_eq(event_bind(b, a->id, pa, 2), -PV_EINVAL);
	cr_assert_eq(event_alloc(a, 900, 0), -PV_ESRCH);
	cr_assert_eq(event_alloc(a, PV_DOM_NONE, 0), -PV_ESRCH);
	cr_assert_gt(event_bind(b, a->id, pa, 0), 0);
	cr_assert_eq(event_bind(b, a->id, pa, 0), -PV_EBADF);
	cr_assert_eq(dh_destroy(c), 0);
}

/* to oneself: both ends in one table */
Test(event, loop, .init = boot, .fini = finish) {
	long p, q;

	dh_be(a, 0);
	p = event_alloc(a, PV_DOM_SELF, 0);
	q = event_bind(a, PV_DOM_SELF, p, 1);
	cr_assert_gt(q, 0);
	cr_assert_eq(event_send(this_cpu(), a, p), 0);
	cr_assert(told(a, 1, q, PV_VECTOR_PORTS));
	cr_assert_eq(event_close(a, p), 0);
	cr_assert_eq(event_send(this_cpu(), a, q), -PV_EBADF);
	dh_be(NULL, 0);
}

Test(event, virqs, .init = boot, .fini = finish) {
	long p = event_bind_virq(a, PV_VIRQ_DOMAIN, 1);
	struct pv_port_status s;

	cr_assert_gt(p, 0);
	cr_assert_eq(event_bind_virq(a, PV_VIRQ_DOMAIN, 1), -PV_EEXIST);
	cr_assert_eq(event_bind_virq(a, PV_VIRQ_COUNT, 1), -PV_EINVAL);
	cr_assert_eq(event_bind_virq(a, ~0ull, 1), -PV_EINVAL);
	cr_assert_eq(event_bind_virq(b, PV_VIRQ_DOMAIN, 0), -PV_EPERM);
	cr_assert_eq(event_bind_virq(b, PV_VIRQ_CONSOLE, 0), -PV_EPERM);
	cr_assert_gt(event_bind_virq(b, PV_VIRQ_DEVICE, 0), 0);
	domain_shutdown(b, PV_SHUTDOWN_POWEROFF, 0);
	cr_assert(told(a, 1, p, PV_VECTOR_PORTS));
	cr_assert_eq(event_status(a, p, &s), 0);
	cr_assert_eq(s.kind, PV_PORT_VIRQ);
	cr_assert_eq(s.irq, PV_VIRQ_DOMAIN);
	cr_assert_eq(event_send(this_cpu(), a, p), -PV_EBADF);
	cr_assert_eq(event_close(a, p), 0);
	virq_raise_all(PV_VIRQ_DOMAIN);
	cr_assert_gt(event_bind_virq(a, PV_VIRQ_DOMAIN, 0), 0);
}

Test(event, pirqs, .init = boot, .fini = finish) {
	u16 bound = 0;
	long p = event_bind_irq(a, PV_PORT_PIRQ, 77, 0, &bound);

	cr_assert_gt(p, 0);
	event_raise_irq(a, p, PV_PORT_PIRQ, 77);
	cr_assert(told(a, 0, p, PV_VECTOR_PORTS));
	event_raise_irq(a, p, PV_PORT_PIRQ, 78);
	event_raise_irq(a, p + 1, PV_PORT_PIRQ, 77);
	event_raise_irq(a, ~0u, PV_PORT_PIRQ, 77);
	cr_assert_eq(event_close(a, p), 0);
	cr_assert_eq(dh_pirq_unbound, 77);
}

/* port_limits   (XSA-317, 221, 338, 342)
 * Try:  allocate until it fails; then every operation on every number up to 2^32.  Want: the end is found, and what
 * is beyond it, or was never set up, is refused. */
Test(event, port_limits, .init = boot, .fini = finish) {
	static const u64 numbers[] = {0, 4095, 4096, 4097, 1u << 16, 1ull << 31, 1ull << 32, 1ull << 52, ~0ull};
	struct pv_domain_create args = dh_args(0, 1, 8);
	struct pv_port_status s;
	struct domain *c;
	long last = 0, p;

	while ((p = event_alloc(a, b->id, 0)) > 0) last = p;
	cr_assert_eq(p, -PV_ENOSPC);
	cr_assert_eq(last, PV_MAX_PORTS - 1);
	cr_assert_eq(a->ports.used, PV_MAX_PORTS - 1);
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
		u64 n = numbers[i];

		if (n == 4095) continue;
		for (unsigned k = 0; k < 2; k++) {
			struct domain *d = k ? a : b;
			u32 poll = n;

			cr_assert_lt(event_send(this_cpu(), d, n), 0);
			cr_assert_lt(event_close(d, n), 0);
			cr_assert_lt(event_unmask(d, n), 0);
			cr_assert_lt(event_set_vcpu(d, n, 0), 0);
			cr_assert_lt(event_bind(d, b->id, n, 0), 0);
			cr_assert(n == 0 || event_status(d, n, &s) == -PV_ERANGE);
			if (poll == 0 || poll >= PV_MAX_PORTS) cr_assert_eq(event_any_pending(d, &poll, 1), -PV_ERANGE);
		}
	}
	cr_assert_eq(event_close(a, 2000), 0);
	cr_assert_eq(event_alloc(a, b->id, 0), 2000);
	args.ports_max = 3;
	cr_assert_eq(domain_create(&args, 0, &c), 0);
	cr_assert_eq(event_alloc(c, a->id, 0), -PV_EBADF); /* no page yet */
	cr_assert_eq(domain_populate(c, 1, 1, 0), 1);
	cr_assert_eq(event_pages(c, PAGE_GPA + 8), -PV_EINVAL);
	cr_assert_eq(event_pages(c, 5 * PAGE_SIZE), -PV_EFAULT);
	cr_assert_eq(event_pages(c, ~0ull << PAGE_SHIFT), -PV_EFAULT);
	cr_assert_eq(event_alloc(c, a->id, 0), -PV_EBADF);
	cr_assert_eq(event_pages(c, PAGE_GPA), 0);
	cr_assert_eq(event_pages(c, PAGE_GPA), -PV_EEXIST);
	cr_assert_eq(event_alloc(c, a->id, 0), 1);
	cr_assert_eq(event_alloc(c, a->id, 0), 2);
	cr_assert_eq(event_alloc(c, a->id, 0), -PV_ENOSPC);
	cr_assert_eq(dh_destroy(c), 0);
}

Test(event, death_of_an_end, .init = boot, .fini = finish) {
	struct pv_port_status s;
	long pa, pb, unused;
	u32 id = b->id;

	channel(&pa, &pb);
	unused = event_alloc(a, id, 0);
	cr_assert_eq(dh_destroy(b), 0);
	b = NULL;
	cr_assert_eq(event_send(this_cpu(), a, pa), -PV_EBADF);
	/* neither port lets the number's next owner in */
	for (long p = pa; p; p = p == pa ? unused : 0) {
		cr_assert_eq(event_status(a, p, &s), 0);
		cr_assert_eq(s.kind, PV_PORT_UNBOUND);
		cr_assert_eq(s.remote_dom, PV_DOM_NONE);
	}
}

Test(event, poll, .init = boot, .fini = finish) {
	struct vcpu *v = a->vcpus[0];
	long pa, pb;
	u32 ports[2];

	channel(&pa, &pb);
	ports[0] = 5;
	ports[1] = pa;
	this_cpu()->cur = v;
	v->on_cpu = true;
	bit_set(page(a)->mask, pa);
	cr_assert_eq(event_poll(ports, 2, 0), -PV_ETIMEDOUT);
	cr_assert_eq(event_send(this_cpu(), b, pb), 0);
	cr_assert_eq(event_poll(ports, 2, PV_TIME_NEVER), 1); /* masked, but polled */
	ports[0] = 0;
	cr_assert_eq(event_poll(ports, 2, PV_TIME_NEVER), -PV_ERANGE);
	ports[0] = 5;
	consume(a, 0);
	cr_assert_eq(a->poll_mask, 0);
	/* interrupts off: other events do not end it */
	area(a, 0)->pending_any = 1;
	area(a, 0)->vif = 0;
	cr_assert_eq(event_poll(ports, 2, PV_TIME_NEVER), 0);
	cr_assert_eq(v->state, VCPU_BLOCKED);
	this_cpu()->cur = NULL;
	vcpu_wake(v);
	cr_assert_eq(v->state, VCPU_RUNNABLE);
	cr_assert_eq(a->poll_mask, 0);
	/* a port does, masked or not */
	this_cpu()->cur = v;
	cr_assert_eq(event_poll(ports, 2, PV_TIME_NEVER), 0);
	cr_assert_eq(v->state, VCPU_BLOCKED);
	cr_assert_eq(event_send(this_cpu(), b, pb), 0);
	cr_assert_eq(v->state, VCPU_RUNNABLE);
	cr_assert_eq(event_poll(ports, 2, PV_TIME_NEVER), 1);
	this_cpu()->cur = NULL;
	v->on_cpu = false;
}

/* 4 CPUs send, close, rebind and move the ports of two domains at random.  Want: tables that agree at the end. */
static void *chaos(void *cpu) {
	host_be((unsigned)(u64)cpu);
	for (unsigned i = 0; i < 20000 * ((u64)cpu + 1); i++) (void)dh_random();
	for (unsigned i = 0; i < 4000; i++) {
		struct domain *x = dh_random() % 2 ? a : b, *y = dh_random() % 2 ? a : b;
		u64 port = 1 + dh_random() % 12;

		switch (dh_random() % 8) {
		case 0: (void)event_alloc(x, y->id, dh_random() % 2); break;
		case 1: (void)event_bind(x, y->id, port, dh_random() % 2); break;
		case 2: (void)event_close(x, port); break;
		case 3: (void)event_set_vcpu(x, port, dh_random() % 2); break;
		case 4: (void)event_unmask(x, port); break;
		default: (void)event_send(this_cpu(), x, port);
		}
		host_poll();
	}
	host_halt();
	return NULL;
}

Test(event, send_close_rebind_stress, .init = boot, .fini = finish, .timeout = 120) {
	pthread_t t[4];

	host_threaded = true;
	for (u64 i = 0; i < 4; i++) pthread_create(&t[i], NULL, chaos, (void *)i);
	for (unsigned i = 0; i < 4; i++) pthread_join(t[i], NULL);
	host_threaded = false;
	host_be(0);
	dh_audit(); /* pairs name each other */
}
