/* SPDX-License-Identifier: Apache-2.0 */
/* cpuid: what guests are told of the CPU: the machine's own answer less what ring 3 cannot have.
 * Calls:      cpuid, domain_cpuid
 * Read first: pv/cpu.h */
#include "cpu/vcpu.h"
#include "cpu/insn.h"
#include "domain/domain.h"

#include <pv/hypercall.h>

#define BIT32(n) (1u << (n))

/* What a word of a leaf may show. Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E. */
#define LEAF1_C_HIDE \
	(BIT32(3) /* MONITOR */ | BIT32(5) /* VMX */ | BIT32(6) /* SMX */ | BIT32(15) /* PDCM */ | \
	 BIT32(17) /* PCID */ | BIT32(18) /* DCA */ | BIT32(21) /* x2APIC */ | BIT32(24) /* deadline */)
#define LEAF1_D_HIDE \
	(BIT32(1) /* VME */ | BIT32(7) /* MCE */ | BIT32(9) /* APIC */ | BIT32(11) /* SEP */ | \
	 BIT32(12) /* MTRR */ | BIT32(14) /* MCA */ | BIT32(21) /* DS */ | BIT32(22) /* ACPI */ | \
	 BIT32(29) /* TM */)
#define LEAF7_B_HIDE \
	(BIT32(1) /* TSC_ADJUST */ | BIT32(2) /* SGX */ | BIT32(4) /* HLE */ | BIT32(7) /* SMEP */ | \
	 BIT32(10) /* INVPCID */ | BIT32(11) /* RTM */ | BIT32(12) /* QM */ | BIT32(14) /* MPX */ | \
	 BIT32(15) /* QE */ | BIT32(20) /* SMAP */ | BIT32(25) /* PT */)
#define LEAF7_C_HIDE \
	(BIT32(2) /* UMIP */ | BIT32(3) /* PKU */ | BIT32(4) /* OSPKE */ | BIT32(5) /* WAITPKG */ | \
	 BIT32(7) /* SHSTK */ | BIT32(13) /* TME */ | BIT32(16) /* LA57 */ | BIT32(22) /* RDPID */ | \
	 BIT32(29) /* ENQCMD */ | BIT32(30) /* SGX_LC */ | BIT32(31) /* PKS */)
#define LEAF7_1_A_KEEP 0x00001c31u /* SHA512 to AVX-VNNI, fast string moves             */
#define LEAF7_1_A_ADD  (BIT32(17) /* FRED */ | BIT32(18) /* LKGS */)
#define EXT1_C_HIDE \
	(BIT32(2) /* SVM */ | BIT32(3) /* extended APIC */ | BIT32(10) /* IBS */ | BIT32(12) /* SKINIT */ | \
	 BIT32(13) /* WDT */ | BIT32(15) /* LWP */ | BIT32(22) /* topology */ | BIT32(23) | BIT32(24) | \
	 BIT32(27) | BIT32(28) /* perf counters */ | BIT32(29) /* MWAITX */)
#define EXT1_D_HIDE (BIT32(7) | BIT32(9) | BIT32(12) | BIT32(14) | BIT32(26) /* 1 GiB pages */ | BIT32(27) /* RDTSCP */)


#define ANY 0xffffffffu /* subleaf */
#define ALL 0xffffffffu

/* Each word of a leaf is what the machine says & keep | set. The first rule that fits counts; with none the leaf
 * is shown as it is. */
static const struct rule {
	u32 first, last, subleaf;
	struct cpuid_regs keep, set;
} rules[] = {
	{1, 1, ANY, {ALL, 0xffff, ~LEAF1_C_HIDE, ~LEAF1_D_HIDE},
	 {.c = BIT32(27) /* OSXSAVE */ | BIT32(31) /* hypervisor */, .d = BIT32(13) /* PGE */}},
	{3, 3, ANY, {0}, {0}},
	{5, 6, ANY, {0}, {0}},
	{7, 7, 0, {0, ~LEAF7_B_HIDE, ~LEAF7_C_HIDE, 0}, {.a = 1}},
	{7, 7, 1, {.a = LEAF7_1_A_KEEP}, {.a = LEAF7_1_A_ADD}},
	{7, 7, ANY, {0}, {0}},
	{0xa, 0xb, ANY, {0}, {0}}, /* topology: a guest's vCPUs are not the machine's CPUs */
	{0xd, 0xd, 1, {.a = 7 /* XSAVEOPT, XSAVEC, XGETBV with ecx 1 */}, {0}},
	{0xf, 0x14, ANY, {0}, {0}},
	{0x17, 0x1f, ANY, {0}, {0}},
	{PV_CPUID_BASE, PV_CPUID_BASE, ANY, {0}, /* "RingsideRing" */
	 {PV_CPUID_BASE + 2, 0x676e6952, 0x65646973, 0x676e6952}},
	{PV_CPUID_BASE + 1, PV_CPUID_BASE + 1, ANY, {0}, {.a = PV_ABI_VERSION}},
	{PV_CPUID_BASE + 2, PV_CPUID_BASE + 2, ANY, {0}, {.a = PV_HYPERCALL_MAX}},
	{PV_CPUID_BASE + 3, 0x7fffffff, ANY, {0}, {0}},
	{0x80000001, 0x80000001, ANY, {ALL, ALL, ~EXT1_C_HIDE, ~EXT1_D_HIDE}, {0}},
	{0x80000007, 0x80000007, ANY, {0}, {.d = BIT32(8) /* invariant TSC */}},
	{0x80000008, 0x80000008, ANY, {.b = BIT32(0) | BIT32(9)}, {.a = 48 | 48 << 8}},
	{0x8000000a, 0x8000000a, ANY, {0}, {0}}, /* SVM */
	{0x8000001b, 0x8000001b, ANY, {0}, {0}}, /* IBS */
	{0x8000001f, 0x8000001f, ANY, {0}, {0}}, /* SEV */
};

static void apply(struct pv_cpuid *c, const struct cpuid_regs *keep, const struct cpuid_regs *set)
{
	c->eax = (c->eax & keep->a) | set->a;
	c->ebx = (c->ebx & keep->b) | set->b;
	c->ecx = (c->ecx & keep->c) | set->c;
	c->edx = (c->edx & keep->d) | set->d;
}

/* XSAVE: what XCR0 holds, no supervisor states. */
static void leaf_d(struct pv_cpuid *c)
{
	if (c->subleaf == 0)
		apply(c, &(struct cpuid_regs){(u32)features.xcr0, ALL, 0, features.xcr0 >> 32},
		      &(struct cpuid_regs){.c = features.xsave_size});
	else if (c->subleaf == 1)
		c->ebx = features.xsave_size;
	else if (c->subleaf > 62 || !(features.xcr0 >> c->subleaf & 1))
		c->eax = c->ebx = c->ecx = c->edx = 0;
}

static void domain_mask(const struct domain *d, struct pv_cpuid *c)
{
	for (const struct pv_cpuid *m = d->cpuid_mask; m && m->leaf != ~0u; m++) {
		if (m->leaf != c->leaf || m->subleaf != c->subleaf)
			continue;
		c->eax &= m->eax;
		c->ebx &= m->ebx;
		c->ecx &= m->ecx;
		c->edx &= m->edx;
	}
}

void cpuid_answer(const struct domain *d, struct pv_cpuid *c)
{
	static const struct cpuid_regs none;
	struct cpuid_regs r = cpuid(c->leaf, c->subleaf);
	u32 max = MAX(cpuid(0, 0).a, 7u);

	if (c->leaf > max && c->leaf < PV_CPUID_BASE)
		r = none;
	apply(c, &none, &r);
	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule *u = &rules[i];

		if (c->leaf < u->first || c->leaf > u->last ||
		    (u->subleaf != ANY && u->subleaf != c->subleaf))
			continue;
		apply(c, &u->keep, &u->set);
		break;
	}
	if (c->leaf == 0)
		c->eax = max;
	if (c->leaf == 0xd)
		leaf_d(c);
	domain_mask(d, c);
}
