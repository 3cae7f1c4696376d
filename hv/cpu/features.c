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

static void need(const char *what, u32 has) {
	if (!(has & 1)) boot_fail("the CPU has no %s", what);
}

/* What every CPU with long mode has is not asked for. */
static void ask_cpuid(void) {
	static const struct cpuid_regs none;
	struct cpuid_regs one = cpuid(1, 0), seven = cpuid(0, 0).a < 7 ? none : cpuid(7, 0);

	need("local APIC", one.d >> 9);
	need("XSAVE", one.c >> 26);
	need("XSAVEOPT", cpuid(0xd, 1).a);
	need("FSGSBASE", seven.b);
	features.page_1g = cpuid(0x80000001, 0).d >> 26 & 1;
	features.smep = seven.b >> 7 & !options.nosmep;
	features.smap = seven.b >> 20 & !options.nosmap;
	features.umip = seven.c >> 2 & 1;
	features.invariant_tsc = cpuid(0x80000007, 0).d >> 8 & 1;
	features.x87_pointers = cpuid(0x80000008, 0).b >> 2 & 1;
}

void features_init(void) {
	ask_cpuid();
	/* QEMU's TCG (7.2 and before) reads an IRET frame of ring 3 as the supervisor. */
	if (features.smap && !options.smap && under_tcg()) {
		features.smap = false;
		log_info("SMAP stays off under QEMU's TCG (option smap: on all the same)");
	}
	init_xsave();
}

void cpu_init(void) {
	write_cr0(CR0_ALWAYS);
	write_cr4(CR4_ALWAYS | features.umip * CR4_UMIP | features.smep * CR4_SMEP | features.smap * CR4_SMAP);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_PAT, PAT_AS_LINUX);
	xsetbv(features.xcr0);
}
