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

long hc_ioreq_range(u64 domid, u64 space, u64 first, u64 count, u64 flags)
{
	HOLD_OR_RETURN(d, domid);
	return ioreq_range(current()->dom, d, space, first, count, flags);
}

long hc_ioreq_done(u64 domid, u64 vcpus, u64 gsis)
{
	HOLD_OR_RETURN(d, domid);
	return ioreq_done(current()->dom, d, vcpus, gsis);
}

long hc_ioreq_irq_bind(u64 gsi, u64 vcpu)
{
	return ioreq_irq_bind(current()->dom, gsi, vcpu);
}
