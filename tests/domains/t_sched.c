/* SPDX-License-Identifier: Apache-2.0 */
/* t_sched: yield, block, timer_set, shutdown, vcpu_up, vcpu_down, ipi, vcpu_is_up, time. */
#include "domtest.h"

static volatile bool go_on;
static volatile uint64_t rounds[4];

static void spin(void *arg) {
	(void)arg;
	while (go_on) rounds[mini_cpu()->id]++;
}

static void doze(void *arg) {
	(void)arg;
	while (go_on) mini_sleep(MINI_MS);
}

static void up(unsigned n, void (*fn)(void *)) {
	go_on = true;
	CHECK_EQ(mini_vcpu_start(n, fn, NULL), 0);
}

static void down(unsigned n) {
	go_on = false;
	mini_vcpu_join(n);
}

MINI_TEST(yield_returns) {
	for (int i = 0; i < 100; i++) CHECK_EQ(pv_yield(), 0);
}

MINI_TEST(yield_lets_others_run) {
	uint64_t before;

	for (unsigned n = 1; n < 4; n++) up(n, spin);
	for (unsigned n = 1; n < 4; n++) {
		before = rounds[n];
		WAIT_FOR(rounds[n] != before, 5000);
	}
	go_on = false;
	for (unsigned n = 1; n < 4; n++) mini_vcpu_join(n);
}

MINI_TEST(timer_fires_once_and_not_early) {
	uint32_t before;
	uint64_t at;

	mini_irq_disable(); /* mini_sleep would use the timer */
	before = mini_vector_count[PV_VECTOR_TIMER];
	at = (uint64_t)pv_time() + 3 * MINI_MS;
	CHECK_EQ(pv_timer_set(at), 0);
	while (mini_vector_count[PV_VECTOR_TIMER] == before) {
		CHECK((uint64_t)pv_time() < at + 5 * MINI_S);
		pv_block();
		mini_irq_disable();
	}
	CHECK((uint64_t)pv_time() >= at);
	mini_irq_enable();
	CHECK_EQ(mini_vector_count[PV_VECTOR_TIMER], before + 1);
	at = (uint64_t)pv_time() + 10 * MINI_MS;
	while ((uint64_t)pv_time() < at)
		;
	CHECK_EQ(mini_vector_count[PV_VECTOR_TIMER], before + 1);
}

MINI_TEST(timer_disarm_and_past) {
	uint32_t before;
	uint64_t at, until;

	do { /* until it is in time */
		before = mini_vector_count[PV_VECTOR_TIMER];
		at = (uint64_t)pv_time() + 5 * MINI_MS;
		CHECK_EQ(pv_timer_set(at), 0);
		CHECK_EQ(pv_timer_set(PV_TIME_NEVER), 0);
	} while ((uint64_t)pv_time() >= at);
	until = (uint64_t)pv_time() + 10 * MINI_MS;
	while ((uint64_t)pv_time() < until)
		;
	CHECK_EQ(mini_vector_count[PV_VECTOR_TIMER], before);
	/* In the past: at once. */
	CHECK_EQ(pv_timer_set(1), 0);
	until = (uint64_t)pv_time() + 5 * MINI_S;
	while (mini_vector_count[PV_VECTOR_TIMER] == before && (uint64_t)pv_time() < until)
		;
	CHECK_EQ(mini_vector_count[PV_VECTOR_TIMER], before + 1);
	CHECK_EQ(pv_timer_set(0), 0);
	CHECK_EQ(pv_timer_set(PV_TIME_NEVER - 1), 0);
	CHECK_EQ(pv_timer_set(1ull << 63), 0);
	CHECK_EQ(pv_timer_set(PV_TIME_NEVER), 0);
}

MINI_TEST(block_sets_the_virtual_if) {
	uint32_t before = mini_vector_count[0x60];

	mini_irq_disable();
	CHECK_EQ(mini_ipi(0, 0x60), 0);
	CHECK_EQ(mini_vector_count[0x60], before);
	CHECK_EQ(pv_block(), 0); /* pending: does not sleep, delivers */
	CHECK_EQ(mini_vector_count[0x60], before + 1);
	CHECK(mini_irq_enabled());
}

MINI_TEST(time_is_monotonic) {
	uint64_t last = (uint64_t)pv_time();

	for (int i = 0; i < 2000; i++) {
		uint64_t now = i % 2 ? (uint64_t)pv_time() : mini_now();

		CHECK(now >= last);
		last = now;
	}
	CHECK((long)last > 0);
}

static volatile uint64_t shared_time;
static volatile bool went_back;

static void watch_time(void *arg) {
	(void)arg;
	while (go_on) {
		uint64_t seen = shared_time, now = mini_now();

		if (now < seen) went_back = true;
		shared_time = now;
	}
}

MINI_TEST(time_agrees_on_all_vcpus) {
	uint64_t end = mini_now() + 50 * MINI_MS;

	went_back = false;
	shared_time = 0;
	for (unsigned n = 1; n < 4; n++) up(n, watch_time);
	while (mini_now() < end) {
		uint64_t seen = shared_time, now = mini_now();

		CHECK(now >= seen);
	}
	go_on = false;
	for (unsigned n = 1; n < 4; n++) mini_vcpu_join(n);
	CHECK(!went_back);
}

MINI_TEST(vcpu_up_errors) {
	struct pv_vcpu_start s = {.ip = 0xffffffff80100000, .sp = 0xffffffff80200000, .root = mini_root};
	struct pv_vcpu_start t;

	CHECK_EQ(pv_vcpu_up(0, &s), -PV_EBUSY); /* it is up: we are it */
	CHECK_EQ(pv_vcpu_up(4, &s), -PV_ENOENT);
	CHECK_EQ(pv_vcpu_up(63, &s), -PV_ENOENT);
	CHECK_EQ(pv_vcpu_up(64, &s), -PV_ENOENT);
	CHECK_EQ(pv_vcpu_up(1ull << 32, &s), -PV_ENOENT);
	CHECK_EQ(pv_vcpu_up(~0ull, &s), -PV_ENOENT);
	CHECK_EFAULT(pv_vcpu_up(3, p));
	for (unsigned i = 0; i < 3; i++) {
		t = s;
		t.reserved[i] = 1;
		CHECK_EQ(pv_vcpu_up(3, &t), -PV_EINVAL);
	}
	t = s;
	t.ip = 1ull << 47;
	CHECK_EQ(pv_vcpu_up(3, &t), -PV_EINVAL);
	t = s;
	t.gs_base = 1ull << 63;
	CHECK_EQ(pv_vcpu_up(3, &t), -PV_EINVAL);
	t = s;
	t.root = PV_MAX_GFN << 12;
	CHECK_EQ(pv_vcpu_up(3, &t), -PV_EINVAL);
	CHECK_EQ(pv_vcpu_is_up(3), 0);
}

/* ip is "in the upper half, at or above PV_KERNEL_MIN": the kernel does not begin in user space. */
MINI_TEST(vcpu_up_refuses_an_ip_in_the_lower_half) {
	struct pv_vcpu_start s = {.ip = 0x400000, .root = mini_root};

	CHECK_EQ(pv_vcpu_up(3, &s), -PV_EINVAL);
	s.ip = 0xffff800000000000; /* ring 0's */
	CHECK_EQ(pv_vcpu_up(3, &s), -PV_EINVAL);
	CHECK_EQ(pv_vcpu_is_up(3), 0);
}

MINI_TEST(vcpu_is_up) {
	CHECK_EQ(pv_vcpu_is_up(0), 1);
	CHECK_EQ(pv_vcpu_is_up(2), 0);
	CHECK_EQ(pv_vcpu_is_up(4), -PV_ENOENT);
	CHECK_EQ(pv_vcpu_is_up(~0ull), -PV_ENOENT);
	for (int i = 0; i < 5; i++) {
		up(2, doze);
		CHECK_EQ(pv_vcpu_is_up(2), 1);
		CHECK_EQ(mini_vcpu_start(2, doze, NULL), -PV_EBUSY);
		down(2);
		CHECK_EQ(pv_vcpu_is_up(2), 0);
	}
}

MINI_TEST(ipi_to_another_vcpu) {
	uint32_t before = mini_vector_count[0x61];

	up(1, spin);
	mini_sleep(5 * MINI_MS);
	for (uint32_t i = 1; i <= 10; i++) {
		CHECK_EQ(mini_ipi(1, 0x61), 0);
		WAIT_FOR(mini_vector_count[0x61] == before + i, 2000);
	}
	down(1);
}

MINI_TEST(ipi_to_all) {
	uint32_t before = mini_vector_count[0x62];

	for (unsigned n = 1; n < 4; n++) up(n, doze);
	mini_sleep(20 * MINI_MS);
	CHECK_EQ(pv_ipi(0x62, ~0ull, 0), 0); /* bits of vCPUs that are not there do nothing */
	WAIT_FOR(mini_vector_count[0x62] == before + 4, 2000);
	CHECK_EQ(pv_ipi(0x62, 0, 0), 0);
	CHECK_EQ(pv_ipi(0x62, ~0xfull, 0), 0);
	mini_sleep(5 * MINI_MS);
	CHECK_EQ(mini_vector_count[0x62], before + 4);
	go_on = false;
	for (unsigned n = 1; n < 4; n++) mini_vcpu_join(n);
}

MINI_TEST(ipi_errors) {
	for (uint64_t v = 0; v < PV_VECTOR_MIN; v++) CHECK_EQ(pv_ipi(v, 1, 0), -PV_EINVAL);
	CHECK_EQ(pv_ipi(256, 1, 0), -PV_EINVAL);
	CHECK_EQ(pv_ipi(256 + 0x61, 1, 0), -PV_EINVAL);
	CHECK_EQ(pv_ipi(1ull << 32 | 0x61, 1, 0), -PV_EINVAL);
	CHECK_EQ(pv_ipi(~0ull, 1, 0), -PV_EINVAL);
	CHECK_EQ(pv_ipi(0x61, 1, 2), -PV_EINVAL);
	CHECK_EQ(pv_ipi(0x61, 1, ~0ull), -PV_EINVAL);
}

static volatile uint8_t order[4];
static volatile unsigned ordered;

static void note_order(struct pv_regs *regs) { order[ordered++ % 4] = PV_SS_GET_VECTOR(regs->frame.ss); }

MINI_TEST(ipi_highest_vector_first) {
	static const uint8_t vectors[4] = {0x40, 0xe0, 0x90, 0x3f};

	ordered = 0;
	mini_irq_disable();
	for (unsigned i = 0; i < 4; i++) {
		mini_set_vector_handler(vectors[i], note_order);
		CHECK_EQ(mini_ipi(0, vectors[i]), 0);
	}
	mini_irq_enable();
	CHECK_EQ(ordered, 4);
	CHECK(order[0] == 0xe0 && order[1] == 0x90 && order[2] == 0x40 && order[3] == 0x3f);
	for (unsigned i = 0; i < 4; i++) mini_set_vector_handler(vectors[i], NULL);
}

static volatile uint32_t nmis;
static volatile uint8_t nmi_type;

static bool on_nmi(struct pv_regs *regs) {
	nmi_type = PV_SS_GET_TYPE(regs->frame.ss);
	if (regs->frame.ss & PV_SS_NMI) nmis++;
	return true;
}

MINI_TEST(nmi_comes_through_a_cleared_if) {
	uint64_t before;

	mini_set_exception_handler(2, on_nmi);
	nmis = 0;
	mini_irq_disable();
	CHECK_EQ(pv_ipi(0, 1, 1), 0); /* vector is not looked at */
	CHECK_EQ(nmis, 1);
	CHECK_EQ(nmi_type, PV_EVENT_NMI);
	CHECK(!mini_irq_enabled());
	CHECK_EQ(pv_ipi(2, 1, 1), 0);
	CHECK_EQ(nmis, 2); /* ERETS opened the gate again */
	mini_irq_enable();
	before = rounds[1];
	up(1, spin);
	WAIT_FOR(rounds[1] != before, 5000); /* it can take an NMI by now */
	CHECK_EQ(pv_ipi(2, 2, 1), 0);
	WAIT_FOR(nmis == 3, 2000);
	down(1);
	mini_set_exception_handler(2, NULL);
}

MINI_TEST(run_state_times_add_up) {
	volatile struct pv_vcpu_area *a = &mini_cpu()->area;
	uint64_t sum[2], t[2];

	CHECK(a->run_since > 0); /* there from the area's registration on */
	for (int i = 0; i < 2; i++) {
		uint32_t v;

		do {
			v = a->run_version;
			sum[i] = a->run_time[0] + a->run_time[1] + a->run_time[2] + a->run_time[3];
			t[i] = a->run_since;
			CHECK_EQ(a->run_state, PV_RUN_RUNNING);
		} while (v & 1 || v != a->run_version);
		if (i == 0) mini_sleep(20 * MINI_MS);
	}
	CHECK(t[1] > t[0]);
	CHECK(t[1] - t[0] >= 20 * MINI_MS);
	CHECK_EQ(sum[1] - sum[0], t[1] - t[0]);
	CHECK(a->run_time[PV_RUN_BLOCKED] > 0);
}

MINI_TEST(shutdown_errors) {
	CHECK_EQ(pv_shutdown(PV_SHUTDOWN_NONE, 0), -PV_EINVAL);
	CHECK_EQ(pv_shutdown(PV_SHUTDOWN_CRASH, 0), -PV_EINVAL);
	CHECK_EQ(pv_shutdown(PV_SHUTDOWN_WATCHDOG, 0), -PV_EINVAL);
	CHECK_EQ(pv_shutdown(1ull << 32 | 1, 0), -PV_EINVAL);
	CHECK_EQ(pv_shutdown(~0ull, 0), -PV_EINVAL);
}

MINI_TEST(shutdown_of_a_child) {
	static const uint64_t reasons[] = {PV_SHUTDOWN_POWEROFF, PV_SHUTDOWN_REBOOT, PV_SHUTDOWN_SUSPEND,
					   PV_SHUTDOWN_PANIC};
	struct pv_domain_info info;
	struct child c;

	for (unsigned i = 0; i < 4; i++) {
		child_start(&c, 0, 2);
		CHECK_EQ(ORDER(&c, ORDER_UP, 1), 0);
		child_send(&c, PV_NR_shutdown, reasons[i], 77 + i);
		CHECK(child_shut(&c, &info));
		CHECK_EQ(info.shutdown, reasons[i]);
		CHECK_EQ(info.shutdown_arg, 77 + i);
		child_end(&c);
	}
}

MINI_TEST(vcpus_of_a_child_count) {
	struct child c;
	struct pv_domain_info info;
	uint64_t n[4];

	child_start(&c, 0, 4);
	for (uint64_t v = 1; v < 4; v++) CHECK_EQ(ORDER(&c, ORDER_UP, v), 0);
	WAIT_FOR((child_get(&c, 0, n, sizeof(n)), n[1] > 0 && n[2] > 0 && n[3] > 0), 5000);
	CHECK_EQ(pv_domain_info(c.domid, &info), 0);
	CHECK_EQ(info.vcpus, 4);
	CHECK_EQ(info.vcpus_up, 4);
	child_end(&c);
}

/* A vCPU that never calls ring 0 does not keep others from running. */
MINI_TEST(a_spinning_child_is_preempted) {
	struct child c[4];
	uint64_t start;

	for (int i = 0; i < 4; i++) child_start(&c[i], 0, 1);
	for (int i = 0; i < 4; i++) child_send(&c[i], ORDER_SPIN, 0, 0);
	start = mini_now();
	for (int i = 0; i < 10; i++) mini_sleep(MINI_MS);
	CHECK(mini_now() - start < 3 * MINI_S);
	for (int i = 0; i < 4; i++) child_end(&c[i]);
}

MINI_TEST(wallclock) {
	const uint64_t base = 1700000000000000000;
	struct child c;

	CHECK_EQ(pv_wallclock_set(base), 0);
	CHECK_EQ(pv_wallclock(), base);
	CHECK_EQ(pv_wallclock_set(1ull << 63), -PV_ERANGE);
	CHECK_EQ(pv_wallclock_set(~0ull), -PV_ERANGE);
	CHECK_EQ(pv_wallclock(), base);
	child_start(&c, PV_CAP_ALL & ~PV_CAP_PHYS, 1);
	CHECK_EQ(CHILD(&c, wallclock), base);
	CHECK_EQ(CHILD(&c, wallclock_set, 1), -PV_EPERM);
	CHECK_EQ(pv_wallclock(), base);
	child_end(&c);
	CHECK_EQ(pv_wallclock_set(0), 0);
	CHECK_EQ(pv_wallclock(), 0);
}
