/* SPDX-License-Identifier: Apache-2.0 */
/* locks: the debug build's check of rule L1 (locks.h). */
#include "locks.h"
#include "cpu/cpu.h"

#ifdef HV_DEBUG

#define X(name, guards) [LOCK_##name] = #name,
static const char *const names[LOCK_COUNT] = {HV_LOCKS(X)};
#undef X

_Static_assert(LOCK_COUNT <= 64, "ranks_held has a bit for each");

void lock_rank_enter(const struct spinlock *l) {
	u64 *held = &this_cpu()->ranks_held;

	if (*held >> l->rank)
		panic("lock order: %s taken under %s", names[l->rank], names[63 - __builtin_clzll(*held)]);
	*held |= 1ul << l->rank;
}

/* Locks need not be released in the reverse order. */
void lock_rank_leave(const struct spinlock *l) {
	u64 *held = &this_cpu()->ranks_held;

	if (!(*held >> l->rank & 1)) panic("%s released, but not held", names[l->rank]);
	*held &= ~(1ul << l->rank);
}

#endif
