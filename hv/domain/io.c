/* SPDX-License-Identifier: Apache-2.0 */
/* io: rights to I/O ports.
 * Calls:      phys_ports
 * Owns:       struct io_rights: made under lock DOMAIN, bits changed atomically, lasts as long as the domain
 * Read first: io.h */
#include "domain/io.h"

#define IO_ORDER 1 /* two pages */
_Static_assert(sizeof(struct io_rights) == PAGE_SIZE << IO_ORDER, "the map fills its pages");

int io_ports_set(struct domain *d, u64 first, u64 count, bool allow)
{
	static u64 versions;
	struct io_rights *r;

	if (first >= IO_PORTS || count > IO_PORTS - first)
		return -PV_EINVAL;
	lock(&d->lock);
	r = d->io;
	if (!r && allow && (r = hv_page_alloc(IO_ORDER))) {
		__builtin_memset(r, 0xff, sizeof(*r));
		atomic_store(&d->io, r);
	}
	for (u64 p = first; r && p < first + count; p++) {
		if (allow)
			bit_clear(r->refused, p);
		else
			bit_set(r->refused, p);
	}
	if (r)
		atomic_store(&d->io_version, atomic_add(&versions, 1));
	unlock(&d->lock);
	return allow && !r ? -PV_ENOMEM : 0;
}

void io_free(struct domain *d)
{
	hv_page_free(d->io, IO_ORDER);
}
