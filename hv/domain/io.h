/* SPDX-License-Identifier: Apache-2.0 */
/* io: which I/O ports a domain may reach. Device memory needs no list: the P2M says it (kind DEVICE).
 *
 * A bit set in the map means refused, as in the hardware's own (Intel SDM vol. 1, 19.5.2). */
#ifndef HV_IO_H
#define HV_IO_H

#include "domain/domain.h"

#define IO_PORTS 65536u

struct io_rights {
	u64 refused[IO_PORTS / 64];
};

/* -PV_EINVAL: range; -PV_ENOMEM. DOMAIN lock is taken. */
int io_ports_set(struct domain *d, u64 first, u64 count, bool allow);
void io_free(struct domain *d);

#endif
