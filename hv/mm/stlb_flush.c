/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_flush: taking translations away, for the guest (flush) and from it (forget).
 * Calls:      flush; p2m_remove
 * Rules:      S2-S5, S12-S14 (mm/stlb.h), F6 (mm/frame.h), P4 (mm/p2m.h)
 * Read first: stlb_impl.h
 *
 * The order is always: wait for walks that may have read the guest's old entry; clear ours; shoot
 * down; only then lower the frames' counts. Tables go out of sight first, wait for walks, and are
 * shot down and emptied after. */
#include "mm/stlb_impl.h"

#define INVLPG_MAX 8
/* Of a budget of runs of 2 MiB: what one costs, all of whose entries are looked at. */
#define PROTECT_COST 128u

/* CPUs that have r, or any root of d (r NULL), loaded. */
static u64 cpus_running(const struct domain *d, const struct root *r) {
	u64 mask = atomic_load(&d->stlb.running);
	struct cpu *c;

	/* A CPU that names r only after this look loads CR3 after what went was out of sight. */
	for_each_cpu (c, r ? mask : 0)
		if (atomic_load(&c->loaded) != r) mask &= ~c->bit;
	return mask;
}

static NOINLINE void shoot(u64 mask) {
	count(shootdowns, bits_count(mask & ~this_cpu()->bit));
	if (mask) tlb_shootdown(mask);
}

void removal_begin(struct removal *rm, struct domain *d, struct root *r) {
	rm->d = d;
	rm->root = r;
	rm->drop = rm->tables = rm->protect = false;
	rm->count = 0;
	(void)atomic_xchg(&d->stlb.removing, true);
}

/* No entry of the view leads to an L3 that its owner, S10, has no more. */
static void view_follow(struct shadow *view, const struct shadow *owner, unsigned from, unsigned end) {
	for_each_used (i, view, from, end) {
		u64 e = READ_ONCE(view->table[i]);

		if (e && e != READ_ONCE(owner->table[i])) (void)atomic_cas(&view->table[i], e, 0);
	}
}

/* Tables went: end what is known of them, and wait for walks that may enter them in views yet. */
static void tables_finish(struct removal *rm, struct stlb_state *st) {
	generation_end(rm->d, rm->root);
	fill_sync(this_cpu(), rm->d);
	if (rm->root && rm->root->kernel_shadow)
		view_follow(rm->root->user_shadow, rm->root->kernel_shadow, 0, LOW_SLOTS);
	for_each_root (r, st) {
		if (rm->root) break;
		view_follow(r->user_shadow, r->kernel_shadow, 0, LOW_SLOTS);
		view_follow(r->kernel_shadow, &st->kernel, KERNEL_SLOT, 512);
	}
}

/* End the reach of all that was noted so far. */
static void removal_finish(struct removal *rm) {
	struct stlb_state *st = state_of(rm->d);
	u64 mask, self = this_cpu()->bit;

	if (rm->tables) tables_finish(rm, st);
	if (rm->tables || rm->count || rm->protect) {
		mask = cpus_running(rm->d, rm->root);
		if (mask & self && !rm->tables && !rm->protect && rm->count <= INVLPG_MAX) {
			mask &= ~self;
			for (unsigned i = 0; i < rm->count; i++) {
				u32 n = rm->gone[i].n;

				tlb_flush_local_page(entry_va(shadow_by_number(st, n >> 9), n % 512));
			}
		}
		shoot(mask);
	}
	count(flush_entries, rm->count);
	for (; rm->count; rm->count--) maps_lower(rm->d, rm->gone[rm->count - 1].n, rm->gone[rm->count - 1].e);
	rm->tables = false;
}

void removal_end(struct removal *rm) {
	removal_finish(rm);
	(void)atomic_xchg(&rm->d->stlb.removing, false);
	dead_reap(rm->d, STLB_FLUSH_BATCH);
}

/* Nobody empties it before this removal is over: that is done with ROOTS held. */
void removal_table(struct removal *rm, struct shadow *s) {
	struct stlb_state *st = state_of(rm->d);

	s->next = st->dead;
	st->dead = s;
	rm->tables = true;
}

/* e was taken out from where n says. */
static void note_leaf(struct removal *rm, u32 n, u64 e) {
	if (rm->count == ARRAY_SIZE(rm->gone)) removal_finish(rm);
	rm->gone[rm->count].n = n;
	rm->gone[rm->count++].e = e;
}

static void take_leaf(struct removal *rm, struct shadow *s, unsigned i) {
	u64 e = entry_take(&s->table[i]);

	if (e) note_leaf(rm, entry_number(s, i), e);
}

static void protect_leaf(u64 *slot) {
	u64 e;

	do {
		e = READ_ONCE(*slot);
	} while (e & PT_LEAF && e & PT_W && !atomic_cas(slot, e, e & ~(PT_W | PT_D)));
}

/* Walks that began before are over: what they entered shows in `writes`. */
static void protect_table(struct shadow *leaf) {
	u64 writes = READ_ONCE(leaf->writes) ? atomic_xchg(&leaf->writes, 0) : 0;

	for (; writes; writes &= writes - 1) {
		u64 *slot = &leaf->table[8 * (unsigned)__builtin_ctzll(writes)];

		for (unsigned i = 0; i < 8; i++) protect_leaf(&slot[i]);
	}
}

/* Entry i of s, level 2 or more, `whole` if all that it translates is to go.
 * The table below, if its entries are to be looked at one by one. */
static struct shadow *clear_entry(struct removal *rm, struct shadow *s, unsigned i, bool whole) {
	struct shadow *below;
	u64 *slot = &s->table[i], e;

	if (whole && rm->drop && s->level > 2) bit_clear(s->used, i); /* S4; of an L2 the bit stays, it is one of few */
again:
	e = READ_ONCE(*slot);
	if (!e) return NULL;
	if (e & PT_LEAF) {
		if (rm->protect)
			protect_leaf(slot);
		else
			take_leaf(rm, s, i);
		return NULL;
	}
	below = e & PT_P ? shadow_below(state_of(rm->d), e) : parked_shadow(state_of(rm->d), e);
	if (!(e & PT_P) && !(whole && rm->drop)) return NULL; /* parked: checked again before it is used */
	if (!whole || rm->protect || (s->level > 2 && !rm->drop)) return below;
	if ((!(e & PT_P) && e & PARKED_BUSY) || !atomic_cas(slot, e, rm->drop ? 0 : parked_entry(below))) {
		cpu_relax_serving(); /* a walk has it for a moment */
		goto again;
	}
	rm->tables = true;
	if (rm->drop) removal_table(rm, below);
	return NULL;
}

/* What s leads to within [first, last]: tables wholly inside when rm->drop, else leaf entries, and
 * leaf tables wholly inside are parked. 0, or where to go on when *budget runs are done. */
static u64 clear_below(struct removal *rm, struct shadow *s, u64 first, u64 last, unsigned *budget) {
	u64 span = PAGE_SIZE << (9 * (s->level - 1)), rest;
	unsigned cost = rm->protect ? PROTECT_COST : 1;
	unsigned from = first > s->base ? va_index(first, s->level) : 0;
	unsigned end = last - s->base < 512 * span - 1 ? va_index(last, s->level) + 1 : 512;

	if (s->level == 1 && rm->protect) {
		protect_table(s);
		return 0;
	}
	for_each_used (i, s, from, end) {
		u64 base = s->base + i * span;
		bool whole = first <= base && last >= base + span - 1;
		struct shadow *below;

		if (s->level == 1) {
			take_leaf(rm, s, i);
			continue;
		}
		if (s->level == 2 && *budget < cost) return base;
		*budget -= s->level == 2 ? cost : 0;
		below = clear_entry(rm, s, i, whole);
		rest = below ? clear_below(rm, below, first, last, budget) : 0;
		if (rest) return rest;
	}
	return 0;
}

static u64 clear_half(struct removal *rm, struct root *r, u64 first, u64 last, unsigned *budget) {
	return clear_below(rm, r ? r->kernel_shadow : &state_of(rm->d)->kernel, first, last, budget);
}

void removal_half(struct removal *rm, struct root *r) {
	unsigned all = ~0u;

	rm->drop = true;
	clear_half(rm, r, r ? 0 : PV_KERNEL_MIN, r ? LOW_END - 1 : ~0ull, &all);
}

struct shadow *leaf_find(const struct root *r, u64 va) {
	struct stlb_state *st = state_of(r->dom);
	struct shadow *s = va_low(va) ? r->kernel_shadow : &st->kernel;

	for (;;) {
		u64 e = READ_ONCE(s->table[va_index(va, s->level)]);

		if (!(e & PT_P)) return NULL;
		if (s->level == 1 || e & PT_PS) return s;
		s = shadow_below(st, e);
	}
}

/* A walk took entry n out, e, which was for va. */
static inline void entry_gone(struct cpu *c, struct domain *d, u64 va, u32 n, u64 e) {
	tlb_flush_local_page(va);
	maps_lower(d, n, e);
	c->cur->perf.counter[PV_COUNT_flush_entries]++;
}

/* Nothing was found to take out (S14). In a walk, which ends here. */
static NOINLINE long flush_page_none(struct cpu *c, struct domain *d) {
	walk_leave(c);
	fill_sync(c, d);
	if (READ_ONCE(d->stlb.removing)) {
		lock(&d->stlb.roots_lock);
		unlock(&d->stlb.roots_lock);
	}
	return 0;
}

/* No CPU but c, which has a root of d loaded. */
static inline bool runs_alone(const struct cpu *c, const struct domain *d) {
	return READ_ONCE(d->stlb.running) == c->bit;
}

/* With other CPUs that may have the entry (e of s, if it was taken out) in their TLBs, or without the cache. In a
 * walk, which ends here. */
static NOINLINE long flush_page_slow(struct cpu *c, u64 va, struct shadow *s, u64 e) {
	struct domain *d = c->loaded->dom;

	if (!e) {
		walk_leave(c);
		fill_sync(c, d); /* S2: later walks read the guest's entry as it is now */
		walk_enter(c);
		s = leaf_find(c->loaded, va);
		e = s ? entry_take(&s->table[va_index(va, s->level)]) : 0;
	}
	if (!e) return flush_page_none(c, d);
	if (!runs_alone(c, d)) shoot(cpus_running(d, va_low(va) ? c->loaded : NULL) & ~c->bit);
	entry_gone(c, d, va, entry_number(s, va_index(va, s->level)), e);
	walk_leave(c);
	return 0;
}

long stlb_flush_page(struct cpu *c, u64 va) {
	const struct root *r = c->loaded;
	const struct walk_cache *w;
	struct domain *d;
	u64 e;

	walk_enter(c);
	w = walk_cached(c, r, va, 1);
	d = r->dom;
	/* S2: whoever begins to run d after this look reads the guest's entry as it is now. */
	if (unlikely(!w || !runs_alone(c, d))) return flush_page_slow(c, va, NULL, 0);
	e = atomic_xchg(&w->shadow->table[va_index(va, 1)], 0);
	if (unlikely(!e)) return flush_page_none(c, d);
	if (unlikely(!(e & PT_SOLE) || !runs_alone(c, d))) return flush_page_slow(c, va, w->shadow, e);
	entry_gone(c, d, va, 0, e);
	walk_leave(c);
	return 0;
}

u64 flush_tree(struct domain *d, struct root *r, u64 first, u64 last, u32 flags, unsigned *budget) {
	bool everything = last - first >= (r ? LOW_END : -PV_KERNEL_MIN) - 1;
	bool dying = r && flags & PV_FLUSH_DYING;

	REMOVAL(rm, d, r);
	rm.protect = flags & PV_FLUSH_WRITES && !dying;
	/* What the walk caches know of the guest's tables: an L2 table may be moved with its whole range. */
	rm.tables = !rm.protect && (flags & PV_FLUSH_TABLES || last - first >= RUN_SIZE);
	rm.drop = dying || (flags & PV_FLUSH_TABLES && !everything);
	return clear_half(&rm, r, dying ? 0 : first, dying ? LOW_END - 1 : last, budget);
}

int stlb_flush(struct domain *d, struct flush *f) {
	u64 first = f->start & PAGE_MASK, last = (f->end - 1) | (PAGE_SIZE - 1), rest = 0;
	bool kernel = f->flags & PV_FLUSH_KERNEL, all = f->flags & PV_FLUSH_ALL_ROOTS;
	struct stlb_state *st = state_of(d);
	unsigned budget = STLB_FLUSH_BATCH;
	u32 flags = f->flags;
	struct root *r = NULL;

	if (kernel)
		first = MAX(first, PV_KERNEL_MIN);
	else
		last = MIN(last, LOW_END - 1);
	if (f->end <= f->start || first > last) return 0;
	fill_sync(this_cpu(), d); /* S2 */
	lock(&d->stlb.roots_lock);
	if (all) { /* a root a call, which costs at most its lower slots; f->root, 0 at first, counts them */
		r = root_next(st, f->root);
		f->root = r ? r - st->roots + 1 : 0;
		if (last - first >= RUN_SIZE) flags |= PV_FLUSH_DYING;
	} else if (!kernel) {
		r = root_find(st, GFN(f->root >> PAGE_SHIFT));
	}
	if (r || kernel) rest = flush_tree(d, r, first, last, flags, &budget);
	unlock(&d->stlb.roots_lock);
	fill_sync(this_cpu(), d); /* S14 */
	if (rest) f->start = rest;
	return rest || (all && r);
}

/* After so many entries of its reach ends, and interrupts are served. */
static void forget_pause(struct removal *rm) {
	removal_end(rm);
	unlock(&rm->d->stlb.roots_lock);
	interrupts_serve();
	lock(&rm->d->stlb.roots_lock);
	removal_begin(rm, rm->d, NULL);
}

/* Take out what leads to m of what is told by `by`. Between two calls rm->d is NULL until there was something. */
static void forget_frame(struct domain *d, struct removal *rm, mfn_t by, mfn_t m, unsigned *budget) {
	u32 number;
	u64 e;

	if (!maps_any(d, by)) return;
	if (!rm->d) {
		lock(&d->stlb.roots_lock);
		removal_begin(rm, d, NULL);
	}
	while ((e = maps_take(d, by, m, &number))) {
		note_leaf(rm, number, e);
		if (--*budget) continue;
		*budget = STLB_FLUSH_BATCH;
		forget_pause(rm);
	}
}

void stlb_forget(struct domain *d, const u64 *entries, unsigned n) {
	unsigned budget = STLB_FLUSH_BATCH;
	bool tables = false;
	struct removal rm;

	for (unsigned i = 0; i < n; i++)
		tables |= p2m_kind(entries[i]) == PV_MEM_RAM; /* it may have held page tables */
	if (tables && state_of(d)) {
		lock(&d->stlb.roots_lock);
		generation_end(d, NULL);
		unlock(&d->stlb.roots_lock);
	}
	HV_ASSERT(!this_cpu()->ranks_held);
	walk_sync(d); /* P4: no walk knows the entries any more, none can enter them again */
	rm.d = NULL;
	for (unsigned i = 0; state_of(d) && i < n; i++) {
		mfn_t m = p2m_first(entries[i]), run = MFN(m.n & ~(RUN_FRAMES - 1));

		if (p2m_own(entries[i]) && !mfn_eq(run, m)) forget_frame(d, &rm, run, m, &budget); /* P5 */
		for (u64 end = m.n + p2m_span(entries[i]); m.n < end; m.n++) forget_frame(d, &rm, m, m, &budget);
	}
	if (!rm.d) return;
	removal_end(&rm);
	unlock(&d->stlb.roots_lock);
	fill_sync(this_cpu(), d); /* S14 */
}
