/* SPDX-License-Identifier: Apache-2.0 */
/* locks: every lock of ring 0, its rank and what it guards.
 *
 * L1: a CPU takes locks in rising rank, and holds one of each rank at most. Debug builds stop the machine when it
 *     does not.
 * L2: interrupts are off in ring 0 (but in the idle loop and in interrupts_serve, where no lock is held), so a
 *     lock is held for a bounded stretch of ring 0's own instructions, and never across a return to a guest.
 * L3: no lock is held while guest memory is touched by virtual address (copy_in, copy_out).
 * L4: fills, event delivery and returns take no lock at all; see mm/stlb.h for what they rely on. But a fill that
 *     maps a frame once more holds its bucket's lock bit (mm/stlb_maps.c), in which nothing is waited for; and one
 *     that makes tables tries ROOTS, once. */
#pragma once

#include "machine.h"

#define HV_LOCKS(X)                                                                               \
	X(DOMLIST, "the table of domains, and numbers in use")                                    \
	X(DOMAIN, "a domain's life cycle, limits and vCPU states")                                \
	X(DEVICE, "all device directories")                                                       \
	X(GRANT, "what a domain has mapped of others' grants; the size of its grant table")       \
	X(P2M, "changes to gfn -> mfn of one domain")                                             \
	X(ROOTS, "a domain's roots, shadow tables and pool: making, linking and dropping")        \
	X(PORT, "all port tables")                                                                \
	X(RUNQUEUE, "queues of runnable vCPUs, timers, and run states of vCPUs, on all the CPUs") \
	X(FRAMES, "free lists of frames")                                                         \
	X(PIRQ, "routing of physical interrupts")                                                 \
	X(CONSOLE, "the log, serial line and screen")

enum lock_rank {
	LOCK_NONE,
#define X(name, guards) LOCK_##name,
	HV_LOCKS(X)
#undef X
		LOCK_COUNT
};

/* Who comes first has it: were it in order of coming, all would wait for the next in turn, and under another hypervisor
 * that CPU may not run just now. */
struct spinlock {
	bool held;
	u8 rank;
};
#define SPINLOCK(r) ((struct spinlock){.rank = LOCK_##r})

#ifdef HV_DEBUG
void lock_rank_enter(const struct spinlock *l);
void lock_rank_leave(const struct spinlock *l);
#else
#define lock_rank_enter(l) ((void)(l))
#define lock_rank_leave(l) ((void)(l))
#endif

/* Without waiting, so also in a walk; no other lock is taken until unlock_tried. */
static inline bool lock_try(struct spinlock *l) {
	return !READ_ONCE(l->held) && !__atomic_exchange_n(&l->held, true, __ATOMIC_ACQUIRE);
}

static inline struct spinlock *lock(struct spinlock *l) {
	lock_rank_enter(l);
	while (unlikely(!lock_try(l))) cpu_relax_serving();
	return l;
}

static inline void unlock_tried(struct spinlock *l) { __atomic_store_n(&l->held, false, __ATOMIC_RELEASE); }

static inline void unlock(struct spinlock *l) {
	lock_rank_leave(l);
	unlock_tried(l);
}

static inline void guard_end(struct spinlock **l) { unlock(*l); }
/* Locked from here to the end of the block. */
#define GUARD(l) struct spinlock *guard_ __attribute__((cleanup(guard_end), unused)) = lock(l)
