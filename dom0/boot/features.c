/* SPDX-License-Identifier: Apache-2.0 */
/* features: what ring 0 will use of what the CPU says it can do. */
#include "cpu/insn.h"
#include "parsers.h"

static bool under_tcg(void) {
	struct cpuid_regs r = cpuid(0x40000000, 0);

	return cpuid(1, 0).c >> 31 && !memcmp(&r.b, "TCGTCGTCGTCG", 12);
}

#define XCR0_KNOWN 0xe7u /* x87, SSE, AVX, AVX-512: no MPX, no PKRU, no AMX */

/* What every CPU with long mode has is not asked for. */
const char *features_find(const struct options *o, struct features *f, bool *smap_left) {
	static const struct cpuid_regs none;
	struct cpuid_regs one = cpuid(1, 0), seven = cpuid(0, 0).a < 7 ? none : cpuid(7, 0);

	if (!(one.d >> 9 & 1)) return "the CPU has no local APIC";
	if (!(one.c >> 26 & 1)) return "the CPU has no XSAVE";
	if (!(cpuid(0xd, 1).a & 1)) return "the CPU has no XSAVEOPT";
	if (!(seven.b & 1)) return "the CPU has no FSGSBASE";
	f->xcr0 = cpuid(0xd, 0).a & XCR0_KNOWN;
	f->x2apic = one.c >> 21 & !o->nox2apic;
	f->page_1g = cpuid(0x80000001, 0).d >> 26;
	f->smep = seven.b >> 7 & !o->nosmep;
	f->smap = seven.b >> 20 & !o->nosmap;
	f->umip = seven.c >> 2;
	f->invariant_tsc = cpuid(0x80000007, 0).d >> 8;
	f->x87_pointers = cpuid(0x80000008, 0).b >> 2;
	/* QEMU's TCG (7.2 and before) reads an IRET frame of ring 3 as the supervisor. */
	*smap_left = f->smap && !o->smap && under_tcg();
	f->smap &= !*smap_left;
	return NULL;
}

u32 apic_id_find(void) {
	bool wide = cpuid(0, 0).a >= 0xb && cpuid(0xb, 0).b;

	return wide ? cpuid(0xb, 0).d : cpuid(1, 0).b >> 24;
}
