/* SPDX-License-Identifier: Apache-2.0 */
/* cpuid_test: what a guest's kernel believes of this machine's CPU, and what masks of its builder's do to that. */
#include <pv/guest/cpuid.h>

#include <criterion/criterion.h>
#include <string.h>

static const struct pv_cpuid_masks none;

static struct pv_cpuid answer(uint32_t leaf, uint32_t subleaf, const struct pv_cpuid_masks *masks) {
	struct pv_cpuid c = {leaf, subleaf, ~0u, ~0u, ~0u, ~0u};

	pv_cpuid_answer(&c, masks);
	cr_assert(c.leaf == leaf && c.subleaf == subleaf);
	return c;
}

static bool same(struct pv_cpuid a, struct pv_cpuid b) { return memcmp(&a, &b, sizeof(a)) == 0; }

static bool zero(struct pv_cpuid c) { return !(c.eax | c.ebx | c.ecx | c.edx); }

Test(cpuid, names_the_hypervisor) {
	struct pv_cpuid c = answer(PV_CPUID_BASE, 0, &none);

	cr_assert_arr_eq(&c.ebx, "RingsideRing", 12);
	cr_assert_eq(c.eax, PV_CPUID_BASE + 2);
	cr_assert_eq(answer(PV_CPUID_BASE + 1, 0, &none).eax, PV_ABI_VERSION);
	cr_assert_eq(answer(PV_CPUID_BASE + 2, 0, &none).eax, PV_HYPERCALL_MAX);
	cr_assert(zero(answer(PV_CPUID_BASE + 3, 0, &none)));
	cr_assert(zero(answer(0x7fffffff, 0, &none)));
	cr_assert(zero(answer(PV_CPUID_BASE - 1, 0, &none)));
	cr_assert_eq(answer(0x80000000, 0, &none).eax, pv_cpuid_machine(0x80000000, 0).a);
}

Test(cpuid, masks) {
	struct pv_cpuid_masks m = {
		.count = 2,
		.mask = {{1, PV_CPUID_ANY, ~0u, ~0u, ~1u, ~(1u << 25)}, {PV_CPUID_BASE, 0, 0, ~0u, ~0u, ~0u}}};
	struct pv_cpuid all = answer(1, 0, &none), c = answer(1, 0, &m);

	cr_assert_eq(all.ecx & 1, 1); /* SSE3, SSE: every 64-bit CPU of today */
	cr_assert_eq(all.edx >> 25 & 1, 1);
	cr_assert(c.ecx == (all.ecx & ~1u) && c.edx == (all.edx & ~(1u << 25)) && c.eax == all.eax);
	cr_assert_eq(answer(1, 77, &m).ecx & 1, 0); /* any subleaf */
	cr_assert_eq(answer(PV_CPUID_BASE, 0, &m).eax, 0);
	cr_assert_eq(answer(PV_CPUID_BASE, 0, &m).ebx, 0x676e6952);
	cr_assert(same(answer(PV_CPUID_BASE, 1, &m), answer(PV_CPUID_BASE, 1, &none)));
	cr_assert(same(answer(2, 0, &m), answer(2, 0, &none)));
	/* One subleaf: the other one is as it was. */
	m.mask[0] = (struct pv_cpuid){7, 0, 0, 0, 0, 0};
	cr_assert(!answer(7, 0, &m).ebx && !answer(7, 0, &m).ecx && !answer(7, 0, &m).edx);
	cr_assert(same(answer(7, 1, &m), answer(7, 1, &none)));
	/* Two masks of a leaf both count. */
	m.mask[0] = (struct pv_cpuid){1, 0, ~0u, ~0u, ~0u, ~(1u << 25)};
	m.mask[1] = (struct pv_cpuid){1, PV_CPUID_ANY, ~0u, ~0u, ~0u, ~(1u << 26)};
	cr_assert_eq(answer(1, 0, &m).edx, all.edx & ~(3u << 25));
}

/* What XCR0 holds must be kept for programs, and what ring 3 does in its own way is so with every mask. */
Test(cpuid, what_no_mask_hides) {
	static const uint32_t leaves[] = {0, 1, 7, 0xd, 0x80000007, 0x80000008};
	struct pv_cpuid_masks m = {.count = 6};

	for (unsigned i = 0; i < 6; i++) m.mask[i] = (struct pv_cpuid){.leaf = leaves[i], .subleaf = PV_CPUID_ANY};
	cr_assert_eq(answer(0, 0, &m).eax, answer(0, 0, &none).eax);
	cr_assert_eq(answer(1, 0, &m).ecx, PV_CPUID_1_C_ADD);
	cr_assert_eq(answer(1, 0, &m).edx, PV_CPUID_1_D_ADD);
	cr_assert_eq(answer(7, 1, &m).eax, PV_CPUID_7_1_A_ADD);
	for (unsigned i = 0; i < 64; i++) cr_assert(same(answer(0xd, i, &m), answer(0xd, i, &none)));
	cr_assert_eq(answer(0x80000008, 0, &m).eax, 48 | 48 << 8);
}

/* A count that says more than there is room for, and masks beyond the count. */
Test(cpuid, counts) {
	struct pv_cpuid_masks m = {.count = ~0u};

	for (unsigned i = 0; i < PV_CPUID_MASKS; i++) m.mask[i] = (struct pv_cpuid){.leaf = 2, .subleaf = i};
	cr_assert(zero(answer(2, PV_CPUID_MASKS - 1, &m)));
	m.count = PV_CPUID_MASKS - 1;
	cr_assert(zero(answer(2, PV_CPUID_MASKS - 2, &m)));
	cr_assert(same(answer(2, PV_CPUID_MASKS - 1, &m), answer(2, PV_CPUID_MASKS - 1, &none)));
}
