/* SPDX-License-Identifier: Apache-2.0 */
/* cpuid: what guests are told of the CPU: the machine's own answer less what ring 3 cannot have.
 * Calls:      cpuid, domain_cpuid
 * Read first: pv/cpu.h */
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "cpu/vcpu.h"
#include "domain/domain.h"

#include <pv/hypercall.h>

/* What words of leaves do not show: bits by name and number. Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E. */
/* MONITOR 3, VMX 5, SMX 6, PDCM 15, PCID 17, DCA 18, x2APIC 21, deadline 24 */
#define LEAF1_C_HIDE 0x01268068u
/* VME 1, MCE 7, APIC 9, SEP 11, MTRR 12, MCA 14, DS 21, ACPI 22, TM 29 */
#define LEAF1_D_HIDE 0x20605a82u
/* OSXSAVE 27, hypervisor 31; PGE 13 */
#define LEAF1_C_ADD 0x88000000u
#define LEAF1_D_ADD 0x00002000u
/* TSC_ADJUST 1, SGX 2, HLE 4, SMEP 7, INVPCID 10, RTM 11, QM 12, MPX 14, QE 15, SMAP 20, PT 25 */
#define LEAF7_B_HIDE 0x0210dc96u
/* UMIP 2, PKU 3, OSPKE 4, WAITPKG 5, SHSTK 7, TME 13, LA57 16, RDPID 22, ENQCMD 29, SGX_LC 30, PKS 31 */
#define LEAF7_C_HIDE 0xe04120bcu
/* SVM 2, extended APIC 3, IBS 10, SKINIT 12, WDT 13, LWP 15, topology 22, counters 23 24 27 28, MWAITX 29 */
#define EXT1_C_HIDE 0x39c0b40cu
/* MCE 7, APIC 9, MTRR 12, MCA 14, 1 GiB pages 26, RDTSCP 27 */
#define EXT1_D_HIDE 0x0c005280u
/* SHA512 to AVX-VNNI, fast string moves; FRED 17, LKGS 18 */
#define LEAF7_1_A_KEEP 0x00001c31u
#define LEAF7_1_A_ADD  0x00060000u

/* PV_CPUID_BASE says "RingsideRing". */
#define RING 0x676e6952u
#define SIDE 0x65646973u

#define ANY 0xffffffffu /* subleaf */
#define ALL 0xffffffffu

/* Each word of a leaf is what the machine says & keep | set. The first rule that fits counts; with none the leaf
 * is shown as it is. */
static const struct rule {
	u32 first, last, subleaf;
	struct cpuid_regs keep, set;
} rules[] = {
	{1,
	 1,
	 ANY,
	 {ALL, 0xffff, ~LEAF1_C_HIDE, ~LEAF1_D_HIDE},
	 {.c = LEAF1_C_ADD, .d = LEAF1_D_ADD}},
	{3, 3, ANY, {0}, {0}},
	{5, 6, ANY, {0}, {0}},
	{7, 7, 0, {0, ~LEAF7_B_HIDE, ~LEAF7_C_HIDE, 0}, {.a = 1}},
	{7, 7, 1, {.a = LEAF7_1_A_KEEP}, {.a = LEAF7_1_A_ADD}},
	{7, 7, ANY, {0}, {0}},
	{0xa, 0xb, ANY, {0}, {0}}, /* topology: a guest's vCPUs are not the machine's CPUs */
	{0xd, 0xd, 1, {.a = 7 /* XSAVEOPT, XSAVEC, XGETBV with ecx 1 */}, {0}},
	{0xf, 0x14, ANY, {0}, {0}},
	{0x17, 0x1f, ANY, {0}, {0}},
	{PV_CPUID_BASE, PV_CPUID_BASE, ANY, {0}, {PV_CPUID_BASE + 2, RING, SIDE, RING}},
	{PV_CPUID_BASE + 1, PV_CPUID_BASE + 1, ANY, {0}, {.a = PV_ABI_VERSION}},
	{PV_CPUID_BASE + 2, PV_CPUID_BASE + 2, ANY, {0}, {.a = PV_HYPERCALL_MAX}},
	{PV_CPUID_BASE + 3, 0x7fffffff, ANY, {0}, {0}},
	{0x80000001, 0x80000001, ANY, {ALL, ALL, ~EXT1_C_HIDE, ~EXT1_D_HIDE}, {0}},
	{0x80000007, 0x80000007, ANY, {0}, {.d = 1u << 8 /* invariant TSC */}},
	{0x80000008, 0x80000008, ANY, {.b = 1u << 0 | 1u << 9}, {.a = 48 | 48 << 8}},
	{0x8000000a, 0x8000000a, ANY, {0}, {0}}, /* SVM */
	{0x8000001b, 0x8000001f, ANY, {0}, {0}}, /* IBS, LWP, topology, SEV */
};

static void apply(struct cpuid_regs *r, struct cpuid_regs keep, struct cpuid_regs set)
{
	r->a = (r->a & keep.a) | set.a;
	r->b = (r->b & keep.b) | set.b;
	r->c = (r->c & keep.c) | set.c;
	r->d = (r->d & keep.d) | set.d;
}

/* XSAVE: what XCR0 holds, no supervisor states. */
static void leaf_d(u32 subleaf, struct cpuid_regs *r)
{
	u64 xcr0 = features.xcr0;

	if (subleaf == 0)
		*r = (struct cpuid_regs){r->a & xcr0, r->b, features.xsave_size, r->d & xcr0 >> 32};
	else if (subleaf == 1)
		r->b = features.xsave_size;
	else if (subleaf > 62 || !(xcr0 >> subleaf & 1))
		*r = (struct cpuid_regs){0};
}

void cpuid_answer(const struct domain *d, struct pv_cpuid *c)
{
	static const struct cpuid_regs none;
	struct cpuid_regs r = cpuid(c->leaf, c->subleaf);
	u32 max = MAX(cpuid(0, 0).a, 7u);

	if (c->leaf > max && c->leaf < PV_CPUID_BASE)
		r = none;
	for (const struct rule *u = rules; u < rules + ARRAY_SIZE(rules); u++)
		if (c->leaf >= u->first && c->leaf <= u->last &&
		    (u->subleaf == ANY || u->subleaf == c->subleaf)) {
			apply(&r, u->keep, u->set);
			break;
		}
	if (c->leaf == 0)
		r.a = max;
	if (c->leaf == 0xd)
		leaf_d(c->subleaf, &r);
	for (const struct pv_cpuid *m = d->cpuid_mask; m && m->leaf != ~0u; m++)
		if (m->leaf == c->leaf && m->subleaf == c->subleaf)
			apply(&r, (struct cpuid_regs){m->eax, m->ebx, m->ecx, m->edx}, none);
	c->eax = r.a;
	c->ebx = r.b;
	c->ecx = r.c;
	c->edx = r.d;
}
