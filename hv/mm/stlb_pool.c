/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_pool: the bounded pool of shadow pages of a domain, and the walks that hold them in place.
 * Owns:       free list (POOL), dead list (ROOTS), walk_epoch of each CPU
 * Rules:      S3, S5, S8 (mm/stlb.h)
 * Read first: stlb_impl.h */
#include "mm/stlb_impl.h"

static u8 walk_depth[MAX_CPUS]; /* each CPU's own */
static u64 generations;
u64 removal_epoch[MAX_CPUS];

void walk_begin(void)
{
	struct cpu *c = this_cpu();

	if (walk_depth[c->id]++ == 0)
		walk_enter(c);
}

void walk_end(void)
{
	struct cpu *c = this_cpu();

	if (--walk_depth[c->id] == 0)
		walk_leave(c);
}

void walk_sync_cpus(u64 mask)
{
	struct cpu *self = this_cpu();

	HV_ASSERT(!(self->walk_epoch & 1));
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* what went out of sight did so before we look */
	for (u64 m = mask & ~(1ull << self->id); m; m &= m - 1) {
		struct cpu *c = cpus[__builtin_ctzll(m)];
		u64 seen = atomic_load(&c->walk_epoch);

		while (seen & 1 && atomic_load(&c->walk_epoch) == seen)
			cpu_relax_serving();
	}
}

/* All CPUs: another domain's may be copying from this one's frames. */
void walk_sync(struct domain *d)
{
	(void)d;
	walk_sync_cpus(cpus_up);
}

/* As walk_sync does for walks. This CPU itself is not taking anything away, so that two who wait do
 * not wait for each other. */
void removing_sync(void)
{
	unsigned self = this_cpu()->id;

	HV_ASSERT(!(removal_epoch[self] & 1));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u64 m = cpus_up & ~(1ull << self); m; m &= m - 1) {
		u64 *epoch = &removal_epoch[__builtin_ctzll(m)], seen = atomic_load(epoch);

		while (seen & 1 && atomic_load(epoch) == seen)
			cpu_relax_serving();
	}
}

void generation_end(struct stlb_state *st)
{
	atomic_store(&st->gen, atomic_add(&generations, 1));
}

bool pool_take(struct domain *d, unsigned n, struct shadow **out)
{
	struct stlb_state *st = state_of(d);
	bool enough;

	lock(&d->stlb.pool_lock);
	enough = st->free_count >= n;
	for (unsigned i = 0; enough && i < n; i++) {
		out[i] = st->free;
		st->free = out[i]->next;
	}
	if (enough) {
		st->free_count -= n;
		d->stlb.pages += n;
		d->stlb.pages_high = MAX(d->stlb.pages_high, d->stlb.pages);
	}
	unlock(&d->stlb.pool_lock);
	return enough;
}

static void check_empty(const struct shadow *s)
{
	for (unsigned i = 0; i < 512; i++)
		HV_ASSERT(s->table[i] == 0);
	for (unsigned i = 0; i < 8; i++)
		HV_ASSERT(s->used[i] == 0);
}

void pool_put(struct domain *d, struct shadow *s)
{
	struct stlb_state *st = state_of(d);

	if (features.debug_build)
		check_empty(s); /* S5 */
	s->level = 0;
	s->root = NULL;
	lock(&d->stlb.pool_lock);
	s->next = st->free;
	st->free = s;
	st->free_count++;
	d->stlb.pages--;
	unlock(&d->stlb.pool_lock);
}

/* Before it is entered anywhere; whoever scans all descriptors may see it from now on. */
void shadow_setup(struct shadow *s, unsigned level, struct root *r, u64 base)
{
	s->root = r;
	s->base = base;
	WRITE_ONCE(s->level, level);
}

/* One used entry of a dead table. Its children die after it; a leaf's reach ended with the
 * shootdown. */
static void reap_entry(struct stlb_state *st, struct shadow *s, unsigned i)
{
	u64 e = atomic_xchg(&s->table[i], 0);
	struct shadow *below;

	if (!e || s->level == 4)
		return; /* an L4's lower half was detached before, its kernel half is the domain's
			 */
	if (s->level == 1 || (e & PTE_P && e & PTE_PS)) {
		maps_lower(e);
		return;
	}
	below = e & PTE_P ? shadow_below(st, e) : parked_shadow(st, e);
	below->next = s->next;
	s->next = below;
}

void dead_reap(struct domain *d, unsigned budget)
{
	struct stlb_state *st = state_of(d);
	struct shadow *s;

	while ((s = st->dead)) {
		for (unsigned i = next_used(s->used, 0); i < 512; i = next_used(s->used, i + 1)) {
			if (budget-- == 0)
				return;
			bit_clear(s->used, i);
			reap_entry(st, s, i);
		}
		for (unsigned i = LOW_SLOTS; s->level == 4 && i < KERNEL_SLOT; i++)
			s->table[i] = 0;
		st->dead = s->next;
		pool_put(d, s);
	}
}
