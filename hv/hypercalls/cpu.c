/* SPDX-License-Identifier: Apache-2.0 */
/* cpu: a vCPU's own machine state.
 * Calls:      vcpu_area, event_entry, event_deliver, debug_*, desc_set, ldt_set
 * Read first: cpu/fred.h, cpu/vcpu.h */
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
	e->g.stack_min = e->syscall_min = PV_KERNEL_MIN + 64;
	e->slow |= ENTRY_SLOW_PENDING; /* NMIs */
	return 0;
}

/* Writable data of 16 bits. As a stack it is looked for in an LDT only (trap_exit). */
static bool desc_is_stack16(u64 d) { return (d >> 40 & 0x1a) == 0x12 && !(d >> 54 & 1); }

/* May a guest have this descriptor? Code or data (S=1), present or not, DPL 3, no conforming code, never 64-bit code:
 * what a TLS segment or user LDT is. */
static bool desc_allowed(u64 d) {
	return d == 0 || ((d >> 40 & 0x70) == 0x70 && (d >> 40 & 0xc) != 0xc && !(d >> 53 & 1));
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
