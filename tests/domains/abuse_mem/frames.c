/* SPDX-License-Identifier: Apache-2.0 */
/* frames: frames that are in use for something; a domain's number used again. */
#include "abuse_mem.h"

/* ---- frames that are in use for something ---- */

/* Where its own frame went does not matter to anybody else. Which: words which=N. */
ABUSE_CHILD(release_used) {
	uint64_t root = pt_new_root(), v = 0;
	struct pv_grant_entry *grants = mini_grant_entries();
	const void *const used[] = {&mini_event_page, &mini_cpu()->area, grants, mini_l4, mini_va(root)};
	uint64_t n = number("which", 0);
	struct mini_fault f;
	long rc;

	WANT(root && grants && n < COUNT(used));
	if (n == 4) WANT(pt_load(root) == 0);
	rc = pv_mem_release(PV_DOM_SELF, mini_gfn(used[n]), 1);
	WANT(rc == 1 || rc == -PV_EBUSY);
	/* Now use all of them; and take new frames, that must stay zero. */
	if (rc == 1) {
		uint64_t gfn = mini_start.memory_end >> 12;
		long got = pv_mem_populate(PV_DOM_SELF, gfn, 1, 0);

		WANT(got <= 1);
		if (got == 1) pt_map(mini_root, VA, gfn << 12, 0);
		pv_ipi(0x77, 1, 0);
		pv_event_alloc(mini_start.domid, 0);
		pv_timer_set((uint64_t)pv_time() + 1000);
		pv_yield();
		pv_event_deliver();
		for (unsigned i = 0; i < 512 && got == 1; i++)
			WANT(!mini_try_read((uint64_t *)VA + i, &v, &f) || v == 0);
	}
	return 0;
}

MINI_TEST(frame_changes_owner) {
	for (unsigned n = 0; n < 5; n++) {
		char words[16];
		struct child_options o = {.words = words};
		struct child c;

		sniprintf(words, sizeof(words), "which=%u", n);
		child_run_any(&c, "release_used", &o);
		/* It may have sawn off its own branch; no check of its own may have failed. */
		CHECK(c.end.shutdown == PV_SHUTDOWN_CRASH || c.end.shutdown_arg == 0 || c.end.shutdown_arg == 0xdead);
	}
}

static volatile uint64_t *shared_word;
static volatile bool stop_writing;
static volatile uint64_t faults_taken;

static void write_it(void *arg) {
	(void)arg;
	for (uint64_t i = 1;; i++) shared_word[i % 512] = i | 1ull << 63;
}

static void writer(void *arg) {
	struct mini_fault f;

	(void)arg;
	while (!stop_writing) {
		mini_try(&f, write_it, NULL);
		faults_taken++;
		mini_pause();
	}
}

ABUSE_CHILD(remove_while_used) {
	uint64_t *page = mini_page(), gfn = mini_gfn(page);
	struct mini_fault f;
	uint64_t v;

	shared_word = page;
	WANT(mini_vcpu_start(1, writer, NULL) == 0);
	for (unsigned turn = 0; turn < 100; turn++) {
		uint64_t before = faults_taken, other = 0x40000 + turn;
		uint64_t give_up = mini_now() + 5 * MINI_S;

		while (!*(volatile uint64_t *)(page + turn) && mini_now() < give_up) mini_pause();
		WANT(pv_mem_release(PV_DOM_SELF, gfn, 1) == 1);
		/* Probably the same frame again, elsewhere: nobody writes to it. */
		WANT(pv_mem_populate(PV_DOM_SELF, other, 1, 0) == 1);
		pt_map(mini_root, VA + turn * PV_PAGE_SIZE, other << 12, PT_W);
		for (unsigned k = 0; k < 20; k++) {
			for (unsigned i = 0; i < 512; i++) {
				WANT(mini_try_read((uint64_t *)(VA + turn * PV_PAGE_SIZE) + i, &v, &f));
				WANT(v == 0);
			}
			if (faults_taken == before) pv_yield();
		}
		while (faults_taken == before && mini_now() < give_up) pv_yield();
		WANT(faults_taken != before);
		WANT(pv_mem_release(PV_DOM_SELF, other, 1) == 1);
		WANT(!mini_try_read((void *)(VA + turn * PV_PAGE_SIZE), &v, &f));
		WANT(pv_mem_populate(PV_DOM_SELF, gfn, 1, 0) == 1);
	}
	stop_writing = true;
	pv_mem_release(PV_DOM_SELF, gfn, 1);
	mini_vcpu_join(1);
	return 0;
}

MINI_TEST(p2m_remove_then_no_access) {
	struct child_options o = {.vcpus = 2};

	child_run("remove_while_used", &o);
}

/* ---- a number used again ---- */

MINI_TEST(slot_reuse_wiped) {
	struct pv_domain_create args = {.domid = 77, .vcpus = 1, .frames_max = 16};
	struct pv_device_slot slot = {.class = PV_DEVICE_BLOCK, .param = 0x5ec7e7}, got;
	struct pv_port_status st;
	long port;

	CHECK_EQ(pv_domain_create(&args), 77);
	CHECK_EQ(pv_device_set(77, 5, &slot), 0);
	CHECK_EQ(pv_device_get(77, 5, &got), 0);
	CHECK_EQ(got.param, 0x5ec7e7);
	port = pv_event_alloc(77, 0);
	CHECK(port > 0);
	CHECK_EQ(mini_destroy_domain(77), 0);
	CHECK(pv_device_get(77, 5, &got) < 0);
	args = (struct pv_domain_create){.domid = 77, .vcpus = 1, .frames_max = 16};
	CHECK_EQ(pv_domain_create(&args), 77);
	for (unsigned i = 0; i < PV_DEVICE_SLOTS; i++) {
		memset(&got, 0xaa, sizeof(got));
		if (pv_device_get(77, i, &got) == 0) {
			CHECK_EQ(got.class, PV_DEVICE_NONE);
			CHECK_EQ(got.param, 0);
			CHECK_EQ(got.front.state, 0);
		}
	}
	struct pv_domain_info info;

	CHECK_EQ(pv_domain_info(77, &info), 0);
	CHECK_EQ(info.ports + info.grant_maps + info.frames + info.cpu_time + info.shutdown + info.caps, 0);
	/* What was offered to the first is not the second's. */
	CHECK_EQ(pv_event_status((uint64_t)port, &st), 0);
	CHECK(st.kind != PV_PORT_UNBOUND || st.remote_dom != 77);
	pv_event_close((uint64_t)port);
	CHECK_EQ(mini_destroy_domain(77), 0);
	check_audit();
}
