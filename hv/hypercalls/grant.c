/* SPDX-License-Identifier: Apache-2.0 */
/* grant: leave to another domain to reach one of my frames.
 * Calls:      grant_table, grant_map, grant_unmap, grant_copy
 * Rules:      G1-G6 (domain/grant.h)
 * Read first: pv/grant.h, domain/grant.h */
#include "domain/grant.h"
#include "hypercalls/handlers.h"

OWN2(grant_table, grant_table_set(own_domain, a, b))

/* Most batches are of one: it pays for no loop. */
#define BATCH(call)                                                                                                \
	long hc_##call(gva_t ops, u64 count) {                                                                     \
		return likely(count == 1) ? call(ops, 1)                                                           \
					  : batch(ops, count, PV_GRANT_BATCH_MAX, sizeof(struct pv_##call), call); \
	}
BATCH(grant_map)
BATCH(grant_unmap)
BATCH(grant_copy)
