/* SPDX-License-Identifier: Apache-2.0 */
/* walk: a stretch in which a CPU reads P2M or shadow tables without a lock (mm/stlb.h S3). */
#pragma once

#include "cpu/cpu.h"

struct domain;

/* The inner form, which does not nest: neither it nor the others come within it. No guest memory is touched by virtual
 * address within a walk: a miss there would wait for itself when it has to evict. walk_sync is not called within one. */
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

/* These nest. */
static inline struct cpu *walk_begin(struct cpu *c) {
	if (likely(++c->walk_depth == 0)) walk_enter(c);
	return c;
}

static inline void walk_end(struct cpu *c) {
	if (likely(--c->walk_depth < 0)) walk_leave(c);
}

static inline void walk_left(struct cpu **c) { walk_end(*c); }
/* A walk from here to the end of the block. */
#define WALK() struct cpu *walk_ __attribute__((cleanup(walk_left), unused)) = walk_begin(this_cpu())

/* Waits until every walk that began earlier has ended. */
void walk_sync(struct domain *d);
