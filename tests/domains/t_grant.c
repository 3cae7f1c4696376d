/* SPDX-License-Identifier: Apache-2.0 */
/* t_grant: grant_table, grant_map, grant_unmap, grant_copy, between dom0 and a child. */
#include "domtest.h"

#define ALIAS      0x700000000000ull
#define ALIAS_STEP 0x200000ull

static long map(uint32_t domid, uint32_t ref, uint64_t gfn, uint32_t flags, uint32_t *handle) {
	struct pv_grant_map op = {.domid = domid, .ref = ref, .gfn = gfn, .flags = flags, .status = 1};

	CHECK_EQ(pv_grant_map(&op, 1), 1);
	*handle = op.handle;
	return op.status;
}

static long unmap(uint32_t handle) {
	struct pv_grant_unmap op = {.handle = handle, .status = 1};

	CHECK_EQ(pv_grant_unmap(&op, 1), 1);
	return op.status;
}

MINI_TEST(grant_maps_and_revokes) {
	uint64_t gpa, gfn = mini_gfn_alloc(), *va = mini_va(gfn << 12);
	struct mini_fault f;
	uint32_t h, h2, ref;
	struct child c;

	child_start(&c, 0, 1);
	gpa = (uint64_t)ORDER(&c, ORDER_GPA);
	CHECK_EQ(ORDER(&c, ORDER_WRITE, gpa, 1234), 0);
	ref = (uint32_t)ORDER(&c, ORDER_GRANT, 0, gpa >> 12, 0);
	CHECK((int)ref > 0);
	CHECK_EQ(map(c.domid, ref, gfn, 0, &h), 0);
	CHECK_EQ(pv_mem_query(PV_DOM_SELF, gfn), PV_MEM_GRANT);
	CHECK_EQ(*va, 1234);
	*va = 5678;
	CHECK_EQ(ORDER(&c, ORDER_GRANT_END, ref), -PV_EBUSY);
	CHECK_EQ(map(c.domid, ref, gfn, 0, &h2), -PV_EEXIST);
	CHECK_EQ(pv_mem_release(PV_DOM_SELF, gfn, 1), -PV_EBUSY);
	CHECK_EQ(unmap(h), 0);
	CHECK_EQ(unmap(h), -PV_EBADF);
	CHECK_FAULT(&f, 14, mini_try_read(va, NULL, &f));
	CHECK_EQ(ORDER(&c, ORDER_GRANT_END, ref), 0);
	CHECK_EQ(map(c.domid, ref, gfn, 0, &h), -PV_ENOENT);
	/* Mapped by several addresses, of which unmap finds each. */
	ref = (uint32_t)ORDER(&c, ORDER_GRANT, 0, gpa >> 12, 0);
	CHECK_EQ(map(c.domid, ref, gfn, 0, &h), 0);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(pt_map(mini_root, ALIAS + i * ALIAS_STEP, gfn << 12, PT_W), 0);
		CHECK_EQ(*(volatile uint64_t *)(ALIAS + i * ALIAS_STEP), 5678);
	}
	CHECK_EQ(*va, 5678);
	check_audit();
	CHECK_EQ(unmap(h), 0);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_FAULT(&f, 14, mini_try_read((void *)(ALIAS + i * ALIAS_STEP), NULL, &f));
		pt_unmap(mini_root, ALIAS + i * ALIAS_STEP);
	}
	CHECK_FAULT(&f, 14, mini_try_read(va, NULL, &f));
	CHECK_EQ(ORDER(&c, ORDER_GRANT_END, ref), 0);
	/* Read-only. */
	ref = (uint32_t)ORDER(&c, ORDER_GRANT, 0, gpa >> 12, 1);
	CHECK_EQ(map(c.domid, ref, gfn, 0, &h), -PV_EACCES);
	CHECK_EQ(map(c.domid, ref, gfn, PV_GRANT_RO, &h), 0);
	CHECK_EQ(*(volatile uint64_t *)va, 5678);
	CHECK_FAULT(&f, 14, mini_try_write(va, 1, &f));
	CHECK_EQ(unmap(h), 0);
	mini_gfn_free(gfn);
	child_end(&c);
	check_audit();
}

MINI_TEST(grant_map_errors) {
	uint64_t gpa, gfn = mini_gfn_alloc();
	struct pv_grant_map op;
	uint32_t h, ref, other;
	struct child c;

	child_start(&c, 0, 1);
	gpa = (uint64_t)ORDER(&c, ORDER_GPA);
	ref = (uint32_t)ORDER(&c, ORDER_GRANT, 0, gpa >> 12, 0);
	other = (uint32_t)ORDER(&c, ORDER_GRANT, 5, gpa >> 12, 0);
	CHECK_EQ(map(999, ref, gfn, 0, &h), -PV_ESRCH);
	CHECK_EQ(map(0xffffffff, ref, gfn, 0, &h), -PV_ESRCH);
	CHECK_EQ(map(PV_DOM_SELF, ref, gfn, 0, &h), -PV_EINVAL);
	CHECK_EQ(map(0, ref, gfn, 0, &h), -PV_EINVAL);
	CHECK_EQ(map(c.domid, ref, gfn, 1, &h), -PV_EINVAL);
	CHECK_EQ(map(c.domid, ref, gfn, 1u << 31, &h), -PV_EINVAL);
	CHECK_EQ(map(c.domid, ref, PV_MAX_GFN, 0, &h), -PV_EINVAL);
	CHECK_EQ(map(c.domid, ref, ~0ull - 1, 0, &h), -PV_EINVAL);
	CHECK_EQ(map(c.domid, ref, mini_root >> 12, 0, &h), -PV_EEXIST);
	CHECK_EQ(map(c.domid, other, gfn, 0, &h), -PV_EACCES);
	CHECK_EQ(map(c.domid, 900, gfn, 0, &h), -PV_ENOENT);
	CHECK_EQ(map(c.domid, 1024, gfn, 0, &h), -PV_ERANGE);
	CHECK_EQ(map(c.domid, 0xffffffff, gfn, 0, &h), -PV_ERANGE);
	ref = (uint32_t)ORDER(&c, ORDER_GRANT, 0, 1ull << 35, 0); /* no RAM */
	CHECK_EQ(map(c.domid, ref, gfn, 0, &h), -PV_EFAULT);
	CHECK_EQ(ORDER(&c, ORDER_GRANT_END, ref), 0); /* the failed one counts no use */
	op = (struct pv_grant_map){.domid = c.domid, .ref = ref, .gfn = gfn, .reserved = 1};
	CHECK_EQ(pv_grant_map(&op, 1), 1);
	CHECK_EQ(op.status, -PV_EINVAL);
	CHECK_EQ(unmap(0xffffffff), -PV_EBADF);
	CHECK_EQ(unmap(4000), -PV_EBADF);
	CHECK_EQ(pv_grant_map(&op, PV_GRANT_BATCH_MAX + 1), -PV_E2BIG);
	CHECK_EQ(pv_grant_unmap((void *)&op, ~0ull), -PV_E2BIG);
	CHECK_EQ(pv_grant_copy((void *)&op, 1ull << 58), -PV_E2BIG);
	CHECK_EQ(pv_grant_map(&op, 0), 0);
	CHECK_EFAULT_OUT(pv_grant_map(p, 2));
	CHECK_EFAULT(pv_grant_unmap(p, 2));
	CHECK_EFAULT(pv_grant_copy(p, 2));
	/* A machine frame number is nothing for a child to learn. */
	op = (struct pv_grant_map){.domid = 0, .ref = 1, .gfn = PV_GRANT_IDENTITY};
	child_put(&c, 0, &op, sizeof(op));
	CHECK_EQ(CHILD(&c, grant_map, child_data(&c, 0), 1), 1);
	child_get(&c, 0, &op, sizeof(op));
	CHECK_EQ(op.status, -PV_EPERM);
	mini_gfn_free(gfn);
	child_end(&c);
	check_audit();
}

MINI_TEST(grant_copy_both_ways) {
	char *page = mini_page();
	struct pv_grant_copy op;
	uint32_t ref, ro;
	struct child c;
	uint64_t gpa, v;

	child_start(&c, 0, 1);
	gpa = (uint64_t)ORDER(&c, ORDER_GPA);
	ref = (uint32_t)ORDER(&c, ORDER_GRANT, 0, gpa >> 12, 0);
	ro = (uint32_t)ORDER(&c, ORDER_GRANT, 0, gpa >> 12, 1);
	memset(page, 0x5a, 4096);
	CHECK_EQ(mini_grant_write(c.domid, ref, 8, page, 16), 0);
	CHECK_EQ(mem_copy(c.domid, PV_MEM_COPY_READ, gpa + 8, &v, 8), 8);
	CHECK_EQ(v, 0x5a5a5a5a5a5a5a5a);
	CHECK_EQ(mini_grant_read(page + 100, c.domid, ro, 0, 24), 0);
	CHECK_EQ(page[100], 0);
	CHECK_EQ(page[108], 0x5a);
	CHECK_EQ(mini_grant_write(c.domid, ro, 8, page, 16), -PV_EACCES);
	CHECK_EQ(mini_grant_read(page, 999, ref, 0, 8), -PV_ESRCH);
	CHECK_EQ(mini_grant_read(page, c.domid, 901, 0, 8), -PV_ENOENT);
	CHECK_EQ(mini_grant_read(page, c.domid, 0xffffffff, 0, 8), -PV_ERANGE);
	CHECK_EQ(mini_grant_read(page, c.domid, ref, 0, 0), -PV_EINVAL);
	CHECK_EQ(mini_grant_read(page, c.domid, ref, 4090, 8), -PV_EINVAL);
	CHECK_EQ(mini_grant_read(page, c.domid, ref, 4096, 1), -PV_EINVAL);
	CHECK_EQ(mini_grant_read(page, c.domid, ref, 0xfffffff8, 16), -PV_EINVAL);
	CHECK_EQ(mini_grant_read(page + 8, c.domid, ref, 0, 4096), -PV_EINVAL);
	CHECK_EQ(mini_grant_read(page, c.domid, ref, 0, 4096), 0);
	/* The own end: no RAM, far away. */
	op = (struct pv_grant_copy){.src = {c.domid, 0, ref}, .dst = {PV_DOM_SELF, 0, 1ull << 35}, .len = 8};
	CHECK_EQ(pv_grant_copy(&op, 1), 1);
	CHECK_EQ(op.status, -PV_EFAULT);
	op.dst.frame = ~0ull;
	CHECK_EQ(pv_grant_copy(&op, 1), 1);
	CHECK_EQ(op.status, -PV_EFAULT);
	/* No use is left counted. */
	CHECK_EQ(ORDER(&c, ORDER_GRANT_END, ref), 0);
	CHECK_EQ(ORDER(&c, ORDER_GRANT_END, ro), 0);
	mini_page_free(page);
	child_end(&c);
	check_audit();
}

MINI_TEST(grant_table_grows_and_does_nothing_else) {
	struct pv_domain_info info;
	struct child c;
	uint64_t gpa = 0x600000;

	child_start(&c, 0, 1);
	CHECK_EQ(CHILD(&c, grant_table, gpa, 0), -PV_EINVAL);
	CHECK_EQ(CHILD(&c, grant_table, gpa + 8, 1), -PV_EINVAL);
	CHECK_EQ(CHILD(&c, grant_table, gpa, PV_GRANT_TABLE_PAGES + 1), -PV_EINVAL);
	CHECK_EQ(CHILD(&c, grant_table, gpa, ~0ull), -PV_EINVAL);
	CHECK_EQ(CHILD(&c, grant_table, PV_MAX_GFN << 12, 1), -PV_EINVAL);
	CHECK_EQ(CHILD(&c, grant_table, 1ull << 33, 2), -PV_EFAULT);
	/* The second is not there; is read-only. */
	CHECK_EQ(CHILD(&c, grant_table, c.memory - 4096, 2), -PV_EFAULT);
	CHECK_EQ(pv_domain_info(c.domid, &info), 0);
	CHECK_EQ(pv_domain_limits(c.domid, info.frames_max + 1, 0), 0);
	CHECK_EQ(pv_mem_populate(c.domid, c.memory >> 12, 1, PV_MEM_POPULATE_RO), 1);
	CHECK_EQ(CHILD(&c, grant_table, c.memory - 4096, 2), -PV_EACCES);
	CHECK_EQ(CHILD(&c, grant_table, gpa, 1), 0);
	CHECK_EQ(CHILD(&c, grant_table, gpa, 3), 0);
	CHECK_EQ(CHILD(&c, grant_table, gpa, 2), -PV_EEXIST);
	CHECK_EQ(CHILD(&c, grant_table, gpa + 4096, 4), -PV_EEXIST);
	child_end(&c);
	check_audit();
}

/* The granter dies while its frame is mapped: it stays readable until it is unmapped. */
MINI_TEST(grant_outlives_the_granter) {
	uint64_t gpa, gfn = mini_gfn_alloc(), *va = mini_va(gfn << 12);
	uint32_t h, ref;
	struct child c;
	long rc;

	child_start(&c, 0, 1);
	gpa = (uint64_t)ORDER(&c, ORDER_GPA);
	CHECK_EQ(ORDER(&c, ORDER_WRITE, gpa, 4321), 0);
	ref = (uint32_t)ORDER(&c, ORDER_GRANT, 0, gpa >> 12, 0);
	CHECK_EQ(map(c.domid, ref, gfn, 0, &h), 0);
	CHECK_EQ(pv_event_close(c.port), 0);
	c.port = 0;
	while ((rc = pv_domain_destroy(c.domid)) == -PV_EAGAIN)
		;
	CHECK(rc == 0 || rc == -PV_EBUSY);
	CHECK_EQ(*va, 4321);
	CHECK_EQ(unmap(h), 0);
	while ((rc = pv_domain_destroy(c.domid)) == -PV_EAGAIN)
		;
	CHECK(rc == 0 || rc == -PV_ESRCH);
	mini_gfn_free(gfn);
	check_audit();
}
