/* SPDX-License-Identifier: Apache-2.0 */
/* grant: leave to another domain to reach one of my frames.
 * Calls:      grant_table, grant_map, grant_unmap, grant_copy
 * Rules:      G1-G4 (domain/grant.h)
 * Read first: pv/grant.h, domain/grant.h */
#include "domain/grant.h"
#include "hypercalls/handlers.h"

long hc_grant_table(u64 gpa, u64 pages)
{
	return grant_table_set(current()->dom, gpa, pages);
}

/* The loop that the three batches share: copied in once, worked on, copied out; a checkpoint after each. */
#define BATCH(type, fn)                                                              \
	do {                                                                         \
		if (count > PV_GRANT_BATCH_MAX)                                      \
			return -PV_E2BIG;                                            \
		for (u64 i = 0; i < count; i++) {                                    \
			gva_t at = GVA(ops.a + i * sizeof(type));                    \
			type op;                                                     \
                                                                                     \
			if (copy_in(&op, at, sizeof(op)))                            \
				return i ? (long)i : -PV_EFAULT;                     \
			fn(current()->dom, &op);                                     \
			if (copy_out(at, &op, sizeof(op)))                           \
				return -PV_EFAULT;                                   \
			if (this_cpu()->entry->slow & ENTRY_SLOW_RESCHED)            \
				return i + 1;                                        \
		}                                                                    \
		return count;                                                        \
	} while (0)

long hc_grant_map(gva_t ops, u64 count)
{
	BATCH(struct pv_grant_map, grant_map);
}

long hc_grant_unmap(gva_t ops, u64 count)
{
	BATCH(struct pv_grant_unmap, grant_unmap);
}

long hc_grant_copy(gva_t ops, u64 count)
{
	BATCH(struct pv_grant_copy, grant_copy);
}
