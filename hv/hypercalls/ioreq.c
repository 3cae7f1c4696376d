/* SPDX-License-Identifier: Apache-2.0 */
/* ioreq: emulated devices.
 * Calls:      ioreq_*
 * Read first: pv/ioreq.h, domain/ioreq.h */
#include "domain/ioreq.h"
#include "hypercalls/handlers.h"

ON2(ioreq_start, ioreq_start(own_domain, d, a, b))
ON0(ioreq_stop, ioreq_stop(own_domain, d))
ON2(ioreq_done, ioreq_done(own_domain, d, a, b))
OWN2(ioreq_irq_bind, ioreq_irq_bind(own_domain, a, b))

long hc_ioreq_access(u64 how, u64 address, gva_t data, u64 count) {
	struct io_access a = {address, data, 0, how >> 24, how >> 8, how >> 16 & 1};

	if (how != PV_IOREQ_ACCESS(a.space, a.write, a.size) || a.space > PV_IOREQ_MEMORY || !count ||
	    bits_count(a.size) != 1 || a.size > (a.space == PV_IOREQ_MEMORY ? 8 : 4) ||
	    (a.space == PV_IOREQ_MEMORY && count > 1))
		return -PV_EINVAL;
	a.count = MIN(count, PV_IOREQ_DATA / a.size);
	return ioreq_access(current(), &a);
}
