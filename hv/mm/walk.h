/* SPDX-License-Identifier: Apache-2.0 */
/* walk: a stretch in which a CPU reads P2M or shadow tables without a lock (mm/stlb.h S3). */
#ifndef HV_WALK_H
#define HV_WALK_H

#include "cpu/cpu.h"
#include "machine.h"

struct domain;

/* They nest. No guest memory is touched by virtual address within one: a miss there would wait for itself when it has
 * to evict. walk_sync is not called within one. */
static inline void walk_begin_on(struct cpu *c) {
	/* A full barrier: what the walk reads comes after other CPUs can see that it has begun. */
	if (likely(++c->walk_depth == 0)) (void)atomic_add(&c->walk_epoch, 1);
}

static inline void walk_end_on(struct cpu *c) {
	barrier();
	if (likely(--c->walk_depth < 0)) c->walk_epoch++; /* written here alone; x86 stores in order */
	barrier();
}

static inline void walk_begin(void) { walk_begin_on(this_cpu()); }

static inline void walk_end(void) { walk_end_on(this_cpu()); }

/* The inner form, which does not nest: neither it nor the others come within it. */
static inline void walk_enter(struct cpu *c) {
	HV_ASSERT(!(c->walk_epoch & 1));
	/* A full barrier: what the walk reads comes after other CPUs can see that it has begun. */
	(void)atomic_add(&c->walk_epoch, 1);
}

static inline void walk_leave(struct cpu *c) {
	barrier();
	c->walk_epoch++; /* written here alone; x86 stores in order */
	barrier();
}

/* Waits until every walk that began earlier has ended. */
void walk_sync(struct domain *d);

#endif
