/* SPDX-License-Identifier: Apache-2.0 */
/* domain_test: life of domains, their frames, and the counts that must be zero at the end.
 * Rules:   D1-D5 (domain.h), F2 (mm/frame.h)
 * Sources: tests/unit/domain_host.c tests/unit/host.c hv/mm/frame.c hv/mm/p2m.c hv/mm/stlb.c hv/mm/stlb_pool.c hv/mm/stlb_maps.c hv/mm/stlb_fill.c hv/mm/stlb_flush.c hv/mm/stlb_audit.c hv/domain/domain.c hv/domain/sched.c hv/domain/event.c hv/domain/grant.c hv/domain/device.c hv/domain/audit.c
 */
#include "domain_host.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

static u64 at_boot;

static void boot(void) {
	dh_boot(2, 8192);
	at_boot = frames_free();
}

static void finish(void) { dh_audit(); }

Test(domain, create_and_destroy, .init = boot, .fini = finish) {
	struct domain *d = dh_domain_ram(0, 4, 1200), *e;

	cr_assert_eq(domain_find(d->id), d);
	cr_assert_eq(d->frames, 1200);
	cr_assert_eq(d->vcpus[0]->state, VCPU_RUNNABLE);
	cr_assert_eq(d->vcpus[1]->state, VCPU_DOWN);
	dh_audit();
	e = dh_domain(0, 1, 10);
	cr_assert_eq(dh_destroy(d), 0);
	cr_assert_eq(dh_destroy(e), 0);
	cr_assert_eq(frames_free(), at_boot);
}

Test(domain, numbers_are_reused_late, .init = boot, .fini = finish) {
	struct domain *d = dh_domain(0, 1, 1);
	u32 first = d->id, last = first;
	struct pv_domain_create a = dh_args(0, 1, 1);

	cr_assert_eq(first, 0);
	for (unsigned i = 0; i < 1500; i++) {
		cr_assert_eq(dh_destroy(d), 0);
		cr_assert_null(domain_get_any(last));
		d = dh_domain(0, 1, 1);
		cr_assert_eq(d->id, (last + 1) % PV_MAX_DOMAINS);
		last = d->id;
	}
	a.domid = d->id;
	cr_assert_eq(domain_create(&a, 0, &d), -PV_EEXIST);
	cr_assert_eq(dh_destroy(domains[last]), 0);
	cr_assert_eq(frames_free(), at_boot);
}

Test(domain, create_checks_everything, .init = boot, .fini = finish) {
	struct pv_domain_create good = dh_args(PV_CAP_DEVICE, 2, 10), a;
	struct domain *d;

#define REFUSED(field, value, rc) \
	a = good;                 \
	a.field = (value);        \
	cr_assert_eq(domain_create(&a, PV_CAP_DEVICE, &d), (rc))
	REFUSED(caps, PV_CAP_ALL, -PV_EPERM); /* D5 */
	REFUSED(vcpus, 0, -PV_EINVAL);
	REFUSED(vcpus, PV_MAX_VCPUS + 1, -PV_EINVAL);
	REFUSED(vcpus, ~0u, -PV_EINVAL);
	REFUSED(domid, PV_MAX_DOMAINS, -PV_EINVAL);
	REFUSED(domid, PV_DOM_SELF, -PV_EINVAL);
	REFUSED(frames_max, ~0ull, -PV_EINVAL);
	REFUSED(shadow_pages, 1, -PV_EINVAL);
	REFUSED(shadow_pages, PV_SHADOW_PAGES_MIN + 15, -PV_EINVAL);
	REFUSED(shadow_pages, ~0u, -PV_ENOMEM);
	REFUSED(ports_max, PV_MAX_PORTS + 1, -PV_EINVAL);
	REFUSED(grant_maps_max, ~0u, -PV_EINVAL);
	REFUSED(weight, PV_WEIGHT_MAX + 1, -PV_EINVAL);
	REFUSED(cap_percent, ~0u, -PV_EINVAL);
	REFUSED(reserved[1], 1, -PV_EINVAL);
	REFUSED(name[0], '\n', -PV_EINVAL);
	a = good;
	memset(a.name, 'x', sizeof(a.name));
	cr_assert_eq(domain_create(&a, PV_CAP_ALL, &d), -PV_EINVAL);
	cr_assert_eq(frames_free(), at_boot);
}

Test(domain, states, .init = boot, .fini = finish) {
	struct pv_domain_create a = dh_args(0, 2, 10);
	struct domain *d;

	cr_assert_eq(domain_create(&a, 0, &d), 0);
	cr_assert_eq(d->state, PV_DOMAIN_BUILDING);
	domain_pause(d);
	cr_assert_eq(domain_unpause(d), 0);
	cr_assert_eq(d->state, PV_DOMAIN_BUILDING);
	cr_assert_eq(domain_unpause(d), 0);
	cr_assert_eq(d->state, PV_DOMAIN_RUNNING);
	cr_assert(d->vcpus[0]->run.next);
	cr_assert_eq(domain_unpause(d), -PV_EBADF);
	domain_pause(d);
	cr_assert_eq(d->state, PV_DOMAIN_PAUSED);
	cr_assert_not(d->vcpus[0]->run.next);
	cr_assert_eq(domain_unpause(d), 0);
	cr_assert(d->vcpus[0]->run.next);
	domain_shutdown(d, PV_SHUTDOWN_PANIC, 7);
	domain_shutdown(d, PV_SHUTDOWN_REBOOT, 8);
	cr_assert_eq(d->state, PV_DOMAIN_SHUT);
	cr_assert_eq(d->told.shutdown, PV_SHUTDOWN_PANIC);
	cr_assert_eq(d->told.shutdown_arg, 7);
	cr_assert_not(d->vcpus[0]->run.next);
	domain_pause(d);
	cr_assert_eq(domain_unpause(d), 0);
	cr_assert_eq(d->state, PV_DOMAIN_SHUT); /* D2: never back */
	cr_assert_eq(dh_destroy(d), 0);
}

Test(domain, dying_is_not_found, .init = boot, .fini = finish) {
	struct domain *d = dh_domain_ram(0, 1, 700), *held = domain_get(d->id);
	u32 id = d->id;

	cr_assert_eq(held, d);
	held = domain_get_any(id); /* the destroyer's */
	for (unsigned i = 0; i < 10; i++)
		cr_assert_eq(domain_destroy(d), -PV_EAGAIN); /* an operation holds it: it waits */
	cr_assert_null(domain_find(id));
	cr_assert_null(domain_get(id));
	cr_assert_eq(d->frames, 700);
	domain_put(d);
	domain_put(held);
	cr_assert_eq(dh_destroy(d), 0);
	cr_assert_null(domain_get_any(id));
	cr_assert_eq(frames_free(), at_boot);
}

/* A domain whose frames were far from each other leaves tables: a call looks at some of them only. */
Test(domain, tables_end_in_pieces, .init = boot, .fini = finish) {
	struct domain *d = dh_domain(0, 1, 2), *held;
	unsigned calls = 0;

	for (u64 g = 0; g < 30; g++) {
		cr_assert_eq(domain_populate(d, g * RUN_FRAMES * 512, 1, 0), 1);
		cr_assert_eq(domain_release(d, g * RUN_FRAMES * 512, 1, false), 1);
	}
	cr_assert_geq(d->p2m.tables, 60);
	held = domain_get_any(d->id);
	while (domain_destroy(d) == -PV_EAGAIN) calls++;
	domain_put(held);
	cr_assert_geq(calls, 60, "a table's 512 entries are a call's work");
	cr_assert_eq(frames_free(), at_boot);
}

/* Whoever has mapped something of a domain's is told that it goes, which it cannot do before they have let go. */
Test(domain, its_end_is_told_at_once, .init = boot, .fini = finish) {
	struct domain *c = dh_domain_ram(PV_CAP_DOMAIN, 1, 10), *d = dh_domain_ram(0, 1, 10), *held;
	struct pv_event_page *page = dh_ptr(c, 6 * PAGE_SIZE);
	long port;

	cr_assert_eq(event_pages(c, 6 * PAGE_SIZE), 0);
	port = event_bind_virq(c, PV_VIRQ_DOMAIN, 0);
	cr_assert_gt(port, 0);
	held = domain_get_any(d->id);
	cr_assert_eq(page->pending[port / 64] >> port % 64 & 1, 0);
	cr_assert_eq(domain_destroy(d), -PV_EAGAIN);
	cr_assert_eq(page->pending[port / 64] >> port % 64 & 1, 1);
	domain_put(held);
	cr_assert_eq(dh_destroy(d), 0);
	cr_assert_eq(dh_destroy(c), 0);
	cr_assert_eq(frames_free(), at_boot);
}

Test(domain, not_its_own_end, .init = boot) {
	struct domain *d = dh_domain(0, 1, 1);

	dh_be(d, 0);
	cr_assert_eq(domain_find(PV_DOM_SELF), d);
	cr_assert_eq(domain_destroy(d), -PV_EINVAL);
}

Test(domain, populate, .init = boot, .fini = finish) {
	struct domain *d = dh_domain(0, 1, 1500);
	u64 e;

	cr_assert_eq(domain_populate(d, 0, 0, 0), 0);
	cr_assert_eq(domain_populate(d, 0, 1, 2), -PV_EINVAL);
	cr_assert_eq(domain_populate(d, PV_MAX_GFN, 1, 0), -PV_EINVAL);
	cr_assert_eq(domain_populate(d, PV_MAX_GFN - 1, 2, 0), -PV_EINVAL);
	cr_assert_eq(domain_populate(d, ~0ull, ~0ull, 0), -PV_EINVAL);
	cr_assert_eq(domain_populate(d, 512, 2000, 0), MEM_BATCH);
	e = p2m_find(&d->p2m, GFN(600));
	cr_assert(e & P2M_BIG);
	cr_assert_eq(domain_populate(d, 100, 600, 0), 412); /* up to what is there */
	cr_assert_eq(domain_populate(d, 512, 1, 0), -PV_EEXIST);
	cr_assert_eq(d->frames, 924);
	cr_assert_eq(domain_populate(d, 5000, 600, 0), MEM_BATCH);
	cr_assert_eq(domain_populate(d, 6000, 600, PV_MEM_POPULATE_RO), 1500 - 924 - 512);
	cr_assert_eq(domain_populate(d, 7000, 1, 0), -PV_ENOMEM);
	cr_assert_eq(p2m_kind(p2m_find(&d->p2m, GFN(6000))), PV_MEM_RAM_RO);
	cr_assert_eq(d->frames, 1500);
	dh_audit();
	cr_assert_eq(dh_destroy(d), 0);
	cr_assert_eq(frames_free(), at_boot);
}

Test(domain, release, .init = boot, .fini = finish) {
	struct domain *d = dh_domain_ram(0, 1, 1100);

	cr_assert_eq(domain_release(d, 2000, 5, false), -PV_ENOENT);
	cr_assert_eq(domain_release(d, PV_MAX_GFN, 1, false), -PV_EINVAL);
	cr_assert_eq(domain_release(d, 0, ~0ull, false), -PV_EINVAL);
	cr_assert_eq(domain_release(d, 1, 0, false), 0);
	cr_assert_eq(domain_release(d, 1090, 500, false), 10);
	cr_assert_eq(domain_release(d, 100, 1, false), 1); /* out of a 2 MiB leaf */
	cr_assert_eq(domain_release(d, 100, 1, false), -PV_ENOENT);
	cr_assert_eq(domain_release(d, 90, 20, false), 10);
	cr_assert_eq(domain_release(d, 512, 10000, false), MEM_BATCH);
	cr_assert_eq(d->frames, 1100 - 10 - 1 - 10 - 512);
	dh_audit();
	cr_assert_eq(dh_destroy(d), 0);
	cr_assert_eq(frames_free(), at_boot);
}

/* What was in use at most is remembered, also when it is no longer. */
Test(domain, high_water, .init = boot, .fini = finish) {
	struct domain *d = dh_domain_ram(0, 1, 1100);
	struct pv_domain_info info;
	long port;

	cr_assert_eq(domain_release(d, 600, 400, false), 400);
	domain_info(d, &info);
	cr_assert_eq(info.frames, 700);
	cr_assert_eq(info.frames_high, 1100);
	cr_assert_eq(domain_populate(d, 600, 10, 0), 10);
	d->frames_max = 710;
	cr_assert_eq(domain_populate(d, 700, 100, 0), -PV_ENOMEM);
	domain_info(d, &info);
	cr_assert_eq(info.frames, 710);
	cr_assert_eq(info.frames_high, 1100);
	cr_assert_eq(domain_populate(d, 5000, 1, 0), -PV_ENOMEM);
	cr_assert_eq(event_pages(d, 0), 0);
	port = event_alloc(d, d->id, 0);
	cr_assert_gt(port, 0);
	cr_assert_eq(event_close(d, (u64)port), 0);
	domain_info(d, &info);
	cr_assert_eq(info.ports, 0);
	cr_assert_eq(info.ports_high, 1);
	cr_assert_eq(info.ports_max, d->ports.max);
	cr_assert_eq(dh_destroy(d), 0);
	cr_assert_eq(frames_free(), at_boot);
}

/* frame_changes_owner   Rules F2, D4
 * Try:  release frames that are registered.  Want: out of the guest's reach, and not free until unregistered. */
Test(domain, registered_frames_outlive_release, .init = boot, .fini = finish) {
	struct domain *d = dh_domain_ram(0, 1, 100);
	mfn_t m;

	dh_area(d, 0, 5 * PAGE_SIZE);
	cr_assert_eq(event_pages(d, 6 * PAGE_SIZE), 0);
	cr_assert_eq(grant_table_set(d, 7 * PAGE_SIZE, 2), 0);
	m = d->vcpus[0]->area_mfn;
	cr_assert_eq(domain_release(d, 5, 4, false), 4);
	cr_assert_eq(frame_of(m)->refs, 1);
	cr_assert_eq(frame_of(m)->use, FRAME_GUEST);
	cr_assert_eq(p2m_find(&d->p2m, GFN(5)), 0);
	dh_audit();
	cr_assert_eq(domain_populate(d, 5, 4, 0), -PV_ENOMEM, "they are its own as long");
	d->frames_max += 4;
	cr_assert_eq(domain_populate(d, 5, 4, 0), 4);
	cr_assert_eq(dh_destroy(d), 0);
	cr_assert_eq(frames_free(), at_boot);
}

Test(domain, devices_are_not_released, .init = boot, .fini = finish) {
	struct domain *d = dh_domain_ram(0, 1, 10);

	cr_assert_eq(p2m_add(d, GFN(10), MFN(100000), 0, PV_MEM_DEVICE), 0);
	cr_assert_eq(domain_release(d, 8, 5, false), 2);
	cr_assert_eq(domain_release(d, 10, 1, false), -PV_EACCES);
	cr_assert_eq(domain_release(d, 1, 1, true), -PV_EACCES);
	cr_assert_eq(domain_release(d, 3000, 1, true), -PV_EACCES);
	cr_assert_eq(domain_release(d, 10, 2, true), 1);
	cr_assert_eq(domain_release(d, 10, 1, true), -PV_EACCES);
	cr_assert_eq(d->frames, 8);
	dh_audit();
	cr_assert_eq(dh_destroy(d), 0);
	cr_assert_eq(frames_free(), at_boot);
}

/* refcounts_balance_under_faults   Rules F2, D4
 * Try:  each operation with memory for n pages, n from 0 to enough.  Want: what a failure had taken is back. */
static void balance(long (*op)(void), void (*undo)(void)) {
	u64 before = frames_free();
	long rc = -1;

	for (u64 n = 0; rc < 0; n++) {
		cr_assert_lt(n, 3000);
		dh_drain(n);
		rc = op();
		if (rc < 0) cr_assert_eq(frames_free(), n, "memory for %lu: %lu left, error %ld", n, frames_free(), rc);
		dh_refill();
		if (rc < 0) cr_assert_eq(frames_free(), before);
	}
	undo();
	cr_assert_eq(frames_free(), before);
}

static struct domain *fd, *ge;

static long op_create(void) {
	struct pv_domain_create a = dh_args(0, 3, 100);

	return domain_create(&a, 0, &fd);
}

static void undo_create(void) { cr_assert_eq(dh_destroy(fd), 0); }

Test(domain, refcounts_balance_under_faults, .init = boot, .fini = finish) {
	balance(op_create, undo_create);
	dh_machine_fails = true;
	cr_assert_eq(op_create(), -PV_ENOMEM);
	dh_machine_fails = false;
	cr_assert_eq(frames_free(), at_boot);
}

/* Table pages of the P2M and of ports may stay: they belong to the domain and go with it. So the sum is checked
 * by destroying after each failure. */
static long whole_life(void) {
	struct pv_domain_create a = dh_args(0, 1, 2000);
	struct pv_grant_map map = {.ref = 3, .gfn = 1 << 20};
	struct pv_grant_entry *table;
	long rc, port;

	rc = domain_create(&a, 0, &fd);
	if (rc) return rc;
	a.domid = 0;
	rc = domain_create(&a, 0, &ge);
	if (rc) goto out_one;
	rc = domain_populate(fd, 0, 40, 0) == 40 ? 0 : -1;
	if (!rc) rc = domain_populate(ge, 1 << 19, 40, 0) == 40 ? 0 : -1;
	if (!rc) rc = event_pages(fd, PAGE_SIZE);
	if (!rc) rc = event_pages(ge, (1ull << 31) + PAGE_SIZE);
	if (!rc) rc = (port = event_alloc(fd, ge->id, 0)) < 0 ? port : 0;
	if (!rc) rc = (port = event_bind(ge, fd->id, port, 0)) < 0 ? port : 0;
	if (!rc) rc = grant_table_set(fd, 2 * PAGE_SIZE, 30);
	if (!rc) {
		table = dh_ptr(fd, 2 * PAGE_SIZE);
		table[3] = (struct pv_grant_entry){.flags = PV_GRANT_VALID, .domid = ge->id, .gfn = 39};
		map.domid = fd->id;
		dh_grant(grant_map, ge, &map);
		rc = map.status;
	}
	dh_destroy(fd);
	dh_destroy(ge);
	return rc;
out_one:
	dh_destroy(fd);
	return rc;
}

static void nothing(void) {}

Test(domain, whole_life_under_faults, .init = boot, .fini = finish) {
	balance(whole_life, nothing);
	cr_assert_eq(frames_free(), at_boot);
}

/* no_leak_in_out_structs: every byte of what goes out is defined, padding too. */
Test(domain, no_leak_in_out_structs, .init = boot, .fini = finish) {
	struct domain *d = dh_domain_ram(0, 1, 10);
	struct pv_domain_info i1, i2;
	struct pv_port_status s1, s2;
	struct pv_device_slot t1, t2;

	memset(&i1, 0x55, sizeof(i1));
	memset(&i2, 0xaa, sizeof(i2));
	domain_info(d, &i1);
	domain_info(d, &i2);
	i1.cpu_time = i2.cpu_time;
	cr_assert_arr_eq(&i1, &i2, sizeof(i1));
	cr_assert_eq(event_pages(d, 0), 0);
	for (long port = event_alloc(d, d->id, 0); port >= 0; port--) {
		memset(&s1, 0x55, sizeof(s1));
		memset(&s2, 0xaa, sizeof(s2));
		cr_assert_eq(event_status(d, port, &s1), 0);
		cr_assert_eq(event_status(d, port, &s2), 0);
		cr_assert_arr_eq(&s1, &s2, sizeof(s1));
	}
	memset(&s1, 0x55, sizeof(s1));
	cr_assert_eq(event_status(d, ~0ull, &s1), -PV_ERANGE);
	cr_assert_eq(s1.kind | s1.irq | s1.reserved[2], 0);
	memset(&t1, 0x55, sizeof(t1));
	memset(&t2, 0xaa, sizeof(t2));
	cr_assert_eq(device_get(d, d, 3, &t1), 0);
	cr_assert_eq(device_get(d, d, 3, &t2), 0);
	cr_assert_arr_eq(&t1, &t2, sizeof(t1));
	cr_assert_eq(dh_destroy(d), 0);
}

/* As the CPU reads the map: all of [port, port + bytes). */
static bool ports_allowed(struct domain *d, u32 port, u32 bytes) {
	for (u32 p = port; p < port + bytes; p++)
		if (!d->io || p >= IO_PORTS || bit_test(d->io, p)) return false;
	return true;
}

Test(domain, ports_of_the_machine, .init = boot, .fini = finish) {
	struct domain *d = dh_domain(0, 1, 1);

	cr_assert_not(ports_allowed(d, 0x3f8, 1));
	cr_assert_eq(io_ports_set(d, 0x3f8, 8, true), 0);
	cr_assert(ports_allowed(d, 0x3f8, 4));
	cr_assert_not(ports_allowed(d, 0x3f6, 4));
	cr_assert_not(ports_allowed(d, 0x3fe, 4));
	cr_assert_not(ports_allowed(d, 0xffff, 2));
	cr_assert_eq(io_ports_set(d, 0xffff, 2, true), -PV_EINVAL);
	cr_assert_eq(io_ports_set(d, ~0ull, 2, true), -PV_EINVAL);
	cr_assert_eq(io_ports_set(d, 0, IO_PORTS, true), 0);
	cr_assert(ports_allowed(d, 0xfffc, 4));
	cr_assert_eq(io_ports_set(d, 0x70, 2, false), 0);
	cr_assert_not(ports_allowed(d, 0x70, 1));
	cr_assert_eq(dh_destroy(d), 0);
	cr_assert_eq(frames_free(), at_boot);
}

/* preempt_everywhere   Rules D1, D4
 * Try:  two CPUs destroy a domain at once while others look it up, give it frames, take some, pause it and ask for
 * its state.  Want: each operation is whole or refused, nothing is left, and the number is free once. */
static u32 target;
static bool gone;

static void *meddler(void *arg) {
	struct pv_domain_info info;
	u64 cpu = (u64)arg;

	host_be(cpu);
	for (unsigned i = 0; !atomic_load(&gone) || i < 50; i++) {
		struct domain *d = i % 5 ? domain_get(target) : domain_get_any(target);

		host_poll();
		if (!d) continue;
		if (i % 5 == 0) {
			domain_info(d, &info);
			cr_assert_eq(info.domid, target);
		} else if (i % 5 == 1) {
			(void)domain_populate(d, i * 64, 64, 0);
		} else if (i % 5 == 2) {
			(void)domain_release(d, (i - 1) * 64, 64, false);
		} else if (i % 5 == 3) {
			domain_pause(d);
			(void)domain_unpause(d);
		} else {
			(void)io_ports_set(d, i % 100, 8, true);
		}
		domain_put(d);
	}
	host_halt();
	return NULL;
}

static void *destroyer(void *arg) {
	struct domain *d;

	host_be((u64)arg);
	while ((d = domain_get_any(target))) {
		int rc = domain_destroy(d);

		domain_put(d);
		cr_assert(rc == 0 || rc == -PV_EAGAIN);
		host_poll();
	}
	atomic_store(&gone, true);
	host_halt();
	return NULL;
}

static void boot_four(void) {
	dh_boot(4, 8192);
	at_boot = frames_free();
}

Test(domain, preempt_everywhere, .init = boot_four, .fini = finish, .timeout = 300) {
	pthread_t t[4];

	for (unsigned round = 0; round < 8; round++) {
		struct domain *d = dh_domain_ram(0, 2, 2000);

		target = d->id;
		d->frames_max = 4000;
		gone = false;
		host_threaded = true;
		for (u64 i = 0; i < 4; i++) pthread_create(&t[i], NULL, i < 2 ? meddler : destroyer, (void *)i);
		for (unsigned i = 0; i < 4; i++) pthread_join(t[i], NULL);
		host_threaded = false;
		host_be(0);
		cr_assert_null(domain_get_any(target));
		cr_assert_eq(frames_free(), at_boot);
	}
}
