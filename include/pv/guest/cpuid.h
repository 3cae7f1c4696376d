/* SPDX-License-Identifier: MIT */
/* cpuid: what a guest kernel should believe of the CPU (pv_cpuid_answer): what the CPUID instruction says, which is not
 * intercepted in ring 3, less what the domain's builder masks, less what ring 3 cannot have. Programs execute the
 * instruction themselves and see the machine: masks hide from them only what they ask their kernel about. */
#ifndef PV_CPUID_H
#define PV_CPUID_H

#include <pv/hypercall.h>

/* What words of leaves do not show: bits by name and number. Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E. */
/* MONITOR 3, VMX 5, SMX 6, PDCM 15, PCID 17, DCA 18, x2APIC 21, deadline 24 */
#define PV_CPUID_1_C_HIDE 0x01268068u
/* VME 1, MCE 7, APIC 9, SEP 11, MTRR 12, MCA 14, DS 21, ACPI 22, TM 29 */
#define PV_CPUID_1_D_HIDE 0x20605a82u
/* XSAVE 26, OSXSAVE 27, hypervisor 31; PGE 13. Every machine has XSAVE, and ring 0 has switched it on: a kernel that
 * believed a mask of it would lose registers that programs use. */
#define PV_CPUID_1_C_ADD 0x8c000000u
#define PV_CPUID_1_D_ADD 0x00002000u
/* TSC_ADJUST 1, SGX 2, HLE 4, SMEP 7, INVPCID 10, RTM 11, QM 12, MPX 14, QE 15, SMAP 20, PT 25 */
#define PV_CPUID_7_B_HIDE 0x0210dc96u
/* UMIP 2, PKU 3, OSPKE 4, WAITPKG 5, SHSTK 7, TME 13, LA57 16, RDPID 22, ENQCMD 29, SGX_LC 30, PKS 31 */
#define PV_CPUID_7_C_HIDE 0xe04120bcu
/* SVM 2, extended APIC 3, IBS 10, SKINIT 12, WDT 13, LWP 15, topology 22, counters 23 24 27 28, MWAITX 29 */
#define PV_CPUID_EXT1_C_HIDE 0x39c0b40cu
/* MCE 7, APIC 9, MTRR 12, MCA 14, 1 GiB pages 26, RDTSCP 27 */
#define PV_CPUID_EXT1_D_HIDE 0x0c005280u
/* SHA512 to AVX-VNNI, fast string moves; FRED 17, LKGS 18 */
#define PV_CPUID_7_1_A_KEEP 0x00001c31u
#define PV_CPUID_7_1_A_ADD  0x00060000u

struct pv_cpuid_words {
	uint32_t a, b, c, d;
};

static inline struct pv_cpuid_words pv_cpuid_machine(uint32_t leaf, uint32_t subleaf)
{
	struct pv_cpuid_words r;

	__asm__ volatile("cpuid"
			 : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

/* XSAVE: what XCR0 holds, no supervisor states. */
static inline void pv_cpuid_xsave(struct pv_cpuid *c)
{
	uint32_t lo, hi, have;

	__asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	have = c->subleaf < 32 ? lo >> c->subleaf : c->subleaf < 63 ? hi >> (c->subleaf - 32) : 0;
	if (c->subleaf == 0) {
		c->eax &= lo;
		c->ecx = c->ebx;
		c->edx &= hi;
	} else if (c->subleaf == 1) {
		c->eax &= 7; /* XSAVEOPT, XSAVEC, XGETBV with ecx 1 */
		c->ebx = pv_cpuid_machine(0xd, 0).b;
		c->ecx = c->edx = 0;
	} else if (!(have & 1)) {
		c->eax = c->ebx = c->ecx = c->edx = 0;
	}
}

/* The CPU's own answer for c's leaf and subleaf, but for what names hypervisors. */
static inline void pv_cpuid_named(struct pv_cpuid *c)
{
	static const struct pv_cpuid_words own[] = {
		{PV_CPUID_BASE + 2, 0x676e6952, 0x65646973, 0x676e6952}, /* "Ring" "side" "Ring" */
		{.a = PV_ABI_VERSION},
		{.a = PV_HYPERCALL_MAX},
	};
	struct pv_cpuid_words r = {0};
	uint32_t nr = c->leaf - PV_CPUID_BASE;

	if (nr < sizeof(own) / sizeof(own[0]))
		r = own[nr];
	else if (nr >= 0x80000000u - PV_CPUID_BASE)
		r = pv_cpuid_machine(c->leaf, c->subleaf);
	c->eax = r.a;
	c->ebx = r.b;
	c->ecx = r.c;
	c->edx = r.d;
}

/* Leaf 0xd, which says what XCR0 holds, is as it is: programs use all of that, and a kernel must keep it for them. */
static inline void pv_cpuid_mask(struct pv_cpuid *c, const struct pv_cpuid_masks *masks)
{
	uint32_t i;

	for (i = 0; i < masks->count && i < PV_CPUID_MASKS; i++) {
		const struct pv_cpuid *m = &masks->mask[i];

		if (m->leaf != c->leaf || m->leaf == 0xd ||
		    (m->subleaf != PV_CPUID_ANY && m->subleaf != c->subleaf))
			continue;
		c->eax &= m->eax;
		c->ebx &= m->ebx;
		c->ecx &= m->ecx;
		c->edx &= m->edx;
	}
}

/* To be called on the machine's answer, leaf and subleaf still there. */
static inline void pv_cpuid_ring3(struct pv_cpuid *c)
{
	enum { any = PV_CPUID_ANY, all = ~0u };
	/* Each word is what the machine says & keep | set. The first rule that fits counts; with none the leaf is
	 * shown as it is. */
	static const struct {
		uint32_t first, last, subleaf;
		struct pv_cpuid_words keep, set;
	} rules[] = {
		{1,
		 1,
		 any,
		 {all, 0xffff, ~PV_CPUID_1_C_HIDE, ~PV_CPUID_1_D_HIDE},
		 {.c = PV_CPUID_1_C_ADD, .d = PV_CPUID_1_D_ADD}},
		{3, 3, any, {0}, {0}},
		{5, 6, any, {0}, {0}},
		{7, 7, 0, {0, ~PV_CPUID_7_B_HIDE, ~PV_CPUID_7_C_HIDE, 0}, {.a = 1}},
		{7, 7, 1, {.a = PV_CPUID_7_1_A_KEEP}, {.a = PV_CPUID_7_1_A_ADD}},
		{7, 7, any, {0}, {0}},
		{0xa, 0xb, any, {0}, {0}}, /* topology: vCPUs are not the machine's CPUs */
		{0xf, 0x14, any, {0}, {0}},
		{0x17, 0x1f, any, {0}, {0}},
		{0x80000001,
		 0x80000001,
		 any,
		 {all, all, ~PV_CPUID_EXT1_C_HIDE, ~PV_CPUID_EXT1_D_HIDE},
		 {0}},
		{0x80000007, 0x80000007, any, {0}, {.d = 1u << 8 /* invariant TSC */}},
		{0x80000008, 0x80000008, any, {.b = 1u << 0 | 1u << 9}, {.a = 48 | 48 << 8}},
		{0x8000000a, 0x8000000a, any, {0}, {0}}, /* SVM */
		{0x8000001b, 0x8000001f, any, {0}, {0}}, /* IBS, LWP, topology, SEV */
	};
	uint32_t max = pv_cpuid_machine(0, 0).a;
	unsigned int i;

	if (max < 7)
		max = 7;
	if (c->leaf == 0)
		c->eax = max;
	if (c->leaf == 0xd)
		pv_cpuid_xsave(c);
	if (c->leaf > max && c->leaf < PV_CPUID_BASE)
		c->eax = c->ebx = c->ecx = c->edx = 0;
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (c->leaf >= rules[i].first && c->leaf <= rules[i].last &&
		    (rules[i].subleaf == any || rules[i].subleaf == c->subleaf)) {
			c->eax = (c->eax & rules[i].keep.a) | rules[i].set.a;
			c->ebx = (c->ebx & rules[i].keep.b) | rules[i].set.b;
			c->ecx = (c->ecx & rules[i].keep.c) | rules[i].set.c;
			c->edx = (c->edx & rules[i].keep.d) | rules[i].set.d;
			return;
		}
}

/* In: leaf and subleaf, as CPUID takes them in eax and ecx. masks: the start information's. */
static inline void pv_cpuid_answer(struct pv_cpuid *c, const struct pv_cpuid_masks *masks)
{
	pv_cpuid_named(c);
	pv_cpuid_mask(c, masks);
	pv_cpuid_ring3(c);
}

#endif
