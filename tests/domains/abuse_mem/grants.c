/* SPDX-License-Identifier: Apache-2.0 */
/* grants: grants. */
#include "abuse_mem.h"

static struct {
	uint64_t ready;
	uint32_t refs[8];
} offer, got; /* got: the child's, in the parent */

ABUSE_CHILD(granter) {
	for (unsigned i = 0; i < 8; i++) {
		uint64_t *page = mini_page();
		int ref = mini_grant(0, mini_gfn(page), i & 1);

		WANT(ref >= 0);
		*page = 0x9000 + i;
		offer.refs[i] = (uint32_t)ref;
	}
	__atomic_store_n(&offer.ready, 1, __ATOMIC_RELEASE);
	for (;;) mini_sleep(MINI_S);
}

static int32_t try_map(uint32_t domid, uint32_t ref, uint64_t gfn, uint32_t flags, uint32_t *handle) {
	struct pv_grant_map m = {.domid = domid, .ref = ref, .gfn = gfn, .flags = flags};

	if (pv_grant_map(&m, 1) != 1) return -PV_EFAULT;
	if (handle) *handle = m.handle;
	return m.status;
}

/* A child whose pages are on offer. */
static void granter_start(struct child *c) {
	memset(&got, 0, sizeof(got));
	CHECK_EQ(mini_start.domid, 0);
	CHECK_EQ(child_start(c, "granter", NULL), 0);
	for (unsigned i = 0; i < 5000 && !got.ready; i++) {
		struct pv_mem_copy op = {.domid = c->domid,
					 .gpa = (uint64_t)&offer - MINI_IMAGE,
					 .buf = (uint64_t)&got,
					 .len = sizeof(got)};

		CHECK(pv_mem_copy(&op) >= 0);
		mini_sleep(MINI_MS);
	}
	CHECK(got.ready);
}

MINI_TEST(map_gfn_alignment) {
	uint64_t free_gfn, v;
	uint32_t handle, second;
	struct child c;

	granter_start(&c);
	free_gfn = mini_gfn_alloc();
	CHECK(free_gfn);
	/* Over what is there, and beyond all there is. */
	CHECK(try_map(c.domid, got.refs[0], mini_gfn(&offer), 0, NULL) < 0);
	for (unsigned bit = 36; bit < 64; bit++)
		CHECK(try_map(c.domid, got.refs[0], free_gfn | 1ull << bit, 0, NULL) < 0);
	CHECK(try_map(c.domid, got.refs[0], ~1ull, 0, NULL) < 0);
	/* Flags, references and domains that are none. */
	for (unsigned bit = 0; bit < 32; bit++)
		if (1u << bit != PV_GRANT_RO && 1u << bit != PV_GRANT_FOREIGN)
			CHECK(try_map(c.domid, got.refs[0], free_gfn, 1u << bit, NULL) < 0);
	for (unsigned bit = 0; bit < 32; bit++) {
		CHECK(try_map(c.domid, got.refs[7] + (1u << bit), free_gfn, 0, NULL) < 0);
		CHECK(try_map(c.domid | 1u << bit, ~got.refs[0], free_gfn, 0, NULL) < 0);
	}
	/* Read-only is not to be had for writing. */
	CHECK_EQ(try_map(c.domid, got.refs[1], free_gfn, 0, NULL), -PV_EACCES);
	/* Once, twice at the same place, unmapped twice. */
	CHECK_EQ(try_map(c.domid, got.refs[0], free_gfn, 0, &handle), 0);
	CHECK(try_map(c.domid, got.refs[2], free_gfn, 0, &second) < 0);
	CHECK(mini_try_read(mini_va(free_gfn << 12), &v, NULL));
	CHECK_EQ(v, 0x9000);
	CHECK(pv_mem_release(PV_DOM_SELF, free_gfn, 1) < 0);
	for (unsigned turn = 0; turn < 3; turn++) {
		struct pv_grant_unmap u = {.handle = turn == 1 ? handle | 1u << 31 : handle, .status = 77};

		CHECK_EQ(pv_grant_unmap(&u, 1), 1);
		if (turn == 0)
			CHECK_EQ(u.status, 0);
		else
			CHECK(u.status < 0);
	}
	CHECK(!mini_try_read(mini_va(free_gfn << 12), &v, NULL));
	mini_gfn_free(free_gfn);
	CHECK_EQ(child_destroy(&c), 0);
	check_audit();
}

/* A frame of another's is none of this domain's own to register: ring 0 would go on using it after the grant. */
static void register_granted(long (*call)(uint64_t gpa)) {
	struct pv_grant_unmap u = {0};
	uint64_t gfn = mini_gfn_alloc();
	struct child c;
	long rc;

	granter_start(&c);
	CHECK_EQ(try_map(c.domid, got.refs[0], gfn, 0, &u.handle), 0);
	rc = call(gfn << 12);
	CHECK_EQ(pv_grant_unmap(&u, 1), 1);
	CHECK_EQ(u.status, 0);
	CHECK_EQ(child_destroy(&c), 0);
	mini_gfn_free(gfn);
	CHECK(rc < 0);
	check_audit();
}

static long register_table(uint64_t gpa) { return pv_grant_table(gpa, 1); }

MINI_TEST(register_granted_area) { register_granted(pv_vcpu_area); }

MINI_TEST(register_granted_table) { register_granted(register_table); }

MINI_TEST(register_granted_event_page) { register_granted(pv_event_pages); }
