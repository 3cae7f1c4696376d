/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_pool: the bounded pool of shadow pages of a domain, and the walks that hold them in place.
 * Owns:       free pages, descriptors and dead tables (lock ROOTS), walk_epoch of each CPU
 * Rules:      S3, S5, S8 (mm/stlb.h)
 * Read first: stlb_impl.h */
#include "mm/stlb_impl.h"

static u64 generations;

void walk_sync_cpus(u64 mask) {
	struct cpu *self = this_cpu(), *c;

	HV_ASSERT(!(self->walk_epoch & 1));
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* what went out of sight did so before we look */
	for_each_cpu (c, mask & ~self->bit) {
		u64 seen = atomic_load(&c->walk_epoch);

		while (seen & 1 && atomic_load(&c->walk_epoch) == seen) cpu_relax_serving();
	}
}

/* All CPUs: another domain's may be copying from this one's frames. */
void walk_sync(struct domain *d) {
	(void)d;
	walk_sync_cpus(cpus_up);
}

void generation_end(struct domain *d, struct root *r) {
	if (r) {
		atomic_store(&r->gen, atomic_add(&generations, 1));
		return;
	}
	for_each_root (each, state_of(d)) generation_end(d, each);
}

bool pool_take(struct domain *d, unsigned n, struct shadow **out) {
	struct stlb_state *st = state_of(d);

	if (d->stlb.pages_max - d->stlb.pages < n) return false;
	d->stlb.pages += n;
	HIGH_WATER(d->stlb.pages_high, d->stlb.pages);
	for (unsigned i = 0; i < n; i++) {
		out[i] = st->free;
		st->free = out[i]->next;
	}
	return true;
}

void pool_put(struct domain *d, struct shadow *s) {
	struct stlb_state *st = state_of(d);

	s->level = 0;
	s->root = NULL;
	s->next = st->free;
	st->free = s;
	d->stlb.pages--;
}

/* A descriptor without a page: one that had one, or a new one. */
static struct shadow *descriptor(struct stlb_state *st) {
	u32 n = st->descriptors;
	struct shadow *s = st->holes, **chunk = &st->chunks[n >> CHUNK_SHIFT];

	if (s || n >> CHUNK_SHIFT >= CHUNKS_MAX || (!*chunk && !(*chunk = hv_page_alloc(CHUNK_ORDER)))) return s;
	s = st->holes = shadow_by_number(st, n);
	s->first = n << 9;
	st->descriptors++;
	return s;
}

bool pool_grow(struct domain *d) {
	struct stlb_state *st = state_of(d);
	struct shadow *s = descriptor(st);
	mfn_t m = s ? frame_alloc(1, FRAME_SHADOW, d->id) : MFN_NONE; /* and its links */

	if (mfn_eq(m, MFN_NONE)) return false;
	st->holes = s->next;
	s->table = mfn_to_virt(m);
	frame_of(m)->link[0] = s->first >> 9;
	d->stlb.pages_max++;
	d->stlb.pages++;
	pool_put(d, s);
	return true;
}

bool pool_shrink(struct domain *d) {
	struct stlb_state *st = state_of(d);
	struct shadow *s;

	if (!pool_take(d, 1, &s)) return false;
	d->stlb.pages--;
	d->stlb.pages_max--;
	frame_free(virt_to_mfn(s->table), 1);
	s->table = NULL;
	s->next = st->holes;
	st->holes = s;
	return true;
}

/* Before it is entered anywhere; whoever scans all descriptors may see it from now on. */
void shadow_setup(struct shadow *s, unsigned level, struct root *r, u64 base) {
	s->root = r;
	s->base = base;
	s->sole = PT_SOLE | (r ? PT_HINT : 0);
	s->writes = 0;
	WRITE_ONCE(s->level, level);
}

/* Entry i of a dead table, which nobody else looks at any more; its reach ended with the shootdown. Tables below die
 * after it. */
static ALWAYS_INLINE void reap_entry(struct domain *d, struct shadow *s, unsigned i) {
	struct shadow *below;
	u64 e = s->table[i];

	s->table[i] = 0;
	if (likely(e & PT_LEAF)) {
		maps_lower(d, entry_number(s, i), e);
	} else if (e && s->level < 4) { /* an L4's lower half went before, its kernel half is the domain's */
		below = e & PT_P ? shadow_below(state_of(d), e) : parked_shadow(state_of(d), e);
		below->next = s->next;
		s->next = below;
	}
}

void dead_reap(struct domain *d, unsigned budget) {
	struct stlb_state *st = state_of(d);
	struct shadow *s;

	while ((s = st->dead)) {
		for (unsigned w = 0; w < 8; w++) {
			u64 used = s->used[w];

			if (!used) continue;
			if (budget < 64) return;
			s->used[w] = 0;
			for (; used; used &= used - 1, budget--)
				reap_entry(d, s, w * 64 + (unsigned)__builtin_ctzll(used));
		}
		if (s->level == 4) memset(&s->table[LOW_SLOTS], 0, sizeof(stlb_slots));
		st->dead = s->next;
		pool_put(d, s);
	}
}
