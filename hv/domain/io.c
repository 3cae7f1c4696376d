/* SPDX-License-Identifier: Apache-2.0 */
/* io: rights to I/O ports.
 * Calls:      phys_ports
 * Owns:       struct io_rights: made under lock DOMAIN, bits changed atomically, lasts as long as the domain
 * Read first: io.h */
#include "domain/io.h"

#define IO_ORDER 1 /* two pages */
_Static_assert(sizeof(struct io_rights) == PAGE_SIZE << IO_ORDER, "the map fills its pages");

static struct io_rights *rights_make(void)
{
	struct io_rights *r = hv_page_alloc(IO_ORDER);

	if (r)
		__builtin_memset(r, 0xff, sizeof(*r));
	return r;
}

int io_ports_set(struct domain *d, u64 first, u64 count, bool allow)
{
	int rc = 0;

	if (first >= IO_PORTS || count > IO_PORTS - first)
		return -PV_EINVAL;
	lock(&d->lock);
	if (!d->io && allow) {
		struct io_rights *r = rights_make();

		if (r)
			atomic_store(&d->io, r);
		else
			rc = -PV_ENOMEM;
	}
	for (u64 p = first; d->io && p < first + count; p++) {
		if (allow)
			bit_clear(d->io->refused, p);
		else
			bit_set(d->io->refused, p);
	}
	unlock(&d->lock);
	return rc;
}

bool io_port_allowed(struct domain *d, u32 port, u32 bytes)
{
	struct io_rights *r = READ_ONCE(d->io);

	if (!r || port >= IO_PORTS || bytes > IO_PORTS - port)
		return false;
	for (u32 p = port; p < port + bytes; p++)
		if (bit_test(r->refused, p))
			return false;
	return true;
}

void io_free(struct domain *d)
{
	hv_page_free(d->io, IO_ORDER);
	d->io = NULL;
}
