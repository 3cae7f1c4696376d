/* SPDX-License-Identifier: Apache-2.0 */
/* device_test: who may write what in a device directory, and what is left of it.
 * Rules:   V1-V3 (device.h)
 * Sources: tests/unit/domain_host.c tests/unit/host.c hv/mm/frame.c hv/mm/p2m.c hv/mm/stlb.c hv/mm/stlb_pool.c hv/mm/stlb_maps.c hv/mm/stlb_fill.c hv/mm/stlb_flush.c hv/mm/stlb_audit.c hv/domain/domain.c hv/domain/sched.c hv/domain/event.c hv/domain/grant.c hv/domain/device.c hv/domain/audit.c
 */
#include "domain_host.h"

#include <criterion/criterion.h>
#include <string.h>

static struct domain *tool, *front, *back, *other;
static u64 at_boot;

static struct domain *make(u32 caps) {
	struct domain *d = dh_domain_ram(caps, 1, 8);

	dh_area(d, 0, 2 * PAGE_SIZE);
	cr_assert_eq(event_pages(d, PAGE_SIZE), 0);
	cr_assert_gt(event_bind_virq(d, PV_VIRQ_DEVICE, 0), 0);
	return d;
}

static void boot(void) {
	dh_boot(2, 8192);
	at_boot = frames_free();
	tool = make(PV_CAP_DEVICE);
	front = make(0);
	back = make(0);
	other = make(0);
}

static void finish(void) {
	struct domain *d[] = {tool, front, back, other};

	dh_audit();
	for (unsigned i = 0; i < 4; i++)
		if (d[i]) cr_assert_eq(dh_destroy(d[i]), 0);
	cr_assert_eq(frames_free(), at_boot);
}

static bool told(struct domain *d) {
	struct pv_event_page *p = dh_ptr(d, PAGE_SIZE);
	bool was = p->pending[0];

	memset(p->pending, 0, sizeof(p->pending));
	return was;
}

static struct pv_device_slot desc(void) {
	return (struct pv_device_slot){.class = PV_DEVICE_BLOCK, .index = 1, .back_dom = back->id, .param = 99};
}

static const struct pv_device_slot *seen(u64 slot) { return front->devices + slot; }

Test(device, halves, .init = boot, .fini = finish) {
	struct pv_device_slot s = desc(), out;
	struct pv_device_side side = {.state = PV_DEV_READY, .grant = 5, .port = 6, .serial = 77, .features = 8};

	cr_assert_eq(device_set(front, 3, &s), 0);
	cr_assert(told(front));
	cr_assert(told(back));
	cr_assert_not(told(other));
	cr_assert_eq(seen(3)->class, PV_DEVICE_BLOCK);
	cr_assert_eq(seen(3)->param, 99);
	cr_assert_eq(device_set(front, 3, &s), -PV_EEXIST);
	/* V2 */
	cr_assert_eq(device_update(front, front, 3, &side), 0);
	cr_assert(told(back));
	cr_assert_not(told(front));
	cr_assert_eq(seen(3)->front.grant, 5);
	cr_assert_eq(seen(3)->front.serial, 1);
	cr_assert_eq(seen(3)->back.state, 0);
	side.state = PV_DEV_RUNNING;
	cr_assert_eq(device_update(back, front, 3, &side), 0);
	cr_assert(told(front));
	cr_assert_eq(seen(3)->front.state, PV_DEV_READY);
	cr_assert_eq(seen(3)->back.state, PV_DEV_RUNNING);
	cr_assert_eq(device_update(other, front, 3, &side), -PV_EACCES);
	cr_assert_eq(device_update(tool, front, 3, &side), -PV_EACCES);
	cr_assert_eq(device_update(front, front, 4, &side), -PV_ENOENT);
	cr_assert_eq(device_update(front, front, PV_DEVICE_SLOTS, &side), -PV_EINVAL);
	cr_assert_eq(device_update(front, front, ~0ull, &side), -PV_EINVAL);
	side.state = PV_DEV_CLOSING + 1;
	cr_assert_eq(device_update(front, front, 3, &side), -PV_EINVAL);
	/* who may read */
	cr_assert_eq(device_get(tool, front, 3, &out), 0);
	cr_assert_eq(out.back.grant, 5);
	cr_assert_eq(device_get(back, front, 3, &out), 0);
	cr_assert_eq(device_get(front, front, 63, &out), 0);
	cr_assert_eq(device_get(front, front, 64, &out), -PV_EINVAL);
	cr_assert_eq(device_get(other, front, 3, &out), -PV_EACCES);
	cr_assert_eq(out.class | out.param | out.back.grant, 0);
	cr_assert_eq(device_get(back, front, 4, &out), -PV_EACCES);
}

Test(device, set_checks, .init = boot, .fini = finish) {
	struct pv_device_slot s = desc();

	cr_assert_eq(device_set(front, PV_DEVICE_SLOTS, &s), -PV_EINVAL);
	cr_assert_eq(device_set(front, ~0ull, &s), -PV_EINVAL);
	s.class = PV_DEVICE_CONTROL + 1;
	cr_assert_eq(device_set(front, 0, &s), -PV_EINVAL);
	s = desc();
	s.front.grant = 1;
	cr_assert_eq(device_set(front, 0, &s), -PV_EINVAL);
	s = desc();
	s.back.features = 1;
	cr_assert_eq(device_set(front, 0, &s), -PV_EINVAL);
	s = desc();
	s.back_dom = 999;
	cr_assert_eq(device_set(front, 0, &s), -PV_ESRCH);
	s.back_dom = PV_DOM_NONE;
	cr_assert_eq(device_set(front, 0, &s), -PV_ESRCH);
	s = (struct pv_device_slot){0};
	cr_assert_eq(device_set(front, 0, &s), -PV_ENOENT);
	cr_assert_eq(seen(0)->class, PV_DEVICE_NONE);
	cr_assert_not(told(front));
}

/* slot_reuse_wiped   Rule V3
 * Try:  remove a slot, or end a back end or front end, then use its number again.  Want: nothing is left. */
Test(device, slot_reuse_wiped, .init = boot, .fini = finish) {
	struct pv_device_slot s = desc(), none = {0}, out;
	struct pv_device_side side = {.state = PV_DEV_READY, .grant = 5, .port = 6, .features = 8};
	u32 id = back->id;
	struct pv_domain_create a = dh_args(0, 1, 8);

	cr_assert_eq(device_set(front, 3, &s), 0);
	cr_assert_eq(device_update(front, front, 3, &side), 0);
	cr_assert_eq(device_set(front, 3, &none), 0);
	cr_assert_arr_eq(seen(3), &none, sizeof(none));
	cr_assert_eq(device_set(front, 3, &s), 0);
	cr_assert_eq(seen(3)->front.grant, 0);
	/* the back end ends */
	cr_assert_eq(device_update(back, front, 3, &side), 0);
	(void)told(front);
	cr_assert_eq(dh_destroy(back), 0);
	cr_assert(told(front));
	cr_assert_eq(seen(3)->back.state, PV_DEV_CLOSED);
	cr_assert_eq(seen(3)->back.grant | seen(3)->back.port | seen(3)->back.features, 0);
	a.domid = id;
	cr_assert_eq(domain_create(&a, 0, &back), 0);
	cr_assert_eq(back->id, id);
	cr_assert_eq(device_update(back, front, 3, &side), -PV_EACCES);
	cr_assert_eq(device_get(back, front, 3, &out), -PV_EACCES);
	/* the front end ends */
	s.back_dom = other->id;
	cr_assert_eq(device_set(front, 4, &s), 0);
	(void)told(other);
	a = dh_args(0, 1, 8);
	a.domid = front->id;
	cr_assert_eq(dh_destroy(front), 0);
	cr_assert(told(other));
	cr_assert_eq(domain_create(&a, 0, &front), 0);
	for (unsigned i = 0; i < PV_DEVICE_SLOTS; i++) {
		cr_assert_eq(device_get(front, front, i, &out), 0);
		cr_assert_arr_eq(&out, &none, sizeof(none));
	}
}

/* Flapping costs the other side no more than a bit that is set already. */
Test(device, flapping, .init = boot, .fini = finish) {
	struct pv_device_side side = {.state = PV_DEV_INIT};
	struct pv_device_slot s = desc();

	cr_assert_eq(device_set(front, 0, &s), 0);
	(void)told(back);
	for (unsigned i = 0; i < 10000; i++) cr_assert_eq(device_update(front, front, 0, &side), 0);
	cr_assert(told(back));
	cr_assert_not(told(back));
	cr_assert_eq(seen(0)->front.serial, 10000);
}
