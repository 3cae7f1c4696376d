/* SPDX-License-Identifier: Apache-2.0 */
/* t_memory: mem_populate, mem_release, mem_copy, mem_query. */
#include "domtest.h"

static long query(uint64_t gfn) { return pv_mem_query(PV_DOM_SELF, gfn); }

static uint64_t read_at(uint64_t gfn) {
	uint64_t v = ~0ull;
	struct mini_fault f;

	CHECK(mini_try_read(mini_va(gfn << 12), &v, &f));
	return v;
}

MINI_TEST(mem_query_kinds) {
	uint64_t gfn = mini_gfn_alloc();

	CHECK(gfn);
	CHECK_EQ(query(mini_root >> 12), PV_MEM_RAM);
	CHECK_EQ(query(gfn), PV_MEM_NONE);
	CHECK_EQ(query(PV_MAX_GFN), PV_MEM_NONE);
	CHECK_EQ(query(PV_MAX_GFN + (mini_root >> 12)), PV_MEM_NONE);
	CHECK_EQ(query(1ull << 52), PV_MEM_NONE);
	CHECK_EQ(query(1ull << 63), PV_MEM_NONE);
	CHECK_EQ(query(~0ull), PV_MEM_NONE);
	CHECK_NO_DOMAIN(pv_mem_query(d, 0), -PV_ESRCH);
	mini_gfn_free(gfn);
}

/* Release and populate one of the own frames: it comes back zeroed. */
MINI_TEST(mem_release_and_populate) {
	uint64_t *page = mini_page(), gfn = mini_gfn(page);
	struct pv_domain_info before, info;
	struct mini_fault f;

	CHECK_EQ(pv_domain_info(PV_DOM_SELF, &before), 0);
	page[0] = 0x5a5a;
	CHECK_EQ(pv_mem_release(PV_DOM_SELF, gfn, 1), 1);
	CHECK_EQ(query(gfn), PV_MEM_NONE);
	CHECK_FAULT(&f, 14, mini_try_read(page, NULL, &f));
	CHECK_EQ(f.error & 9, 9); /* present, reserved */
	CHECK_EQ(pv_domain_info(PV_DOM_SELF, &info), 0);
	CHECK_EQ(info.frames, before.frames - 1);
	CHECK_EQ(pv_mem_release(PV_DOM_SELF, gfn, 1), -PV_ENOENT);
	CHECK_EQ(pv_mem_populate(PV_DOM_SELF, gfn, 1, 0), 1);
	CHECK_EQ(read_at(gfn), 0);
	CHECK(mini_try_write(page, 7, &f));
	CHECK_EQ(pv_mem_populate(PV_DOM_SELF, gfn, 1, 0), -PV_EEXIST);
	CHECK_EQ(read_at(gfn), 7);
	CHECK_EQ(pv_domain_info(PV_DOM_SELF, &info), 0);
	CHECK_EQ(info.frames, before.frames);
	mini_page_free(page);
}

MINI_TEST(mem_populate_read_only) {
	uint64_t gfn = mini_gfn_alloc();
	uint64_t *spare = mini_page(), spare_gfn = mini_gfn(spare);
	struct mini_fault f;

	CHECK_EQ(pv_mem_release(PV_DOM_SELF, spare_gfn, 1), 1); /* below the limit */
	CHECK_EQ(pv_mem_populate(PV_DOM_SELF, gfn, 1, PV_MEM_POPULATE_RO), 1);
	CHECK_EQ(query(gfn), PV_MEM_RAM_RO);
	CHECK_EQ(read_at(gfn), 0);
	CHECK_FAULT(&f, 14, mini_try_write(mini_va(gfn << 12), 1, &f));
	CHECK_EQ(f.error & 3, 3);
	CHECK_EQ(pv_mem_release(PV_DOM_SELF, gfn, 1), 1);
	CHECK_EQ(pv_mem_populate(PV_DOM_SELF, spare_gfn, 1, 0), 1);
	mini_page_free(spare);
	mini_gfn_free(gfn);
}

MINI_TEST(mem_ranges) {
	const struct {
		uint64_t gfn, count;
	} bad[] = {{PV_MAX_GFN, 1},
		   {PV_MAX_GFN - 1, 2},
		   {0, PV_MAX_GFN + 1},
		   {1, PV_MAX_GFN},
		   {1ull << 52, 1},
		   {1ull << 63, 1},
		   {~0ull, 1},
		   {~0ull, 2},
		   {1, ~0ull},
		   {2, ~0ull},
		   {1ull << 35, 1ull << 63},
		   {PV_MAX_GFN, 0},
		   {(1ull << 52) + 1, 1ull << 52}};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(pv_mem_populate(PV_DOM_SELF, bad[i].gfn, bad[i].count, 0), -PV_EINVAL);
		CHECK_EQ(pv_mem_release(PV_DOM_SELF, bad[i].gfn, bad[i].count), -PV_EINVAL);
	}
	for (unsigned bit = 1; bit < 64; bit++)
		CHECK_EQ(pv_mem_populate(PV_DOM_SELF, 1ull << 35, 0, 1ull << bit), -PV_EINVAL);
	CHECK_EQ(pv_mem_populate(PV_DOM_SELF, 1ull << 35, 0, 0), 0);
	CHECK_EQ(pv_mem_release(PV_DOM_SELF, 1ull << 35, 0), 0);
	CHECK_NO_DOMAIN(pv_mem_populate(d, 0, 1, 0), -PV_ESRCH);
	CHECK_NO_DOMAIN(pv_mem_release(d, 0, 1), -PV_ESRCH);
}

/* A hole half-way: what is before it is done, and the count says so. */
MINI_TEST(mem_stops_where_it_cannot_go_on) {
	char *pages = mini_pages(3);
	uint64_t gfn = mini_gfn(pages);

	CHECK_EQ(pv_mem_release(PV_DOM_SELF, gfn + 5, 1), 1);
	CHECK_EQ(pv_mem_release(PV_DOM_SELF, gfn, 8), 5);
	CHECK_EQ(pv_mem_release(PV_DOM_SELF, gfn + 5, 3), -PV_ENOENT);
	CHECK_EQ(query(gfn + 6), PV_MEM_RAM);
	CHECK_EQ(pv_mem_populate(PV_DOM_SELF, gfn, 8, 0), 6);
	CHECK_EQ(pv_mem_populate(PV_DOM_SELF, gfn + 6, 2, 0), -PV_EEXIST);
	mini_pages_free(pages, 3);
}

MINI_TEST(mem_limit) {
	struct pv_domain_create a = {.vcpus = 1, .frames_max = 700};
	struct pv_domain_info info;
	long d = pv_domain_create(&a), n;
	uint64_t done = 0;

	CHECK(d > 0);
	while (done < 2000 && (n = pv_mem_populate((uint64_t)d, done, 2000 - done, 0)) > 0) done += (uint64_t)n;
	CHECK_EQ(n, -PV_ENOMEM);
	CHECK_EQ(done, 700);
	CHECK_EQ(pv_domain_info((uint64_t)d, &info), 0);
	CHECK_EQ(info.frames, 700);
	CHECK_EQ(info.frames_max, 700);
	CHECK_EQ(pv_mem_release((uint64_t)d, 10, 1), 1); /* out of a 2 MiB run */
	CHECK_EQ(pv_mem_query((uint64_t)d, 9), PV_MEM_RAM);
	CHECK_EQ(pv_mem_query((uint64_t)d, 10), PV_MEM_NONE);
	CHECK_EQ(pv_mem_query((uint64_t)d, 11), PV_MEM_RAM);
	CHECK_EQ(pv_mem_populate((uint64_t)d, 10, 1, 0), 1);
	CHECK_EQ(mini_destroy_domain((uint32_t)d), 0);
}

MINI_TEST(mem_copy_both_ways) {
	struct pv_domain_create a = {.vcpus = 1, .frames_max = 16};
	static char out[3 * PV_PAGE_SIZE], in[3 * PV_PAGE_SIZE];
	uint32_t d = (uint32_t)pv_domain_create(&a);
	struct pv_mem_copy op;

	CHECK((int)d > 0);
	CHECK_EQ(pv_mem_populate(d, 0, 8, 0), 8);
	CHECK_EQ(pv_mem_populate(d, 8, 1, PV_MEM_POPULATE_RO), 1);
	for (unsigned i = 0; i < sizeof(out); i++) out[i] = (char)(i * 7 + i / 251);
	CHECK_EQ(mem_copy(d, PV_MEM_COPY_WRITE, 0x7ff, out, sizeof(out)), sizeof(out));
	CHECK_EQ(mem_copy(d, PV_MEM_COPY_READ, 0x7ff, in, sizeof(in)), sizeof(in));
	CHECK(memcmp(in, out, sizeof(in)) == 0);
	CHECK_EQ(mem_copy(d, PV_MEM_COPY_ZERO, 0x900, (void *)1, 0x1000), 0x1000);
	CHECK_EQ(mem_copy(d, PV_MEM_COPY_READ, 0x900, in, 0x1000), 0x1000);
	for (unsigned i = 0; i < 0x1000; i++) CHECK_EQ(in[i], 0);
	CHECK_EQ(mem_copy(d, PV_MEM_COPY_WRITE, 8 << 12, out, 8), 8); /* a builder writes what its guest reads */
	CHECK_EQ(mem_copy(d, PV_MEM_COPY_READ, 0, in, 0), 0);
	/* Out of its memory: what was done is told. */
	op = (struct pv_mem_copy){.domid = d, .gpa = (9 << 12) - 100, .buf = (uint64_t)in, .len = 300};
	CHECK_EQ(pv_mem_copy(&op), -PV_EFAULT);
	CHECK_EQ(op.len, 200);
	op = (struct pv_mem_copy){
		.domid = d, .flags = PV_MEM_COPY_WRITE, .gpa = (9 << 12) - 100, .buf = (uint64_t)in, .len = 300};
	CHECK_EQ(pv_mem_copy(&op), -PV_EFAULT);
	CHECK_EQ(op.len, 200);
	CHECK_EQ(mini_destroy_domain(d), 0);
	CHECK_EQ(mem_copy(d, PV_MEM_COPY_READ, 0, in, 8), -PV_ESRCH);
}

MINI_TEST(mem_copy_errors) {
	uint64_t gpa = mini_gpa(mini_l4), v;

	CHECK_EQ(mem_copy(PV_DOM_SELF, PV_MEM_COPY_READ, gpa, &v, 8), 8);
	CHECK_EQ(v, mini_l4[0]);
	for (unsigned f = 3; f < 32; f++) CHECK_EQ(mem_copy(PV_DOM_SELF, f, gpa, &v, 8), -PV_EINVAL);
	CHECK_EQ(mem_copy(PV_DOM_SELF, 1u << 31, gpa, &v, 8), -PV_EINVAL);
	CHECK_EQ(mem_copy(PV_DOM_SELF, 0, ~0ull - 3, &v, 8), -PV_EINVAL);
	CHECK_EQ(mem_copy(PV_DOM_SELF, 0, gpa, &v, ~0ull), -PV_EINVAL);
	CHECK_EQ(mem_copy(PV_DOM_SELF, 0, PV_MAX_GFN << 12, &v, 8), -PV_EFAULT);
	CHECK_EQ(mem_copy(PV_DOM_SELF, 0, 1ull << 62, &v, 8), -PV_EFAULT);
	CHECK_EQ(mem_copy(PV_DOM_SELF, 0, (1ull << 52) + gpa, &v, 8), -PV_EFAULT);
	for (unsigned i = 0; i < 4; i++) {
		static const uint32_t nobody[] = {1000, 1024, 0x7fff, 0xffffffff};

		CHECK_EQ(mem_copy(nobody[i], 0, gpa, &v, 8), -PV_ESRCH);
	}
	CHECK_EFAULT(pv_mem_copy(p));
	CHECK_EFAULT(mem_copy(PV_DOM_SELF, PV_MEM_COPY_WRITE, gpa, p, 16));
	CHECK_EFAULT_OUT(mem_copy(PV_DOM_SELF, PV_MEM_COPY_READ, gpa, p, 16));
}

/* Once mem_release has returned, no vCPU reaches the frame. */
MINI_TEST(release_ends_access_of_other_vcpus) {
	struct child c;
	uint64_t gpa;

	child_start(&c, 0, 1);
	gpa = (uint64_t)ORDER(&c, ORDER_GPA);
	for (int i = 0; i < 5; i++) {
		child_send(&c, ORDER_POLL_READ, gpa, 0);
		mini_sleep(5 * MINI_MS); /* it reads */
		CHECK_EQ(pv_mem_release(c.domid, gpa >> 12, 1), 1);
		CHECK_EQ(ORDER(&c, ORDER_READ, gpa), 14); /* the answer of the loop was the same fault */
		CHECK_EQ(pv_mem_populate(c.domid, gpa >> 12, 1, 0), 1);
		CHECK_EQ(ORDER(&c, ORDER_READ, gpa), 0);
		CHECK_EQ(ORDER(&c, ORDER_WRITE, gpa, 99), 0);
	}
	child_end(&c);
}

MINI_TEST(memory_of_others_needs_the_capability) {
	struct child c;

	child_start(&c, 0, 1);
	CHECK_EQ(CHILD(&c, mem_populate, 0, 0x100000, 1, 0), -PV_EPERM);
	CHECK_EQ(CHILD(&c, mem_release, 0, 0x100, 1), -PV_EPERM);
	CHECK_EQ(CHILD(&c, mem_query, 0, 0x100), -PV_EPERM);
	CHECK_EQ(CHILD(&c, mem_copy, child_data(&c, 0)), -PV_EPERM);
	/* Its limit is what it was built with. */
	CHECK_EQ(CHILD(&c, mem_populate, PV_DOM_SELF, 0x100000, 1, 0), -PV_ENOMEM);
	child_end(&c);
	check_audit();
}

/* What is registered stays ring 0's to use after it was released, and is freed at the end. */
MINI_TEST(release_of_registered_frames) {
	struct pv_domain_info info = {0};
	struct child c;
	uint64_t gpa;

	child_start(&c, 0, 1);
	gpa = (uint64_t)ORDER(&c, ORDER_GPA);
	CHECK_EQ(CHILD(&c, grant_table, gpa, 1), 0);
	CHECK_EQ(CHILD(&c, mem_release, PV_DOM_SELF, gpa >> 12, 1), 1);
	CHECK_EQ(ORDER(&c, ORDER_READ, gpa), 14);
	/* Not free, it is the domain's as before. */
	CHECK_EQ(CHILD(&c, mem_populate, PV_DOM_SELF, gpa >> 12, 1, 0), -PV_ENOMEM);
	CHECK_EQ(pv_domain_info(c.domid, &info), 0);
	CHECK_EQ(pv_domain_limits(c.domid, info.frames_max + 1, 0), 0);
	CHECK_EQ(CHILD(&c, mem_populate, PV_DOM_SELF, gpa >> 12, 1, 0), 1);
	CHECK_EQ(ORDER(&c, ORDER_READ, gpa), 0);
	child_end(&c);
	check_audit();
}
