/* SPDX-License-Identifier: Apache-2.0 */
/* pointers: pointers; multi. */
#include "abuse_mem.h"

/* ---- pointers ---- */

static const uint64_t bad_pointers[] = {
	HV_START - 8,       HV_START - 1, HV_START,    HV_START + 0x100000, 0xffff840000000000, 0xffff878000003f00,
	0xffff87ff80100000, HV_STOP - 1,  HV_STOP - 8, 0x7ffffffff000,      0x7ffffffffff8,     0x800000000000,
	0x8000000000000000, 0x1000,       ~0ull,       ~0ull - 7,           0xffffa00000000000,
};

/* Calls whose only fault is the pointer: argument `at` of them, bytes that ring 0 needs there. */
static const struct {
	uint16_t nr;
	uint8_t at;
	uint32_t bytes;
	uint64_t args[5];
} pointer_calls[] = {
	{PV_NR_host_info, 0, sizeof(struct pv_host_info), {0}},
	{PV_NR_ldt_set, 0, 512 * 8, {0, 512}},
	{PV_NR_ldt_set, 0, 8, {0, 1}},
	{PV_NR_grant_map, 0, sizeof(struct pv_grant_map), {0, 1}},
	{PV_NR_grant_map, 0, sizeof(struct pv_grant_map), {0, 1024}},
	{PV_NR_grant_unmap, 0, sizeof(struct pv_grant_unmap), {0, 1024}},
	{PV_NR_grant_copy, 0, sizeof(struct pv_grant_copy), {0, 1024}},
	{PV_NR_poll, 0, 4, {0, 1, 0}},
	{PV_NR_poll, 0, 4 * 128, {0, 128, 0}},
	{PV_NR_domain_info, 1, sizeof(struct pv_domain_info), {PV_DOM_SELF}},
	{PV_NR_console_write, 0, 1, {0, 1}},
	{PV_NR_console_write, 0, 512, {0, ~0ull}},
	{PV_NR_device_update, 2, sizeof(struct pv_device_side), {PV_DOM_SELF}},
	{PV_NR_perf_read, 2, sizeof(struct pv_perf), {PV_DOM_SELF, ~0ull}},
	{PV_NR_multi, 0, sizeof(struct pv_multi), {0, 1}},
	{PV_NR_multi, 0, sizeof(struct pv_multi), {0, 64}},
	{PV_NR_mem_copy, 0, sizeof(struct pv_mem_copy), {0}},
	{PV_NR_domain_create, 0, sizeof(struct pv_domain_create), {0}},
	{PV_NR_domain_next, 1, sizeof(struct pv_domain_info), {~0ull}},
	{PV_NR_device_set, 2, sizeof(struct pv_device_slot), {PV_DOM_SELF}},
	{PV_NR_audit, 0, sizeof(struct pv_audit), {0}},
};

static void pointer_call(unsigned i, uint64_t p) {
	uint64_t a[5];
	long rc;

	memcpy(a, pointer_calls[i].args, sizeof(a));
	a[pointer_calls[i].at] = p;
	rc = pv_hypercall(pointer_calls[i].nr, a[0], a[1], a[2], a[3], a[4]);
	if (rc != -PV_EFAULT && (mini_start.caps || rc != -PV_EPERM))
		mini_test_failed(__FILE__, __LINE__, "hypercall %u with %#llx: %ld", pointer_calls[i].nr,
				 (unsigned long long)p, rc);
}

MINI_TEST(pointer_plus_length) {
	uint64_t root = pt_new_root(), last = 0x7fffffffe000;
	void *page;

	CHECK(root);
	CHECK_EQ(pt_load(root), 0);
	page = mini_user_page(root, last, PT_W);
	CHECK(page);
	for (unsigned i = 0; i < COUNT(pointer_calls); i++) {
		uint32_t n = pointer_calls[i].bytes;

		for (unsigned k = 0; k < COUNT(bad_pointers); k++) pointer_call(i, bad_pointers[k]);
		if (n < 2) continue;
		/* From memory that is there across the end of the lower half, and of all addresses. */
		pointer_call(i, last + PV_PAGE_SIZE - n + 1);
		pointer_call(i, last + PV_PAGE_SIZE - 1);
		pointer_call(i, 0 - (uint64_t)n + 1);
		pointer_call(i, HV_START - n + 1);
		pointer_call(i, HV_STOP - n + 1);
	}
	/* A list whose first element is good and whose next lies beyond. */
	struct pv_multi *m = (void *)((char *)page + PV_PAGE_SIZE - sizeof(*m));

	m->nr = PV_NR_nop;
	CHECK_EQ(pv_multi((void *)(last + PV_PAGE_SIZE - sizeof(*m)), 64), 1);
	CHECK_EQ(m->result, 0);
	struct pv_grant_map *g = (void *)((char *)page + PV_PAGE_SIZE - sizeof(*g));

	g->domid = 1000;
	CHECK_EQ(pv_grant_map((void *)(last + PV_PAGE_SIZE - sizeof(*g)), 1024), 1);
	CHECK(g->status < 0);
	pt_unmap(root, last);
	mini_page_free(page);
	pt_free_root(root);
}

/* mem_copy's own pointer and length, with the foreign side in order. */
MINI_TEST(pointer_plus_length_mem_copy) {
	if (!(mini_start.caps & PV_CAP_MEMORY)) mini_test_skip("no right to copy");
	for (unsigned k = 0; k < COUNT(bad_pointers); k++)
		for (uint32_t flags = 0; flags < 2; flags++) {
			struct pv_mem_copy op = {.domid = PV_DOM_SELF,
						 .flags = flags,
						 .gpa = mini_gpa(&op),
						 .buf = bad_pointers[k],
						 .len = 64};

			op.gpa = mini_gpa(mini_l4);
			CHECK_EQ(pv_mem_copy(&op), -PV_EFAULT);
			CHECK_EQ(op.len, 64);
		}
	for (unsigned bit = 40; bit < 64; bit++) {
		struct pv_mem_copy op = {.domid = PV_DOM_SELF, .gpa = 1ull << bit, .buf = (uint64_t)&op, .len = 8};

		CHECK(pv_mem_copy(&op) < 0);
		op = (struct pv_mem_copy){.domid = PV_DOM_SELF, .gpa = 0ull - 8, .buf = (uint64_t)&op, .len = 16};
		CHECK(pv_mem_copy(&op) < 0);
		op = (struct pv_mem_copy){
			.domid = PV_DOM_SELF, .flags = 1u << (bit - 38), .buf = (uint64_t)&op, .len = 1};
		CHECK(pv_mem_copy(&op) < 0);
	}
}

/* ---- multi ---- */

/* All of m, however often it ends early for others; or its error. */
static long multi_whole(struct pv_multi *m, uint64_t count) {
	for (uint64_t n = 0; n < count;) {
		long k = pv_multi(m + n, count - n);

		if (k <= 0) return k;
		n += (uint64_t)k;
	}
	return (long)count;
}

MINI_TEST(multi_mode_change) {
	static const uint16_t refused[] = {PV_NR_eretu, PV_NR_erets, PV_NR_block,    PV_NR_poll,
					   PV_NR_yield, PV_NR_multi, PV_NR_shutdown, PV_NR_vcpu_down};
	static struct pv_multi m[PV_MULTI_MAX + 1];
	uint64_t root = pt_new_root(), va = 0x200000;
	struct pv_multi *low;

	for (unsigned i = 0; i < COUNT(refused); i++) {
		m[0] = (struct pv_multi){.nr = refused[i], .args = {(uint64_t)m, 1}, .result = 99};
		m[1] = (struct pv_multi){.nr = PV_NR_nop, .result = 99};
		CHECK_EQ(multi_whole(m, 2), 2);
		CHECK_EQ(m[0].result, -PV_EINVAL);
		CHECK_EQ(m[1].result, 0);
	}
	m[0] = (struct pv_multi){.nr = 1ull << 32 | PV_NR_nop};
	m[1] = (struct pv_multi){.nr = PV_NR_nop, .args = {[5] = 1}};
	CHECK_EQ(multi_whole(m, 2), 2);
	CHECK_EQ(m[0].result, -PV_ENOSYS);
	CHECK_EQ(m[1].result, -PV_EINVAL);
	CHECK_EQ(pv_multi(m, PV_MULTI_MAX + 1), -PV_E2BIG);
	CHECK_EQ(pv_multi(m, 1ull << 58), -PV_E2BIG);
	/* A call that overwrites the list. */
	m[0] = (struct pv_multi){.nr = PV_NR_clock, .args = {(uint64_t)&m[1]}};
	m[1] = (struct pv_multi){.nr = PV_NR_nop};
	CHECK_EQ(multi_whole(m, 2), 2);
	/* A call that takes the list's own memory away. */
	CHECK(root);
	low = mini_user_page(root, va, PT_W);
	CHECK(low);
	CHECK_EQ(pt_load(root), 0);
	low[0] = (struct pv_multi){.nr = PV_NR_root_load, .args = {mini_root}};
	low[1] = (struct pv_multi){.nr = PV_NR_nop};
	CHECK_EQ(pv_multi((void *)va, 2), -PV_EFAULT);
	pt_load(mini_root);
	pt_unmap(root, va);
	mini_page_free(low);
	pt_free_root(root);
}
