/* SPDX-License-Identifier: Apache-2.0 */
/* t_domain: domain_*, host_info, nop, and what domains without capabilities are refused. */
#include "domtest.h"

#include <stdio.h>

static struct pv_domain_info info_of(uint64_t domid) {
	struct pv_domain_info i;

	memset(&i, 0xff, sizeof(i));
	CHECK_EQ(pv_domain_info(domid, &i), 0);
	CHECK_EQ(i.reserved[0], 0);
	CHECK(i.frames <= i.frames_high && i.shadow <= i.shadow_high);
	CHECK(i.ports <= i.ports_high && i.ports_high <= i.ports_max);
	CHECK(i.grant_maps <= i.grant_maps_high && i.grant_maps_high <= i.grant_maps_max);
	return i;
}

static uint32_t empty_domain(void) {
	struct pv_domain_create a = {.vcpus = 2, .frames_max = 64, .name = "empty"};
	long d = pv_domain_create(&a);

	CHECK(d > 0);
	CHECK_EQ(a.domid, d);
	return (uint32_t)d;
}

MINI_TEST(nop_and_numbers) {
	CHECK_EQ(pv_nop(), 0);
	CHECK_EQ(pv_hypercall(PV_HYPERCALL_MAX, 0, 0, 0, 0, 0), -PV_ENOSYS);
	CHECK_EQ(pv_hypercall(PV_HYPERCALL_MAX - 1, 0, 0, 0, 0, 0), -PV_ENOSYS);
	CHECK_EQ(pv_hypercall(12, 0, 0, 0, 0, 0), -PV_ENOSYS);
	CHECK_EQ(pv_hypercall(14, 0, 0, 0, 0, 0), -PV_ENOSYS);
	CHECK_EQ(pv_hypercall(1ull << 32, 0, 0, 0, 0, 0), -PV_ENOSYS);
	CHECK_EQ(pv_hypercall(1ull << 63, 0, 0, 0, 0, 0), -PV_ENOSYS);
	CHECK_EQ(pv_hypercall(~0ull, 0, 0, 0, 0, 0), -PV_ENOSYS);
}

/* What is others' RAM is no hole to put a device's window in. */
MINI_TEST(start_info_maps_all_ram) {
	struct pv_host_info h = {0};
	uint64_t own = 0, frames = 0;

	CHECK_EQ(pv_host_info(&h), 0);
	for (uint32_t i = 0; i < mini_start.map_count; i++) {
		const struct pv_start_map *m = &mini_start.map[i];

		own += m->type == 1 ? m->len >> PV_PAGE_SHIFT : 0;
		frames += m->type <= 2 ? m->len >> PV_PAGE_SHIFT : 0;
		for (uint32_t k = 0; k < i && m->type == 2; k++)
			CHECK(mini_start.map[k].type != 1 ||
			      m->start >= mini_start.map[k].start + mini_start.map[k].len ||
			      m->start + m->len <= mini_start.map[k].start);
	}
	CHECK(own < h.total_frames);
	CHECK(frames >= h.total_frames);
}

MINI_TEST(host_info_tells) {
	struct pv_host_info h;

	memset(&h, 0xff, sizeof(h));
	CHECK_EQ(pv_host_info(&h), 0);
	CHECK_EQ(h.abi, PV_ABI_VERSION);
	CHECK_EQ(h.hypercalls, PV_HYPERCALL_MAX);
	CHECK(h.cpus >= 1 && h.cpus <= 64);
	CHECK(h.tsc_khz > 1000);
	CHECK(h.free_frames <= h.total_frames);
	CHECK(memchr(h.version, 0, sizeof(h.version)) && h.version[0]);
	CHECK_EQ(h.reserved0 | h.reserved[0] | h.reserved[1] | h.reserved[2] | h.reserved[3] | h.reserved[4], 0);
	CHECK_EFAULT_OUT(pv_host_info(p));
	CHECK_EQ(pv_host_info((void *)page_before_hole()), -PV_EFAULT);
	CHECK_EQ(pv_host_info((void *)(page_before_hole() - 118)), -PV_EFAULT);
	CHECK_EQ(pv_host_info((void *)(page_before_hole() - 119)), 0);
}

/* What is neither free nor a domain's is ring 0's: its image alone is some. */
MINI_TEST(host_info_counts_ring0_frames) {
	struct pv_host_info h = {0};

	CHECK_EQ(pv_host_info(&h), 0);
	CHECK(h.free_frames + info_of(PV_DOM_SELF).frames < h.total_frames);
}

MINI_TEST(domain_create_and_destroy) {
	uint32_t d = empty_domain();
	struct pv_domain_info i = info_of(d);

	CHECK_EQ(i.domid, d);
	CHECK_EQ(i.state, PV_DOMAIN_BUILDING);
	CHECK_EQ(i.vcpus, 2);
	CHECK_EQ(i.vcpus_up, 0);
	CHECK_EQ(i.caps, 0);
	CHECK_EQ(i.weight, PV_WEIGHT_DEFAULT);
	CHECK_EQ(i.frames, 0);
	CHECK_EQ(i.frames_max, 64);
	CHECK(i.shadow_max >= PV_SHADOW_PAGES_MIN + 16);
	CHECK(strcmp(i.name, "empty") == 0);
	CHECK_EQ(mini_destroy_domain(d), 0);
	CHECK_EQ(pv_domain_info(d, &i), -PV_ESRCH);
	CHECK_EQ(pv_domain_destroy(d), -PV_ESRCH);
	CHECK_EQ(pv_domain_pause(d), -PV_ESRCH);
	check_audit();
}

MINI_TEST(domain_create_wanted_number) {
	struct pv_domain_create a = {.domid = 77, .vcpus = 1, .frames_max = 1}, b = a;

	CHECK_EQ(pv_domain_create(&a), 77);
	CHECK_EQ(pv_domain_create(&b), -PV_EEXIST);
	CHECK_EQ(mini_destroy_domain(77), 0);
	CHECK_EQ(pv_domain_create(&b), 77);
	CHECK_EQ(mini_destroy_domain(77), 0);
}

static long create_with(size_t offset, size_t size, uint64_t value) {
	struct pv_domain_create a = {.vcpus = 1, .frames_max = 16};
	long d;

	memcpy((char *)&a + offset, &value, size);
	d = pv_domain_create(&a);
	if (d > 0) mini_destroy_domain((uint32_t)d);
	return d;
}
#define CREATE_WITH(field, value) \
	create_with(offsetof(struct pv_domain_create, field), sizeof(((struct pv_domain_create *)0)->field), value)

MINI_TEST(domain_create_errors) {
	static const uint32_t big[] = {0x80000000, 0xffffffff, 0x7ffffff0};

	CHECK_EQ(CREATE_WITH(vcpus, 0), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(vcpus, PV_MAX_VCPUS + 1), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(domid, PV_MAX_DOMAINS), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(domid, PV_DOM_SELF), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(frames_max, PV_MAX_GFN + 1), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(frames_max, ~0ull), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(shadow_pages, 1), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(shadow_pages, PV_SHADOW_PAGES_MIN + 7), -PV_EINVAL);
	CHECK(CREATE_WITH(shadow_pages, PV_SHADOW_PAGES_MIN + 8) > 0);
	CHECK_EQ(CREATE_WITH(ports_max, PV_MAX_PORTS + 1), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(weight, PV_WEIGHT_MAX + 1), -PV_EINVAL);
	CHECK(CREATE_WITH(weight, PV_WEIGHT_MAX) > 0);
	CHECK_EQ(CREATE_WITH(cap_percent, 6401), -PV_EINVAL);
	CHECK(CREATE_WITH(cap_percent, 6400) > 0);
	CHECK_EQ(CREATE_WITH(reserved[0], 1), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(reserved[1], 1ull << 63), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(name[31], 1), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(name[0], '\n'), -PV_EINVAL);
	CHECK_EQ(CREATE_WITH(name[0], 0x80), -PV_EINVAL);
	CHECK(CREATE_WITH(name[0], 'x') > 0);
	CHECK_EQ(CREATE_WITH(caps, PV_CAP_ALL + 1), -PV_EPERM); /* not a subset of ours */
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(CREATE_WITH(vcpus, big[i]), -PV_EINVAL);
		CHECK_EQ(CREATE_WITH(domid, big[i]), -PV_EINVAL);
		CHECK_EQ(CREATE_WITH(ports_max, big[i]), -PV_EINVAL);
		CHECK_EQ(CREATE_WITH(grant_maps_max, big[i]), -PV_EINVAL);
		CHECK_EQ(CREATE_WITH(weight, big[i]), -PV_EINVAL);
		CHECK_EQ(CREATE_WITH(cap_percent, big[i]), -PV_EINVAL);
		/* A pool that the machine does not have: refused, nothing left behind. */
		CHECK_EQ(CREATE_WITH(shadow_pages, big[i]), -PV_ENOMEM);
	}
	CHECK_EFAULT(pv_domain_create(p));
	check_audit();
}

MINI_TEST(domain_numbers_that_are_none) {
	struct pv_domain_info i;
	struct pv_vcpu_start s = {0};
	struct pv_sched_params q = {.cap_percent = ~0u};

	CHECK_NO_DOMAIN(pv_domain_destroy(d), -PV_ESRCH);
	CHECK_NO_DOMAIN(pv_domain_pause(d), -PV_ESRCH);
	CHECK_NO_DOMAIN(pv_domain_unpause(d), -PV_ESRCH);
	CHECK_NO_DOMAIN(pv_domain_info(d, &i), -PV_ESRCH);
	CHECK_NO_DOMAIN(pv_domain_vcpu_init(d, 0, &s), -PV_ESRCH);
	CHECK_NO_DOMAIN(pv_domain_sched(d, 0, &q, 0), -PV_ESRCH);
	CHECK_NO_DOMAIN(pv_domain_limits(d, 0, 0), -PV_ESRCH);
	CHECK_NO_DOMAIN(pv_domain_caps(d, 0), -PV_ESRCH);
	CHECK_NO_DOMAIN(pv_domain_shutdown(d, PV_SHUTDOWN_POWEROFF, 0), -PV_ESRCH);
	CHECK_NO_DOMAIN(pv_domain_eretu(d, 0), -PV_ESRCH);
}

MINI_TEST(domain_next_walks_all) {
	uint32_t a = empty_domain(), b = empty_domain(), n = 0;
	struct pv_domain_info i = {0};
	uint64_t after = ~0ull;

	while (pv_domain_next(after, &i) == 0) {
		CHECK(after == ~0ull || i.domid > after);
		after = i.domid;
		n++;
	}
	CHECK_EQ(n, 3);
	CHECK(after == a || after == b);
	CHECK_EQ(pv_domain_next(after, &i), -PV_ENOENT);
	CHECK_EQ(pv_domain_next(PV_MAX_DOMAINS - 1, &i), -PV_ENOENT);
	CHECK_EQ(pv_domain_next(PV_MAX_DOMAINS, &i), -PV_EINVAL);
	CHECK_EQ(pv_domain_next(1ull << 32, &i), -PV_EINVAL);
	CHECK_EQ(pv_domain_next(~0ull - 1, &i), -PV_EINVAL);
	CHECK_EFAULT_OUT(pv_domain_next(~0ull, p));
	CHECK_EFAULT_OUT(pv_domain_info(a, p));
	CHECK_EQ(mini_destroy_domain(a), 0);
	CHECK_EQ(mini_destroy_domain(b), 0);
}

MINI_TEST(domain_vcpu_init_errors) {
	uint32_t d = empty_domain();
	struct pv_vcpu_start s = {.ip = 0x1000}, t;

	CHECK_EQ(pv_domain_vcpu_init(d, 0, &s), 0); /* a builder's ip is anywhere */
	CHECK_EQ(pv_domain_vcpu_init(d, 1, &s), 0);
	CHECK_EQ(pv_domain_vcpu_init(d, 2, &s), -PV_ENOENT);
	CHECK_EQ(pv_domain_vcpu_init(d, 64, &s), -PV_ENOENT);
	CHECK_EQ(pv_domain_vcpu_init(d, ~0ull, &s), -PV_ENOENT);
	for (unsigned i = 0; i < 3; i++) {
		t = s;
		t.reserved[i] = 1ull << 40;
		CHECK_EQ(pv_domain_vcpu_init(d, 0, &t), -PV_EINVAL);
	}
	t = s;
	t.ip = 1ull << 47;
	CHECK_EQ(pv_domain_vcpu_init(d, 0, &t), -PV_EINVAL);
	t = s;
	t.gs_base = 1ull << 47;
	CHECK_EQ(pv_domain_vcpu_init(d, 0, &t), -PV_EINVAL);
	t = s;
	t.root = ~0ull;
	CHECK_EQ(pv_domain_vcpu_init(d, 0, &t), -PV_EINVAL);
	CHECK_EFAULT(pv_domain_vcpu_init(d, 0, p));
	CHECK_EQ(pv_domain_vcpu_init(PV_DOM_SELF, 3, &s), -PV_EBUSY); /* not building */
	CHECK_EQ(mini_destroy_domain(d), 0);
}

/* A domain without memory is started: it ends, and only it. */
MINI_TEST(domain_without_memory_crashes) {
	struct pv_vcpu_start s = {.ip = 0xffffffff80000000, .root = 0x5000};
	struct child c = {.domid = empty_domain()};
	struct pv_domain_info i;

	CHECK_EQ(pv_domain_vcpu_init(c.domid, 0, &s), 0);
	CHECK_EQ(pv_domain_unpause(c.domid), 0);
	CHECK(child_shut(&c, &i));
	CHECK_EQ(i.shutdown, PV_SHUTDOWN_CRASH);
	CHECK_EQ(i.shutdown_arg, PV_CRASH_BAD_ROOT);
	CHECK_EQ(mini_destroy_domain(c.domid), 0);
}

/* Its first fault comes before it has a handler. */
MINI_TEST(domain_without_handler_crashes) {
	struct pv_vcpu_start s = {.ip = 0xffffffff80000000, .root = 0x5000};
	struct child c = {.domid = empty_domain()};
	struct pv_domain_info i;

	CHECK_EQ(pv_mem_populate(c.domid, 0, 16, 0), 16);
	CHECK_EQ(pv_domain_vcpu_init(c.domid, 0, &s), 0);
	CHECK_EQ(pv_domain_unpause(c.domid), 0);
	CHECK(child_shut(&c, &i));
	CHECK_EQ(i.shutdown, PV_SHUTDOWN_CRASH);
	CHECK_EQ(i.shutdown_arg, PV_CRASH_NO_HANDLER);
	CHECK_EQ(i.crash_ip, 0xffffffff80000000);
	CHECK_EQ(mini_destroy_domain(c.domid), 0);
	check_audit();
}

MINI_TEST(domain_double_fault_crashes) {
	struct pv_domain_info i;
	struct child c;

	child_start(&c, 0, 1);
	child_send(&c, ORDER_CRASH, 0, 0);
	CHECK(child_shut(&c, &i));
	CHECK_EQ(i.shutdown, PV_SHUTDOWN_CRASH);
	CHECK_EQ(i.shutdown_arg, PV_CRASH_DOUBLE_FAULT);
	child_end(&c);
}

MINI_TEST(domain_pause_nests) {
	struct child c;
	uint64_t a, b;

	child_start(&c, 0, 2);
	CHECK_EQ(ORDER(&c, ORDER_UP, 1), 0);
	CHECK_EQ(info_of(c.domid).state, PV_DOMAIN_RUNNING);
	CHECK_EQ(pv_domain_pause(c.domid), 0);
	CHECK_EQ(info_of(c.domid).state, PV_DOMAIN_PAUSED);
	child_get(&c, 8, &a, 8);
	mini_sleep(20 * MINI_MS);
	child_get(&c, 8, &b, 8);
	CHECK_EQ(a, b); /* it stands still */
	CHECK_EQ(pv_domain_pause(c.domid), 0);
	CHECK_EQ(pv_domain_unpause(c.domid), 0);
	CHECK_EQ(info_of(c.domid).state, PV_DOMAIN_PAUSED);
	CHECK_EQ(pv_domain_unpause(c.domid), 0);
	CHECK_EQ(info_of(c.domid).state, PV_DOMAIN_RUNNING);
	CHECK_EQ(pv_domain_unpause(c.domid), -PV_EBADF);
	CHECK_EQ(CHILD(&c, nop), 0);
	for (uint64_t end = mini_now() + 5 * MINI_S; a <= b && mini_now() < end;) {
		mini_sleep(MINI_MS);
		child_get(&c, 8, &a, 8);
	}
	CHECK(a > b);
	child_end(&c);
}

MINI_TEST(domain_shutdown_from_outside) {
	struct pv_domain_info i;
	struct child c;

	child_start(&c, 0, 1);
	CHECK_EQ(pv_domain_shutdown(c.domid, PV_SHUTDOWN_NONE, 0), -PV_EINVAL);
	CHECK_EQ(pv_domain_shutdown(c.domid, PV_SHUTDOWN_WATCHDOG + 1, 0), -PV_EINVAL);
	CHECK_EQ(pv_domain_shutdown(c.domid, 1ull << 32 | 1, 0), -PV_EINVAL);
	CHECK_EQ(pv_domain_shutdown(c.domid, ~0ull, 0), -PV_EINVAL);
	CHECK_EQ(pv_domain_shutdown(c.domid, PV_SHUTDOWN_WATCHDOG, 5), 0);
	CHECK(child_shut(&c, &i));
	CHECK_EQ(i.shutdown, PV_SHUTDOWN_WATCHDOG);
	CHECK_EQ(i.shutdown_arg, 5);
	CHECK_EQ(pv_domain_shutdown(c.domid, PV_SHUTDOWN_POWEROFF, 6), 0); /* the first reason stays */
	CHECK_EQ(info_of(c.domid).shutdown_arg, 5);
	child_end(&c);
}

MINI_TEST(domain_start_and_end_raise_the_virq) {
	long port = pv_event_bind_virq(PV_VIRQ_DOMAIN, 0);
	struct child c;
	uint32_t seen;

	CHECK(port > 0);
	seen = mini_port_count[port];
	child_start(&c, 0, 1);
	CHECK(mini_port_count[port] != seen);
	seen = mini_port_count[port];
	CHECK_EQ(pv_domain_shutdown(c.domid, PV_SHUTDOWN_POWEROFF, 0), 0);
	CHECK(mini_port_wait((uint32_t)port, &seen, mini_now() + 2 * MINI_S));
	child_end(&c);
	CHECK(mini_port_wait((uint32_t)port, &seen, mini_now() + 2 * MINI_S) || true);
	CHECK_EQ(pv_event_close((uint64_t)port), 0);
}

MINI_TEST(domain_destroy_itself_is_refused) {
	CHECK_EQ(pv_domain_destroy(0), -PV_EINVAL);
	CHECK_EQ(pv_domain_destroy(PV_DOM_SELF), -PV_EINVAL);
}

MINI_TEST(domain_destroy_running) {
	struct child c;

	for (int i = 0; i < 4; i++) {
		child_start(&c, 0, 4);
		for (uint64_t v = 1; v < 4; v++) CHECK_EQ(ORDER(&c, ORDER_UP, v), 0);
		child_send(&c, ORDER_SPIN, 0, 0);
		child_end(&c);
	}
	check_audit();
}

MINI_TEST(domain_sched_params) {
	uint32_t d = empty_domain();
	struct pv_sched_params q = {.weight = 100, .cap_percent = 50};

	CHECK_EQ(pv_domain_sched(d, ~0ull, &q, 0), 0);
	CHECK_EQ(info_of(d).weight, 100);
	CHECK_EQ(info_of(d).cap_percent, 50);
	q = (struct pv_sched_params){.weight = 0, .cap_percent = ~0u};
	CHECK_EQ(pv_domain_sched(d, 0, &q, 0), 0);
	CHECK_EQ(info_of(d).weight, 100);
	CHECK_EQ(info_of(d).cap_percent, 50);
	q.affinity = 1;
	CHECK_EQ(pv_domain_sched(d, 1, &q, 0), 0);
	CHECK_EQ(pv_domain_sched(d, ~0ull, &q, 0), 0);
	q.affinity = 1ull << 63; /* no such CPU: none is left */
	CHECK_EQ(pv_domain_sched(d, 0, &q, 0), -PV_EINVAL);
	q.affinity = 0;
	CHECK_EQ(pv_domain_sched(d, 2, &q, 0), -PV_ENOENT);
	CHECK_EQ(pv_domain_sched(d, 1ull << 32, &q, 0), -PV_ENOENT);
	CHECK_EQ(pv_domain_sched(d, 0, &q, 1), -PV_EINVAL);
	q.weight = PV_WEIGHT_MAX + 1;
	CHECK_EQ(pv_domain_sched(d, 0, &q, 0), -PV_EINVAL);
	q = (struct pv_sched_params){.cap_percent = 6401};
	CHECK_EQ(pv_domain_sched(d, 0, &q, 0), -PV_EINVAL);
	CHECK_EFAULT(pv_domain_sched(d, 0, p, 0));
	CHECK_EQ(mini_destroy_domain(d), 0);
}

/* Also of a vCPU that runs alone, with no timer set: the cap comes while it spins. What it takes too much because QEMU
 * itself waits for a CPU it owes in the next look. */
MINI_TEST(domain_cap_is_kept) {
	struct pv_sched_params q = {.cap_percent = 20};
	uint64_t start, used;
	struct child c;

	child_start(&c, 0, 1);
	child_send(&c, ORDER_SPIN, 0, 0);
	used = info_of(c.domid).cpu_time;
	WAIT_FOR(info_of(c.domid).cpu_time > used + 20 * MINI_MS, 5000);
	CHECK_EQ(pv_domain_sched(c.domid, ~0ull, &q, 0), 0);
	for (int i = 0; i < 3; i++) {
		start = mini_now();
		used = info_of(c.domid).cpu_time;
		mini_sleep(400 * MINI_MS);
		used = info_of(c.domid).cpu_time - used;
		start = mini_now() - start;
		if (used < start / 2) break;
	}
	mini_printk("cap of 20 %%: took %u %%\n", (unsigned)(used * 100 / start));
	CHECK(used < start / 2);
	child_end(&c);
}

MINI_TEST(domain_limits) {
	uint32_t d = empty_domain();

	CHECK_EQ(pv_domain_limits(d, 32, 0), 0);
	CHECK_EQ(info_of(d).frames_max, 32);
	CHECK_EQ(pv_domain_limits(d, 0, 0), 0);
	CHECK_EQ(info_of(d).frames_max, 32);
	CHECK_EQ(pv_domain_limits(d, 0, PV_SHADOW_PAGES_MIN + 16), 0);
	CHECK_EQ(info_of(d).shadow_max, PV_SHADOW_PAGES_MIN + 16);
	CHECK_EQ(pv_domain_limits(d, 0, PV_SHADOW_PAGES_MIN + 15), -PV_EINVAL);
	CHECK_EQ(pv_domain_limits(d, 0, 1), -PV_EINVAL);
	CHECK_EQ(pv_domain_limits(d, PV_MAX_GFN + 1, 0), -PV_EINVAL);
	CHECK_EQ(pv_domain_limits(d, ~0ull, 0), -PV_EINVAL);
	CHECK_EQ(pv_domain_limits(d, 64, 1ull << 40), -PV_ENOMEM);
	CHECK_EQ(info_of(d).frames_max, 32); /* all or nothing */
	CHECK_EQ(pv_domain_limits(d, 0, ~0ull), -PV_ENOMEM);
	CHECK_EQ(mini_destroy_domain(d), 0);
	check_audit();
}

/* The pool shrinks to the minimum and grows under a domain that runs. */
MINI_TEST(domain_pool_resized_while_running) {
	struct child c;

	child_start(&c, 0, 1);
	for (int i = 0; i < 10; i++) {
		long rc = pv_domain_limits(c.domid, 0, PV_SHADOW_PAGES_MIN + 8);

		CHECK(rc == 0 || rc == -PV_EBUSY);
		CHECK_EQ(CHILD(&c, nop), 0);
		CHECK_EQ(pv_domain_limits(c.domid, 0, 100), 0);
		CHECK_EQ(CHILD(&c, flush, 0, 0, ~0ull, PV_FLUSH_KERNEL), 0);
	}
	child_end(&c);
	check_audit();
}

MINI_TEST(domain_caps_are_a_subset) {
	struct child c;

	child_start(&c, PV_CAP_DOMAIN, 1);
	CHECK_EQ(pv_domain_caps(c.domid, PV_CAP_ALL + 1), -PV_EINVAL);
	CHECK_EQ(pv_domain_caps(c.domid, 1ull << 32), -PV_EINVAL);
	CHECK_EQ(pv_domain_caps(c.domid, ~0ull), -PV_EINVAL);
	/* It has PV_CAP_DOMAIN, and no more to give, to itself or another. */
	CHECK_EQ(CHILD(&c, domain_caps, PV_DOM_SELF, PV_CAP_DOMAIN | PV_CAP_PHYS), -PV_EPERM);
	CHECK_EQ(CHILD(&c, domain_caps, PV_DOM_SELF, PV_CAP_ALL), -PV_EPERM);
	struct pv_domain_create a = {.vcpus = 1, .frames_max = 1, .caps = PV_CAP_MEMORY};

	child_put(&c, 0, &a, sizeof(a));
	CHECK_EQ(CHILD(&c, domain_create, child_data(&c, 0)), -PV_EPERM);
	CHECK_EQ(pv_domain_caps(c.domid, PV_CAP_DOMAIN | PV_CAP_TRACE), 0);
	CHECK_EQ(info_of(c.domid).caps, PV_CAP_DOMAIN | PV_CAP_TRACE);
	CHECK_EQ(CHILD(&c, trace_mask, 0) >= 0, true);
	CHECK_EQ(pv_domain_caps(c.domid, 0), 0);
	CHECK_EQ(CHILD(&c, trace_mask, 0), -PV_EPERM);
	CHECK_EQ(CHILD(&c, domain_pause, 0), -PV_EPERM);
	child_end(&c);
}

/* The capability column of hypercalls.def. */
MINI_TEST(refused_without_capabilities) {
	static const uint32_t caps[] = {0, PV_CAP_DOMAIN, PV_CAP_MEMORY, PV_CAP_DEVICE, PV_CAP_TRACE};

	for (unsigned i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		struct child c;
		long bad;
		uint64_t first = 0;

		child_start(&c, caps[i], 1);
		bad = ORDER(&c, ORDER_REFUSED);
		CHECK_EQ(mem_copy(c.domid, PV_MEM_COPY_READ, c.box + offsetof(struct child_box, value), &first, 8), 8);
		if (bad) mini_printk("caps %#x: hypercall %u is not refused\n", (unsigned)caps[i], (unsigned)first);
		CHECK_EQ(bad, 0);
		/* And those that look further than the column. */
		if (!(caps[i] & PV_CAP_DOMAIN)) CHECK_EQ(CHILD(&c, domain_info, 0, child_data(&c, 0)), -PV_EPERM);
		CHECK_EQ(CHILD(&c, domain_info, PV_DOM_SELF, child_data(&c, 0)), 0);
		if (!(caps[i] & PV_CAP_TRACE)) CHECK_EQ(CHILD(&c, perf_read, 0, ~0ull, child_data(&c, 0)), -PV_EPERM);
		if (!(caps[i] & PV_CAP_MEMORY)) CHECK_EQ(CHILD(&c, mem_query, 0, 1), -PV_EPERM);
		child_end(&c);
	}
}

MINI_TEST(domain_eretu_errors) {
	uint32_t d = empty_domain();

	CHECK_EQ(pv_domain_eretu(d, 0), 0);
	CHECK_EQ(pv_domain_eretu(d, 0xffffffff80000000), 0);
	CHECK_EQ(pv_domain_eretu(d, 0x400000), -PV_EINVAL);
	CHECK_EQ(pv_domain_eretu(d, 1ull << 47), -PV_EINVAL);
	CHECK_EQ(pv_domain_eretu(d, 0xffff800000000000), -PV_EINVAL);
	CHECK_EQ(mini_destroy_domain(d), 0);
}

/* Every hypercall, each argument with every hostile value, from a domain without rights and from one with
 * some: only documented results, and ring 0's counts agree at the end. */
static void sweep(uint32_t caps) {
	static const uint8_t not_these[] = {PV_NR_eretu,           PV_NR_erets,        PV_NR_vcpu_area,
					    PV_NR_event_entry,     PV_NR_root_load,    PV_NR_mem_release,
					    PV_NR_block,           PV_NR_poll,         PV_NR_shutdown,
					    PV_NR_vcpu_down,       PV_NR_mem_copy,     PV_NR_domain_destroy,
					    PV_NR_domain_shutdown, PV_NR_domain_pause, PV_NR_domain_caps,
					    PV_NR_console_write,   PV_NR_audit};
	struct child c;

	child_start(&c, caps, 1);
	for (uint64_t nr = 0; nr < PV_HYPERCALL_MAX; nr++) {
		bool leave = memchr(not_these, (int)nr, sizeof(not_these)) != NULL;
		long rc = leave ? 0 : ORDER(&c, ORDER_SWEEP, nr);

		if (rc > 0) mini_printk("hypercall %u\n", (unsigned)nr);
		CHECK(rc <= 0);
	}
	child_end(&c);
	check_audit();
}

MINI_TEST(sweep_without_rights) { sweep(0); }

MINI_TEST(sweep_with_trace_and_device) { sweep(PV_CAP_TRACE | PV_CAP_DEVICE); }
