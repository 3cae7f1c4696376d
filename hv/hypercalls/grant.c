/* SPDX-License-Identifier: Apache-2.0 */
/* grant: leave to another domain to reach one of my frames.
 * Calls:      grant_table, grant_map, grant_unmap, grant_copy
 * Rules:      G1-G4 (domain/grant.h)
 * Read first: pv/grant.h, domain/grant.h */
#include "domain/grant.h"
#include "hypercalls/handlers.h"

OWN2(grant_table, grant_table_set(own_domain, a, b))

/* One operation: copied in once, worked on, copied out from its first result on. How far it got. */
enum step { STEP_NONE, STEP_WORKED, STEP_TOLD };

static ALWAYS_INLINE enum step step(gva_t at, u64 size, u64 results,
				    void (*fn)(struct domain *d, void *op))
{
	u64 op[sizeof(struct pv_grant_copy) / 8];

	if (unlikely(copy_in(op, at, size)))
		return STEP_NONE;
	fn(own_domain, op);
	return unlikely(copy_out(GVA(at.a + results), (u8 *)op + results, size - results))
		       ? STEP_WORKED
		       : STEP_TOLD;
}

/* A checkpoint between two. */
static ALWAYS_INLINE long steps(gva_t at, u64 count, u64 size, u64 results,
				void (*fn)(struct domain *d, void *op))
{
	if (count > PV_GRANT_BATCH_MAX)
		return -PV_E2BIG;
	for (u64 i = 0; i < count; i++, at.a += size) {
		enum step s;

		if (i && checkpoint())
			return i;
		s = step(at, size, results, fn);
		if (s != STEP_TOLD)
			return s == STEP_NONE && i ? (long)i : -PV_EFAULT;
	}
	return count;
}

/* Most batches are of one: it pays for no loop. */
#define BATCH(call, type, first_result)                                                       \
	static void do_##call(struct domain *d, void *op)                                     \
	{                                                                                     \
		call(d, op);                                                                  \
	}                                                                                     \
	static NOINLINE long many_##call(gva_t ops, u64 count)                                \
	{                                                                                     \
		return steps(ops, count, sizeof(type), offsetof(type, first_result),          \
			     do_##call);                                                      \
	}                                                                                     \
	long hc_##call(gva_t ops, u64 count)                                                  \
	{                                                                                     \
		if (unlikely(count != 1))                                                     \
			return many_##call(ops, count);                                       \
		return step(ops, sizeof(type), offsetof(type, first_result), do_##call) ==    \
				       STEP_TOLD                                              \
			       ? 1                                                            \
			       : -PV_EFAULT;                                                  \
	}

/* clang-format off */
BATCH(grant_map, struct pv_grant_map, gfn)
BATCH(grant_unmap, struct pv_grant_unmap, handle)
BATCH(grant_copy, struct pv_grant_copy, len)
/* clang-format on */
