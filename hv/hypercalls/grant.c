/* SPDX-License-Identifier: Apache-2.0 */
/* grant: leave to another domain to reach one of my frames.
 * Calls:      grant_table, grant_map, grant_unmap, grant_copy
 * Rules:      G1-G4 (domain/grant.h)
 * Read first: pv/grant.h, domain/grant.h */
#include "domain/grant.h"
#include "hypercalls/handlers.h"

OWN2(grant_table, grant_table_set(own_domain, a, b))

/* The loop that the three batches share: each copied in once, worked on, copied out from its first result on; a
 * checkpoint between two. */
static ALWAYS_INLINE long batch(gva_t ops, u64 count, u64 size, u64 results,
				void (*fn)(struct domain *d, void *op))
{
	u8 op[sizeof(struct pv_grant_copy)] __attribute__((aligned(8)));

	if (count > PV_GRANT_BATCH_MAX)
		return -PV_E2BIG;
	for (u64 i = 0; i < count; i++, ops.a += size) {
		if (i && checkpoint())
			return i;
		if (copy_in(op, ops, size))
			return i ? (long)i : -PV_EFAULT;
		fn(current()->dom, op);
		if (copy_out(GVA(ops.a + results), op + results, size - results))
			return -PV_EFAULT;
	}
	return count;
}

#define BATCH(call, type, first_result)                                                          \
	static void do_##call(struct domain *d, void *op)                                        \
	{                                                                                        \
		call(d, op);                                                                     \
	}                                                                                        \
	long hc_##call(gva_t ops, u64 count)                                                     \
	{                                                                                        \
		return batch(ops, count, sizeof(type), offsetof(type, first_result), do_##call); \
	}

/* clang-format off */
BATCH(grant_map, struct pv_grant_map, gfn)
BATCH(grant_unmap, struct pv_grant_unmap, handle)
BATCH(grant_copy, struct pv_grant_copy, len)
/* clang-format on */
