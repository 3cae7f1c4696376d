/* SPDX-License-Identifier: Apache-2.0 */
/* ioreq: emulated devices.
 * Calls:      ioreq_*
 * Read first: pv/ioreq.h, domain/ioreq.h */
#include "domain/ioreq.h"
#include "hypercalls/handlers.h"

long hc_ioreq_start(u64 domid, u64 gpa, u64 port)
{
	HOLD_OR_RETURN(d, domid);
	return ioreq_start(current()->dom, d, gpa, port);
}

long hc_ioreq_stop(u64 domid)
{
	HOLD_OR_RETURN(d, domid);
	return ioreq_stop(current()->dom, d);
}

long hc_ioreq_done(u64 domid, u64 vcpus, u64 gsis)
{
	HOLD_OR_RETURN(d, domid);
	return ioreq_done(current()->dom, d, vcpus, gsis);
}

OWN2(ioreq_irq_bind, ioreq_irq_bind(own_domain, a, b))

long hc_ioreq_access(u64 how, u64 address, gva_t data, u64 count)
{
	struct io_access a = {address, data, 0, how >> 24, how >> 8, how >> 16 & 1};

	if (how != PV_IOREQ_ACCESS(a.space, a.write, a.size) || a.space > PV_IOREQ_MEMORY ||
	    !count || bits_count(a.size) != 1 || a.size > (a.space == PV_IOREQ_MEMORY ? 8 : 4))
		return -PV_EINVAL;
	a.count = MIN(count, PV_IOREQ_DATA / a.size);
	return ioreq_access(current(), &a);
}
