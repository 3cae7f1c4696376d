/* SPDX-License-Identifier: Apache-2.0 */
/* cpuid: what guests are told of the CPU: the machine's own answer less what ring 3 cannot have.
 * Calls:      cpuid, domain_cpuid
 * Read first: pv/cpu.h */
#include "cpu/cpuid.h"
#include "cpu/cpu.h"
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

static void clear(struct pv_cpuid *c)
{
	c->eax = c->ebx = c->ecx = c->edx = 0;
}

static void leaf_1(struct pv_cpuid *c)
{
	c->ecx = (c->ecx & ~LEAF1_C_HIDE) | BIT32(31); /* hypervisor */
	c->ecx = features.xsave ? c->ecx | BIT32(27) : c->ecx & ~(BIT32(26) | BIT32(27));
	c->edx = (c->edx & ~LEAF1_D_HIDE) | BIT32(13); /* PGE */
	c->ebx &= 0x0000ffff;
}

static void leaf_7(struct pv_cpuid *c)
{
	if (c->subleaf == 0) {
		c->eax = 1;
		c->ebx &= ~LEAF7_B_HIDE;
		c->ecx &= ~LEAF7_C_HIDE;
		c->edx = 0;
	} else if (c->subleaf == 1) {
		c->eax = (c->eax & LEAF7_1_A_KEEP) | LEAF7_1_A_ADD;
		c->ebx = c->ecx = c->edx = 0;
	} else {
		clear(c);
	}
}

/* XSAVE: what XCR0 holds, no supervisor states. */
static void leaf_d(struct pv_cpuid *c)
{
	if (!features.xsave) {
		clear(c);
	} else if (c->subleaf == 0) {
		c->eax = (u32)features.xcr0;
		c->edx = features.xcr0 >> 32;
		c->ebx = c->ecx = features.xsave_size;
	} else if (c->subleaf == 1) {
		c->eax &= 7; /* XSAVEOPT, XSAVEC, XGETBV with ecx 1 */
		c->ebx = features.xsave_size;
		c->ecx = c->edx = 0;
	} else if (c->subleaf > 62 || !(features.xcr0 >> c->subleaf & 1)) {
		clear(c);
	}
}

static void hypervisor_leaf(struct pv_cpuid *c)
{
	clear(c);
	switch (c->leaf - PV_CPUID_BASE) {
	case 0:
		c->eax = PV_CPUID_BASE + 2;
		c->ebx = 0x676e6952; /* "RingsideRing" */
		c->ecx = 0x65646973;
		c->edx = 0x676e6952;
		break;
	case 1:
		c->eax = PV_ABI_VERSION;
		break;
	case 2:
		c->eax = PV_HYPERCALL_MAX;
		break;
	}
}

static void extended_leaf(struct pv_cpuid *c)
{
	switch (c->leaf) {
	case 0x80000001:
		c->ecx &= ~EXT1_C_HIDE;
		c->edx &= ~EXT1_D_HIDE;
		break;
	case 0x80000007:
		c->eax = c->ebx = c->ecx = 0;
		c->edx = BIT32(8); /* invariant TSC */
		break;
	case 0x80000008:
		c->eax = 48 | 48 << 8; /* 36-bit gfns, 4 levels */
		c->ebx &= BIT32(0) | BIT32(9);
		c->ecx = c->edx = 0;
		break;
	case 0x8000000a: /* SVM */
	case 0x8000001b: /* IBS */
	case 0x8000001f: /* SEV */
		clear(c);
	}
}

static void basic_leaf(struct pv_cpuid *c)
{
	switch (c->leaf) {
	case 1:
		leaf_1(c);
		break;
	case 7:
		leaf_7(c);
		break;
	case 0xd:
		leaf_d(c);
		break;
	case 3:
	case 5:
	case 6:
	case 0xa:
	case 0xb: /* topology: a guest's vCPUs are not the machine's CPUs */
	case 0xf ... 0x14:
	case 0x17 ... 0x1f:
		clear(c);
	}
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
	struct cpuid_regs r = cpuid(c->leaf, c->subleaf);

	c->eax = r.a;
	c->ebx = r.b;
	c->ecx = r.c;
	c->edx = r.d;
	if (c->leaf >= 0x80000000u)
		extended_leaf(c);
	else if (c->leaf >= PV_CPUID_BASE)
		hypervisor_leaf(c);
	else if (c->leaf > MAX(cpuid(0, 0).a, 7u))
		clear(c);
	else
		basic_leaf(c);
	if (c->leaf == 0)
		c->eax = MAX(c->eax, 7u);
	domain_mask(d, c);
}
