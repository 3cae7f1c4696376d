/* SPDX-License-Identifier: Apache-2.0 */
/* features: what the CPUs can do, and their control registers. All CPUs are taken to be alike. */
#include "boot/boot.h"
#include "cpu/insn.h"

#define XCR0_KNOWN 0xe7ul /* x87, SSE, AVX, AVX-512: no MPX, no PKRU, no AMX */

struct features features = {
#ifdef HV_DEBUG
	.debug_build = 1,
#endif
};

/* An entry of Linux's PAT, so that a guest's page table bits mean what it thinks. */
#define PAT_AS_LINUX 0x0407050600070106ul /* WB WC UC- UC, WB WP UC- WT */

static bool under_tcg(void) {
	struct cpuid_regs r = cpuid(0x40000000, 0);

	return cpuid(1, 0).c >> 31 && !memcmp(&r.b, "TCGTCGTCGTCG", 12);
}

static void init_xsave(void) {
	struct cpuid_regs d = cpuid(0xd, 0);

	features.xcr0 = ((u64)d.d << 32 | d.a) & XCR0_KNOWN;
	write_cr4(CR4_ALWAYS);
	xsetbv(features.xcr0);
	features.xsave_size = cpuid(0xd, 0).b; /* of the XCR0 just set */
}

static void ask_cpuid(void) {
	static const struct cpuid_regs none;
	struct cpuid_regs one = cpuid(1, 0), seven = cpuid(0, 0).a < 7 ? none : cpuid(7, 0);
	struct cpuid_regs ext = cpuid(0x80000001, 0);
	const struct {
		u32 word, bit;
		const char *needed; /* NULL: ring 0 does without */
		bool *have;
	} list[] = {
		{one.d, 4, "TSC", NULL},
		{one.d, 9, "local APIC", NULL},
		{one.d, 13, "global pages", NULL},
		{one.d, 16, "PAT", NULL},
		{one.d, 24, "FXSR", NULL},
		{one.d, 26, "SSE2", NULL},
		{one.c, 13, "CMPXCHG16B", NULL},
		{one.c, 26, "XSAVE", NULL},
		{cpuid(0xd, 1).a, 0, "XSAVEOPT", NULL},
		{ext.d, 11, "SYSCALL", NULL},
		{ext.d, 26, NULL, &features.page_1g},
		{seven.b, 0, "FSGSBASE", NULL},
		{seven.b, 7, NULL, &features.smep},
		{seven.b, 20, NULL, &features.smap},
		{seven.c, 2, NULL, &features.umip},
		{cpuid(0x80000007, 0).d, 8, NULL, &features.invariant_tsc},
		{cpuid(0x80000008, 0).b, 2, NULL, &features.x87_pointers},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
		bool has = list[i].word >> list[i].bit & 1;

		if (list[i].needed && !has) boot_fail("the CPU has no %s", list[i].needed);
		if (list[i].have) *list[i].have = has;
	}
}

void features_init(void) {
	ask_cpuid();
	features.smep &= !options.nosmep;
	features.smap &= !options.nosmap;
	/* QEMU's TCG (7.2 and before) reads an IRET frame of ring 3 as the supervisor. */
	if (features.smap && !options.smap && under_tcg()) {
		features.smap = false;
		log_info("SMAP stays off under QEMU's TCG (option smap: on all the same)");
	}
	init_xsave();
}

void cpu_init(void) {
	u64 cr4 = CR4_ALWAYS;

	cr4 |= features.umip ? CR4_UMIP : 0;
	cr4 |= features.smep ? CR4_SMEP : 0;
	cr4 |= features.smap ? CR4_SMAP : 0;
	write_cr0(CR0_ALWAYS);
	write_cr4(cr4);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_PAT, PAT_AS_LINUX);
	xsetbv(features.xcr0);
}
