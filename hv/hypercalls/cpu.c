/* SPDX-License-Identifier: Apache-2.0 */
/* cpu: a vCPU's own machine state.
 * Calls:      vcpu_area, event_entry, event_deliver, debug_*, desc_set, ldt_set, cpuid
 * Read first: cpu/fred.h, cpu/vcpu.h */
#include "cpu/desc.h"
#include "cpu/fred.h"
#include "cpu/insn.h"
#include "cpu/vcpu.h"
#include "hypercalls/handlers.h"

OWN0(event_deliver, (this_cpu()->entry->slow |= ENTRY_SLOW_PENDING, 0))
OWN1(vcpu_area, vcpu_area_set(current(), a))
OWN1(debug_get, vcpu_debug_get(current(), a))
OWN2(debug_set, vcpu_debug_set(current(), a, b))

long hc_event_entry(u64 entry, u64 stklvls) {
	struct entry *e = this_cpu()->entry;

	/* The kernel's entry is 256 bytes on, and must not leave the kernel half. */
	if (entry < PV_KERNEL_MIN || entry > -512ull) return -PV_EINVAL;
	e->g.event_entry = entry;
	e->g.stklvls = stklvls;
	e->g.stack_min = PV_KERNEL_MIN + 64;
	e->slow |= ENTRY_SLOW_PENDING; /* NMIs */
	return 0;
}

long hc_desc_set(u64 slot, u64 desc) {
	struct vcpu *v = current();

	if (slot < PV_GDT_TLS_MIN || slot > PV_GDT_CPUNODE || !desc_allowed(desc) || desc_is_stack16(desc))
		return -PV_EINVAL;
	v->tls[slot - PV_GDT_TLS_MIN] = this_cpu()->tls[slot - PV_GDT_TLS_MIN] = desc;
	return 0;
}

long hc_ldt_set(gva_t table, u64 entries) {
	struct vcpu *v = current();
	u64 *page;
	long rc = 0;

	if (entries > LDT_ENTRIES) return -PV_E2BIG;
	page = entries ? hv_page_alloc(0) : NULL;
	if (entries) rc = page ? copy_in(page, table, entries * sizeof(u64)) : -PV_ENOMEM;
	for (u64 i = 0; !rc && i < entries; i++) rc = desc_allowed(page[i]) ? 0 : -PV_EINVAL;
	if (rc) {
		hv_page_free(page, 0);
		return rc;
	}
	desc_set_ldt(this_cpu(), page, entries);
	hv_page_free(v->ldt, 0);
	v->ldt = page;
	v->ldt_entries = entries;
	v->rare = (v->rare & ~RARE_LDT) | (entries ? RARE_LDT : 0);
	return 0;
}

/* "RingsideRing" */
#define RING 0x676e6952u
#define SIDE 0x65646973u

/* The CPU's own answer, but for what names hypervisors: that is ours. */
static void machine_answer(struct pv_cpuid *c) {
	static const struct cpuid_regs own[] = {
		{PV_CPUID_BASE + 2, RING, SIDE, RING},
		{.a = PV_ABI_VERSION},
		{.a = PV_HYPERCALL_MAX},
	};
	struct cpuid_regs r = {0};
	u32 nr = c->leaf - PV_CPUID_BASE;

	if (nr < ARRAY_SIZE(own))
		r = own[nr];
	else if (nr >= 0x80000000 - PV_CPUID_BASE)
		r = cpuid(c->leaf, c->subleaf);
	c->eax = r.a;
	c->ebx = r.b;
	c->ecx = r.c;
	c->edx = r.d;
}

long hc_cpuid(gva_t leaf) {
	COPY_OR_RETURN(struct pv_cpuid, c, leaf);

	machine_answer(&c);
	for (const struct pv_cpuid *m = own_domain->cpuid_mask; m && m->leaf != ~0u; m++)
		if (m->leaf == c.leaf && m->subleaf == c.subleaf) {
			c.eax &= m->eax;
			c.ebx &= m->ebx;
			c.ecx &= m->ecx;
			c.edx &= m->edx;
		}
	return copy_out(leaf, &c, sizeof(c));
}
