/* SPDX-License-Identifier: Apache-2.0 */
/* locks: the debug build's check of rule L1 (locks.h). */
#include "locks.h"
#include "cpu/cpu.h"

#ifdef HV_DEBUG

#define X(name, guards) [LOCK_##name] = #name,
static const char *const names[LOCK_COUNT] = {HV_LOCKS(X)};
#undef X

_Static_assert(LOCK_COUNT <= 16, "ranks_held has 4 bits for each");

void lock_rank_enter(const struct spinlock *l) {
	u64 *held = &this_cpu()->ranks_held;

	if (*held >> 4 * l->rank >> 4)
		panic("lock order: %s taken under %s", names[l->rank], names[(63 - __builtin_clzll(*held)) / 4]);
	*held += 1ul << 4 * l->rank;
}

/* Locks need not be released in the reverse order. */
void lock_rank_leave(const struct spinlock *l) {
	u64 *held = &this_cpu()->ranks_held;

	if (!(*held >> 4 * l->rank & 15)) panic("%s released, but not held", names[l->rank]);
	*held -= 1ul << 4 * l->rank;
}

#endif
