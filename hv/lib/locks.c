/* SPDX-License-Identifier: Apache-2.0 */
/* locks: the debug build's check of rule L1 (locks.h). */
#include "locks.h"
#include "cpu/cpu.h"

#ifdef HV_DEBUG

#define X(name, guards) [LOCK_##name] = #name,
static const char *const names[LOCK_COUNT] = {HV_LOCKS(X)};
#undef X

void lock_rank_enter(const struct spinlock *l) {
	struct cpu *c = this_cpu();
	unsigned n = c->locks_held;

	if (n && c->rank_held[n - 1] > l->rank)
		panic("lock order: %s taken under %s", names[l->rank], names[c->rank_held[n - 1]]);
	if (n == ARRAY_SIZE(c->rank_held)) panic("too many locks held: %s is one more", names[l->rank]);
	c->rank_held[n] = l->rank;
	c->locks_held = n + 1;
}

/* Locks need not be released in the reverse order. */
void lock_rank_leave(const struct spinlock *l) {
	struct cpu *c = this_cpu();
	unsigned i = c->locks_held;

	while (i && c->rank_held[i - 1] != l->rank) i--;
	if (!i) panic("%s released, but not held", names[l->rank]);
	for (; i < c->locks_held; i++) c->rank_held[i - 1] = c->rank_held[i];
	c->locks_held--;
}

#endif
