/* SPDX-License-Identifier: Apache-2.0 */
/* t_device: device_*, and of phys_* what needs no device. */
#include "domtest.h"

static const struct pv_device_slot a_slot = {.class = PV_DEVICE_CONTROL, .back_dom = 0, .param = 77};

MINI_TEST(device_slots) {
	struct pv_device_slot s = a_slot, got;
	struct pv_device_side side = {.state = PV_DEV_READY, .grant = 5, .port = 6, .features = 7};
	struct child c;
	uint64_t va;

	child_start(&c, 0, 1);
	va = child_data(&c, 0);
	CHECK_EQ(pv_device_set(c.domid, 3, &s), 0);
	CHECK_EQ(pv_device_set(c.domid, 3, &s), -PV_EEXIST);
	CHECK_EQ(pv_device_set(c.domid, PV_DEVICE_SLOTS, &s), -PV_EINVAL);
	CHECK_EQ(pv_device_set(c.domid, ~0ull, &s), -PV_EINVAL);
	CHECK_EFAULT(pv_device_set(c.domid, 4, p));
	s.back_dom = 999;
	CHECK_EQ(pv_device_set(c.domid, 4, &s), -PV_ESRCH);
	s = a_slot;
	s.class = PV_DEVICE_CONTROL + 1;
	CHECK_EQ(pv_device_set(c.domid, 4, &s), -PV_EINVAL);
	s = a_slot;
	s.front.state = PV_DEV_INIT;
	CHECK_EQ(pv_device_set(c.domid, 4, &s), -PV_EINVAL);
	CHECK_NO_DOMAIN(pv_device_set(d, 3, &a_slot), -PV_ESRCH);
	/* Each side writes its half. */
	CHECK_EQ(pv_device_update(c.domid, 3, &side), 0);
	CHECK_EQ(pv_device_get(c.domid, 3, &got), 0);
	CHECK_EQ(got.back.state, PV_DEV_READY);
	CHECK_EQ(got.back.features, 7);
	CHECK_EQ(got.back.serial, 1);
	CHECK_EQ(got.front.state, PV_DEV_CLOSED);
	CHECK_EQ(got.param, 77);
	child_put(&c, 0, &side, sizeof(side));
	CHECK_EQ(CHILD(&c, device_update, PV_DOM_SELF, 3, va), 0);
	CHECK_EQ(CHILD(&c, device_update, PV_DOM_SELF, 4, va), -PV_ENOENT);
	CHECK_EQ(CHILD(&c, device_update, PV_DOM_SELF, PV_DEVICE_SLOTS, va), -PV_EINVAL);
	CHECK_EQ(CHILD(&c, device_update, 0, 3, va), -PV_EACCES);
	CHECK_EQ(CHILD(&c, device_get, 0, 3, va), -PV_EACCES);
	CHECK_EQ(CHILD(&c, device_get, PV_DOM_SELF, 3, va), 0);
	CHECK_EQ(CHILD(&c, device_get, PV_DOM_SELF, PV_DEVICE_SLOTS, va), -PV_EINVAL);
	side.state = PV_DEV_CLOSING + 1;
	CHECK_EQ(pv_device_update(c.domid, 3, &side), -PV_EINVAL);
	CHECK_EFAULT(pv_device_update(c.domid, 3, p));
	CHECK_EFAULT_OUT(pv_device_get(c.domid, 3, p));
	CHECK_NO_DOMAIN(pv_device_get(d, 3, &got), -PV_ESRCH);
	s = (struct pv_device_slot){0};
	CHECK_EQ(pv_device_set(c.domid, 3, &s), 0);
	CHECK_EQ(pv_device_set(c.domid, 3, &s), -PV_ENOENT);
	child_end(&c);
}

MINI_TEST(device_changes_raise_the_virq) {
	struct pv_device_slot s = a_slot;
	struct child c;
	long port;

	child_start(&c, 0, 1);
	port = ORDER(&c, ORDER_VIRQ, PV_VIRQ_DEVICE);
	CHECK(port > 0);
	CHECK_EQ(ORDER(&c, ORDER_COUNT, port), 0);
	CHECK_EQ(pv_device_set(c.domid, 0, &s), 0);
	CHECK(ORDER(&c, ORDER_COUNT, port) > 0);
	child_end(&c);
}

MINI_TEST(phys_memory_refuses_ram) {
	struct child c;

	child_start(&c, 0, 1);
	/* RAM: dom0's own, ring 0's, free; and the interrupt controllers. */
	CHECK_EQ(pv_phys_memory(c.domid, 0x50000, mini_root >> 12, 1, 1), -PV_EACCES);
	CHECK_EQ(pv_phys_memory(c.domid, 0x50000, 0x200, 1, 1), -PV_EACCES);
	CHECK_EQ(pv_phys_memory(c.domid, 0x50000, 0xfee00, 1, 1), -PV_EACCES);
	CHECK_EQ(pv_phys_memory(c.domid, 0x50000, 0xfec00, 1, 1), -PV_EACCES);
	CHECK_EQ(pv_phys_memory(c.domid, 0x50000, 0xfed00, 1, 1), 1);
	CHECK_EQ(pv_phys_memory(c.domid, 0x50000, 0xfed00, 1, 1), -PV_EEXIST);
	CHECK_EQ(pv_mem_query(c.domid, 0x50000), PV_MEM_DEVICE);
	CHECK_EQ(pv_mem_release(c.domid, 0x50000, 1), -PV_EACCES);
	CHECK_EQ(pv_phys_memory(c.domid, 0x50000, 0, 1, 0), 1);
	CHECK_EQ(pv_phys_memory(c.domid, 0x50000, 0, 1, 0), -PV_EACCES);
	CHECK_EQ(pv_phys_memory(c.domid, 0, 0xfed00, 1, 1), -PV_EEXIST);
	CHECK_EQ(pv_phys_memory(c.domid, PV_MAX_GFN, 0xfed00, 1, 1), -PV_EINVAL);
	CHECK_EQ(pv_phys_memory(c.domid, 1, PV_MAX_GFN, 1, 1), -PV_EINVAL);
	CHECK_EQ(pv_phys_memory(c.domid, 1, 1, ~0ull, 1), -PV_EINVAL);
	CHECK_EQ(pv_phys_memory(c.domid, 1, 1, 1, 2), -PV_EINVAL);
	CHECK_NO_DOMAIN(pv_phys_memory(d, 1, 0xfed00, 1, 1), -PV_ESRCH);
	child_end(&c);
	check_audit();
}

MINI_TEST(phys_ports_and_interrupts_errors) {
	uint64_t ad[2];

	CHECK_EQ(pv_phys_ports(0, 0x10000, 1, 1), -PV_EINVAL);
	CHECK_EQ(pv_phys_ports(0, 0xffff, 2, 1), -PV_EINVAL);
	CHECK_EQ(pv_phys_ports(0, 0, ~0ull, 1), -PV_EINVAL);
	CHECK_EQ(pv_phys_ports(0, 1ull << 32, 1, 1), -PV_EINVAL);
	CHECK_EQ(pv_phys_ports(0, 0x80, 1, 2), -PV_EINVAL);
	CHECK_NO_DOMAIN(pv_phys_ports(d, 0x80, 1, 1), -PV_ESRCH);
	CHECK_EQ(pv_phys_irq_bind(0x10000, 0, 0), -PV_EINVAL);
	CHECK_EQ(pv_phys_irq_bind(5, 4, 0), -PV_EINVAL);
	CHECK_EQ(pv_phys_irq_bind(5, 0, 4), -PV_EINVAL);
	CHECK_EQ(pv_phys_irq_bind(0x1000, 0, 0), -PV_ENODEV);
	CHECK_EQ(pv_phys_irq_eoi(0), -PV_ENOENT);
	CHECK_EQ(pv_phys_irq_eoi(~0ull), -PV_ENOENT);
	CHECK_EQ(pv_phys_msi_bind(ad, 64), -PV_EINVAL);
	CHECK_EQ(pv_phys_reboot(2), -PV_EINVAL);
	CHECK_EQ(pv_phys_reboot(~0ull), -PV_EINVAL);
}

static void touch_port(void *arg) {
	uint8_t v;

	(void)arg;
	__asm__ volatile("inb $0x80, %0" : "=a"(v));
}

/* IN, then SYSCALL. */
static void check_user_port_refused(void) {
	static const uint8_t code[] = {0xe4, 0x80, 0x0f, 0x05};
	uint64_t root = mini_user_space(code, sizeof(code));
	struct mini_user u;

	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK - 8, 0);
	pt_load(root);
	mini_user_run(&u);
	pt_load(mini_root);
	CHECK_EQ(u.event_type, PV_EVENT_HWEXC);
	CHECK_EQ(u.event_vector, 13);
	CHECK_EQ(u.regs.frame.ip, MINI_USER_CODE);
	mini_user_space_free(root);
}

/* A domain's ports are its kernel's, not its programs'. */
MINI_TEST(phys_ports_for_the_kernel) {
	struct mini_fault f;

	CHECK(!mini_try(&f, touch_port, NULL));
	CHECK_EQ(f.vector, 13);
	CHECK_EQ(pv_phys_ports(0, 0x80, 1, 1), 0);
	for (int i = 0; i < 3; i++) {
		CHECK(mini_try(&f, touch_port, NULL));
		check_user_port_refused();
	}
	CHECK_EQ(pv_phys_ports(0, 0x80, 1, 0), 0);
	CHECK(!mini_try(&f, touch_port, NULL));
	check_user_port_refused();
}

MINI_TEST(phys_interrupts_bound_and_closed) {
	uint64_t ad[2] = {0, 0};
	long a = pv_phys_irq_bind(11, 3, 0), m;

	CHECK(a > 0);
	CHECK_EQ(pv_phys_irq_bind(11, 3, 0), -PV_EBUSY);
	CHECK_EQ(pv_phys_irq_eoi((uint64_t)a), 0);
	CHECK_EQ(pv_event_close((uint64_t)a), 0);
	CHECK_EQ(pv_phys_irq_eoi((uint64_t)a), -PV_ENOENT);
	for (int i = 0; i < 300; i++) { /* more than there are vectors */
		m = pv_phys_msi_bind(ad, 0);
		CHECK(m > 0);
		CHECK_EQ(ad[0] >> 20, 0xfee);
		CHECK_EQ(pv_event_close((uint64_t)m), 0);
	}
}
