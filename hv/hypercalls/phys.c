/* SPDX-License-Identifier: Apache-2.0 */
/* phys: the machine's devices, for the domain that drives them.
 * Calls:      phys_*
 * Rules:      R1, R2 (dev/dev.h), P1 (mm/p2m.h)
 * Read first: dev/dev.h */
#include "cpu/vcpu.h"
#include "dev/dev.h"
#include "hypercalls/handlers.h"

#define DEVICE_BATCH 1024ul /* frames a call */

long hc_phys_ports(u64 domid, u64 first, u64 count, u64 allow) {
	HOLD_OR_RETURN(d, domid);
	long rc;

	if (allow > 1) return -PV_EINVAL;
	rc = io_ports_set(d, first, count, allow);
	/* Who has them open now looks again at what is allowed. */
	vcpu_ports_shut(this_cpu());
	if (!allow) tlb_shootdown(cpus_up & ~(1ull << this_cpu()->id));
	return rc;
}

static int device_map(struct domain *d, u64 gfn, u64 mfn) {
	if (frame_is_ram(MFN(mfn)) || ioapic_owns(mfn << PAGE_SHIFT, PAGE_SIZE)) return -PV_EACCES;
	return p2m_add(d, GFN(gfn), MFN(mfn), 0, PV_MEM_DEVICE);
}

long hc_phys_memory(u64 domid, u64 gfn, u64 mfn, u64 count, u64 allow) {
	HOLD_OR_RETURN(d, domid);
	u64 n = 0;
	int rc = 0;

	if (allow > 1 || gfn >= PV_MAX_GFN || count > PV_MAX_GFN - gfn || mfn >= PV_MAX_GFN || count > PV_MAX_GFN - mfn)
		return -PV_EINVAL;
	if (!allow) return domain_release(d, gfn, count, true);
	for (; n < MIN(count, DEVICE_BATCH) && !rc; n += !rc) rc = device_map(d, gfn + n, mfn + n);
	return n ? (long)n : rc;
}

OWN3(phys_irq_bind, irq_bind_gsi(own_domain, a, b, c))
OWN1(phys_irq_eoi, irq_eoi(own_domain, a))

long hc_phys_msi_bind(gva_t out, u64 vcpu) {
	u64 ad[2];
	long port = irq_bind_msi(current()->dom, vcpu, ad);

	if (port >= 0 && copy_out(out, ad, sizeof(ad)))
		return -PV_EFAULT; /* the port stays: event_close gives it back */
	return port;
}

long hc_phys_reboot(u64 how) {
	if (how > 1) return -PV_EINVAL;
	if (how) machine_reset();
	machine_poweroff();
}
