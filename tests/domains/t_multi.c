/* SPDX-License-Identifier: Apache-2.0 */
/* t_multi: multi. */
#include "domtest.h"

MINI_TEST(multi_does_all) {
	uint64_t before = (uint64_t)pv_time();
	struct pv_domain_info info;
	struct pv_multi m[5] = {{.nr = PV_NR_nop, .result = 5},
				{.nr = PV_NR_time},
				{.nr = PV_NR_domain_info, .args = {PV_DOM_SELF, (uint64_t)&info}},
				{.nr = PV_NR_event_send, .args = {PV_MAX_PORTS}},
				{.nr = 1ull << 40}};
	long n = 0;

	info.domid = 99;
	while (n < 5) {
		long k = pv_multi(m + n, (uint64_t)(5 - n));

		CHECK(k > 0);
		n += k;
	}
	CHECK_EQ(n, 5);
	CHECK_EQ(m[0].result, 0);
	CHECK((uint64_t)m[1].result >= before);
	CHECK_EQ(m[2].result, 0);
	CHECK_EQ(info.domid, mini_start.domid);
	CHECK_EQ(m[3].result, -PV_ERANGE);
	CHECK_EQ(m[4].result, -PV_ENOSYS);
}

MINI_TEST(multi_refuses_what_leaves) {
	static const uint64_t nrs[] = {PV_NR_eretu, PV_NR_erets, PV_NR_block, PV_NR_poll, PV_NR_multi, PV_NR_yield};

	for (unsigned i = 0; i < 6; i++) {
		struct pv_multi m = {.nr = nrs[i], .result = 1};

		CHECK_EQ(pv_multi(&m, 1), 1);
		CHECK_EQ(m.result, -PV_EINVAL);
	}
}

MINI_TEST(multi_errors) {
	static struct pv_multi m[PV_MULTI_MAX + 1];
	char *end = page_before_hole() + 1;
	struct pv_multi *last = (struct pv_multi *)(end - sizeof(*last));

	CHECK_EQ(pv_multi(m, 0), 0);
	CHECK_EQ(pv_multi(NULL, 0), 0);
	CHECK_EQ(pv_multi(m, PV_MULTI_MAX + 1), -PV_E2BIG);
	CHECK_EQ(pv_multi(m, 1ull << 58), -PV_E2BIG);
	CHECK_EQ(pv_multi(m, ~0ull), -PV_E2BIG);
	CHECK_EFAULT_OUT(pv_multi(p, 2));
	/* The second one is not there: the first is done. */
	memset(last, 0, sizeof(*last));
	last->result = 9;
	CHECK_EQ(pv_multi(last, 2), 1);
	CHECK_EQ(last->result, 0);
	m[0].args[5] = 1;
	CHECK_EQ(pv_multi(m, 1), 1);
	CHECK_EQ(m[0].result, -PV_EINVAL);
	m[0].args[5] = 0;
	for (long n = 0; n < PV_MULTI_MAX;) {
		long k = pv_multi(m + n, (uint64_t)(PV_MULTI_MAX - n));

		CHECK(k > 0);
		n += k;
	}
}

/* Rights are asked for each entry. */
MINI_TEST(multi_gives_no_rights) {
	struct pv_multi m = {.nr = PV_NR_domain_pause, .args = {0}};
	struct child c;

	child_start(&c, 0, 1);
	child_put(&c, 0, &m, sizeof(m));
	CHECK_EQ(CHILD(&c, multi, child_data(&c, 0), 1), 1);
	child_get(&c, 0, &m, sizeof(m));
	CHECK_EQ(m.result, -PV_EPERM);
	child_end(&c);
}
/* The word behind the program's file name is in every test program's command line (run.sh). */
MINI_TEST(command_line_arrives) { CHECK(strncmp(mini_cmdline, "domtest", 7) == 0); }

/* An interrupt that comes while a batch is worked on does not wait for its end. */
MINI_TEST(multi_stops_for_interrupts) {
	static struct pv_multi m[PV_MULTI_MAX];
	static uint64_t ldt[512]; /* slots that are empty, each of which is looked at */
	uint32_t before = mini_vector_count[PV_VECTOR_TIMER];
	unsigned stopped = 0;

	for (unsigned i = 0; i < PV_MULTI_MAX; i++)
		m[i] = (struct pv_multi){.nr = PV_NR_ldt_set, .args = {(uint64_t)ldt, 512}};
	/* Something else may stop it before the timer does. */
	for (unsigned turn = 0; turn < 100 && !(stopped && mini_vector_count[PV_VECTOR_TIMER] != before); turn++) {
		mini_irq_disable();
		CHECK_EQ(pv_timer_set((uint64_t)pv_time() + 100 * MINI_US), 0);
		stopped += pv_multi(m, PV_MULTI_MAX) < PV_MULTI_MAX;
		mini_irq_enable();
	}
	CHECK(stopped);
	CHECK(mini_vector_count[PV_VECTOR_TIMER] != before);
	CHECK_EQ(pv_ldt_set(NULL, 0), 0);
}
