/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_flush: taking translations away, for the guest (flush) and from it (forget).
 * Calls:      flush, flush_list; p2m_remove
 * Rules:      S2-S5, S12-S14 (mm/stlb.h), F6 (mm/frame.h), P4 (mm/p2m.h)
 * Read first: stlb_impl.h
 *
 * The order is always: wait for walks that may have read the guest's old entry; clear ours; shoot
 * down; only then lower the frames' counts. Tables go out of sight first, wait for walks, and are
 * shot down and emptied after. */
#include "mm/stlb_impl.h"

#define INVLPG_MAX ARRAY_SIZE(((struct removal *)0)->va)

u64 cpus_running(struct stlb_state *st, const struct root *r)
{
	u64 all = atomic_load(&st->running) & ~(1ull << this_cpu()->id), mask = all;

	/* A CPU that names r only after this look loads CR3 after what went was out of sight. */
	for (u64 m = r ? all : 0; m; m &= m - 1)
		if (atomic_load(&cpus[__builtin_ctzll(m)]->loaded) != r)
			mask &= ~(m & -m);
	return mask;
}

static bool running_here(const struct domain *d, const struct root *r)
{
	const struct root *l = this_cpu()->loaded;

	return l && (r ? l == r : l->dom == d);
}

void removal_begin(struct removal *rm, struct domain *d, struct root *r)
{
	rm->d = d;
	rm->root = r;
	rm->dead = NULL;
	rm->tables = false;
	rm->count = 0;
	removing_begin(this_cpu(), state_of(d));
}

/* End the reach of all that was noted so far. */
static void removal_finish(struct removal *rm)
{
	struct stlb_state *st = state_of(rm->d);
	bool others = atomic_load(&st->removing) > 1; /* S14 */
	u64 mask;

	if (!rm->tables && !rm->count && !others)
		return;
	if (rm->tables) {
		generation_end(st);
		fill_sync(this_cpu(), st);
	}
	mask = cpus_running(st, rm->root);
	count(shootdowns, bits_count(mask));
	if (running_here(rm->d, rm->root)) {
		if (rm->tables || others || rm->count > INVLPG_MAX)
			mask |= 1ull << this_cpu()->id;
		else
			for (unsigned i = 0; i < rm->count; i++)
				tlb_flush_local_page(rm->va[i]);
	}
	if (mask)
		tlb_shootdown(mask);
	count(flush_entries, rm->count);
	for (unsigned i = 0; i < rm->count; i++)
		maps_lower(rm->gone[i]);
	while (rm->dead) {
		struct shadow *s = rm->dead;

		rm->dead = s->next;
		s->next = st->dead;
		st->dead = s;
	}
	rm->count = 0;
	rm->tables = false;
}

void removal_end(struct removal *rm)
{
	removal_finish(rm);
	removing_end(this_cpu(), state_of(rm->d));
}

void removal_table(struct removal *rm, struct shadow *s)
{
	s->next = rm->dead;
	rm->dead = s;
	rm->tables = true;
}

/* Take leaf entry i out of s; 0 if there was none. S4: the bit first, and never without an attempt
 * at the entry. */
static u64 entry_take(struct shadow *s, unsigned i)
{
	u64 e;

	if (s->level == 1) {
		bit_clear(s->used, i);
		return atomic_xchg(&s->table[i], 0);
	}
	/* Of an L2 a 2 MiB entry alone, whatever comes in its place meanwhile; the bit stays, it is
	 * one of few. */
	do {
		e = READ_ONCE(s->table[i]);
		if ((e & (PTE_P | PTE_PS)) != (PTE_P | PTE_PS))
			return 0;
	} while (!atomic_cas(&s->table[i], e, 0));
	return e;
}

static void take_leaf(struct removal *rm, struct shadow *s, unsigned i, u64 va)
{
	u64 e = entry_take(s, i);

	if (!e)
		return;
	if (rm->count == ARRAY_SIZE(rm->gone))
		removal_finish(rm);
	if (rm->count < INVLPG_MAX)
		rm->va[rm->count] = va;
	rm->gone[rm->count++] = e;
}

void detach_low(struct removal *rm, struct root *r)
{
	struct stlb_state *st = state_of(rm->d);
	struct shadow *k = r->kernel_shadow, *u = r->user_shadow;
	u64 e;

	for (unsigned i = next_used(k->used, 0); i < LOW_SLOTS; i = next_used(k->used, i + 1)) {
		bit_clear(k->used, i);
		e = atomic_xchg(&k->table[i], 0);
		if (e)
			removal_table(rm, shadow_below(st, e));
	}
	if (!rm->dead)
		return;
	fill_sync(
		this_cpu(),
		st); /* a walk that found one of these may have entered it in the user view since */
	for (unsigned i = next_used(u->used, 0); i < LOW_SLOTS; i = next_used(u->used, i + 1)) {
		e = READ_ONCE(u->table[i]);
		if (!e || e == READ_ONCE(k->table[i]))
			continue; /* S4: the bit is cleared only with an entry to take out after it
				   */
		bit_clear(u->used, i);
		(void)atomic_cas(&u->table[i], e, 0);
	}
}

void detach_kernel(struct removal *rm)
{
	struct stlb_state *st = state_of(rm->d);

	for (unsigned i = 0; i < KERNEL_SLOTS; i++) {
		struct shadow *l3 = READ_ONCE(st->kernel_l3[i]);

		if (l3) {
			(void)atomic_xchg(&st->kernel_l3[i], NULL);
			removal_table(rm, l3);
		}
	}
	if (!rm->dead)
		return;
	fill_sync(this_cpu(), st); /* as above */
	for (unsigned h = 0; h < ROOT_HASH; h++)
		for (struct root *r = st->hash[h]; r; r = r->next) {
			struct shadow *k = r->kernel_shadow;

			for (unsigned i = next_used(k->used, KERNEL_SLOT); i < 512;
			     i = next_used(k->used, i + 1)) {
				u64 e = READ_ONCE(k->table[i]);
				struct shadow *l3 = READ_ONCE(st->kernel_l3[i - KERNEL_SLOT]);

				if (e && (!l3 || e != table_entry(l3)))
					(void)atomic_cas(&k->table[i], e, 0);
			}
		}
}

/* The L2 table that holds 2 MiB run *n (an address >> 21) of r's lower half or the kernel half;
 * else NULL, and *n is the next run where there may be one. */
static struct shadow *tree_l2(struct stlb_state *st, struct root *r, u64 *n)
{
	u64 run = *n;
	unsigned slot = run >> 18 & 511, i;
	struct shadow *l3;
	u64 e;

	if (r) {
		i = next_used(r->kernel_shadow->used, slot);
		if (i != slot) {
			*n = (u64)i << 18; /* beyond the lower half if there is none */
			return NULL;
		}
		e = READ_ONCE(r->kernel_shadow->table[slot]);
		l3 = e ? shadow_below(st, e) : NULL;
	} else {
		l3 = READ_ONCE(st->kernel_l3[slot - KERNEL_SLOT]);
	}
	i = l3 ? next_used(l3->used, run >> 9 & 511) : 512;
	if (i == 512) {
		*n = (run | 0x3ffff) + 1;
		return NULL;
	}
	if (i != (run >> 9 & 511))
		run = (run & ~0x3fffful) | (u64)i << 9;
	e = READ_ONCE(l3->table[i]);
	*n = e ? run : (run | 511) + 1;
	return e ? shadow_below(st, e) : NULL;
}

/* What entry i of l2 leads to, as far as it lies in [first, last]. */
static void clear_run(struct removal *rm, struct shadow *l2, unsigned i, u64 first, u64 last,
		      bool tables)
{
	u64 e = READ_ONCE(l2->table[i]), base = l2->base + i * RUN_SIZE;
	bool whole = first <= base && last >= base + RUN_SIZE - 1;
	struct stlb_state *st = state_of(rm->d);
	struct shadow *leaf;

	if (!e)
		return;
	if (!(e & PTE_P)) { /* parked: checked again before it is used */
		if (tables && atomic_cas(&l2->table[i], e, 0))
			removal_table(rm, parked_shadow(st, e));
		return;
	}
	if (e & PTE_PS) {
		take_leaf(rm, l2, i, base);
		return;
	}
	leaf = shadow_below(st, e);
	if (tables) {
		if (atomic_cas(&l2->table[i], e, 0))
			removal_table(rm, leaf);
	} else if (whole) {
		if (atomic_cas(&l2->table[i], e, parked_entry(leaf))) /* S12 */
			rm->tables = true;
	} else {
		unsigned from = first > base ? va_index(first, 1) : 0;
		unsigned to = last < base + RUN_SIZE - 1 ? va_index(last, 1) : 511;

		for (unsigned j = next_used(leaf->used, from); j <= to;
		     j = next_used(leaf->used, j + 1))
			take_leaf(rm, leaf, j, base + j * PAGE_SIZE);
	}
}

/* As range_clear, until *budget runs or entries are done: 0, or the address to go on from. */
static u64 tree_clear(struct removal *rm, struct root *r, u64 first, u64 last, bool tables,
		      unsigned *budget)
{
	u64 n = first >> 21, end = last >> 21;

	while (n <= end) {
		struct shadow *l2 = tree_l2(state_of(rm->d), r, &n);
		unsigned i;

		if (!l2)
			continue;
		i = next_used(l2->used, n & 511);
		n = (n & ~511ul) + i;
		if (i == 512 || n > end)
			continue;
		if (*budget == 0)
			return n << 21;
		--*budget;
		clear_run(rm, l2, i, first, last, tables);
		n++;
	}
	return 0;
}

void range_clear(struct domain *d, struct root *r, u64 first, u64 last, bool tables)
{
	unsigned budget = ~0u;
	struct removal rm;

	removal_begin(&rm, d, r);
	tree_clear(&rm, r, first, last, tables, &budget);
	removal_end(&rm);
	dead_reap(d, STLB_FLUSH_BATCH);
}

/* Our entry for the page at va: in a leaf table, or the 2 MiB one over it. Needs a walk. */
static u64 *leaf_find(struct cpu *c, struct domain *d, struct root *r, u64 va, struct shadow **in)
{
	struct stlb_state *st = state_of(d);
	const struct walk_cache *w = walk_cache_slot(c, r, va);
	unsigned slot = va_index(va, 4);
	u64 e;

	if (likely(walk_cache_hit(w, st, r, va))) {
		*in = w->leaf;
		return &w->leaf->table[va_index(va, 1)];
	}
	if (va_low(va)) {
		e = READ_ONCE(r->kernel_shadow->table[slot]);
		*in = e ? shadow_below(st, e) : NULL;
	} else {
		*in = atomic_load(&st->kernel_l3[slot - KERNEL_SLOT]);
	}
	for (unsigned level = 3; *in; level--) {
		e = READ_ONCE((*in)->table[va_index(va, level)]);
		if (level == 1 || (e & (PTE_P | PTE_PS)) == (PTE_P | PTE_PS))
			return &(*in)->table[va_index(va, level)];
		*in = e & PTE_P ? shadow_below(st, e) : NULL;
	}
	return NULL;
}

/* The commonest flush: one page, no table freed, in a half of the root loaded here. No lock: the
 * walk holds the tables in place. */
static void flush_page(struct cpu *c, struct domain *d, struct root *r, u64 va)
{
	struct stlb_state *st = state_of(d);
	struct shadow *in;
	u64 *slot, e = 0, mask;

	fill_sync(c, st); /* S2: later walks read the guest's entry as it is now */
	removing_begin(c, st);
	walk_enter(c);
	slot = leaf_find(c, d, r, va, &in);
	if (slot && READ_ONCE(*slot))
		e = entry_take(in, slot - in->table);
	walk_leave(c);
	if (e || unlikely(atomic_load(&st->removing) > 1)) { /* S14 */
		tlb_flush_local_page(va);
		mask = READ_ONCE(st->running) & ~(1ull << c->id);
		if (unlikely(mask))
			mask = cpus_running(st, va_low(va) ? r : NULL);
		if (unlikely(mask)) {
			count(shootdowns, bits_count(mask));
			tlb_shootdown(mask);
		}
	}
	if (e) {
		maps_lower(e);
		count(flush_entries, 1);
	}
	removing_end(c, st);
}

/* One root or the kernel half (r NULL) under ROOTS. 0, or where to go on. */
static u64 flush_tree(struct domain *d, struct root *r, u64 first, u64 last, u32 flags,
		      unsigned *budget)
{
	bool everything =
		r ? first == 0 && last >= LOW_END - 1 : first <= PV_KERNEL_MIN && last == ~0ull;
	struct removal rm;
	u64 rest = 0;

	removal_begin(&rm, d, r);
	rm.tables = flags & PV_FLUSH_TABLES; /* what the walk caches know of the guest's tables */
	if (r && flags & PV_FLUSH_DYING)
		detach_low(&rm, r);
	else
		rest = tree_clear(&rm, r, first, last, flags & PV_FLUSH_TABLES && !everything,
				  budget);
	removal_end(&rm);
	return rest;
}

/* Lower halves of one root or all. */
static u64 flush_low(struct domain *d, const struct pv_flush *f, u64 first, u64 last,
		     unsigned *budget)
{
	struct stlb_state *st = state_of(d);
	gfn_t g = GFN(f->root >> PAGE_SHIFT);
	u64 rest = 0;

	if (f->flags & PV_FLUSH_ALL_ROOTS) {
		unsigned all = ~0u; /* no place to stop at: a root costs at most its lower slots */

		for (unsigned h = 0; h < ROOT_HASH; h++)
			for (struct root *r = st->hash[h]; r; r = r->next)
				flush_tree(d, r, first, last,
					   f->flags |
						   (last - first >= RUN_SIZE ? PV_FLUSH_DYING : 0),
					   &all);
		return 0;
	}
	for (struct root *r = st->hash[g.n % ROOT_HASH]; r; r = r->next)
		if (r->gfn.n == g.n)
			rest = flush_tree(d, r, first, last, f->flags, budget);
	return rest;
}

static int flush_locked(struct domain *d, struct pv_flush *f)
{
	u64 first = f->start & PAGE_MASK,
	    last = f->end == ~0ull ? ~0ull : (f->end - 1) | (PAGE_SIZE - 1);
	unsigned budget = STLB_FLUSH_BATCH;
	u64 rest = 0;

	fill_sync(this_cpu(), state_of(d)); /* S2 */
	lock(&d->stlb.roots_lock);
	if ((f->flags & PV_FLUSH_SCOPE) != PV_FLUSH_KERNEL && first < LOW_END)
		rest = flush_low(d, f, first, MIN(last, LOW_END - 1), &budget);
	if (!rest && f->flags & PV_FLUSH_KERNEL && last >= PV_KERNEL_MIN)
		rest = flush_tree(d, NULL, MAX(first, PV_KERNEL_MIN), last, f->flags, &budget);
	dead_reap(d, STLB_FLUSH_BATCH);
	unlock(&d->stlb.roots_lock);
	if (!rest)
		return 0;
	f->start = rest;
	return 1;
}

int stlb_flush(struct domain *d, struct pv_flush *f)
{
	struct cpu *c = this_cpu();
	struct root *r = c->loaded;
	u64 va = f->start & PAGE_MASK;

	if (f->end <= f->start)
		return 0;
	if (likely(f->end - va <= PAGE_SIZE && r && r->dom == d)) {
		if (f->flags == PV_FLUSH_ROOT && va < LOW_END &&
		    r->gfn.n == f->root >> PAGE_SHIFT) {
			flush_page(c, d, r, va);
			return 0;
		}
		if (f->flags == PV_FLUSH_KERNEL && va >= PV_KERNEL_MIN) {
			flush_page(c, d, r, va);
			return 0;
		}
	}
	return flush_locked(d, f);
}

/* What stlb_forget looks for: runs of 512 or single frames; a filter by run rejects nearly all
 * entries. */
struct forget {
	struct removal rm;
	const u64 *entries;
	unsigned count;
	u64 filter[16];
};

static unsigned run_bit(mfn_t m)
{
	return m.n / RUN_FRAMES % 1024;
}

/* Whether our entry e (big: a 2 MiB one) reaches a frame that goes. */
static bool reaches(const struct forget *f, u64 e, bool big)
{
	mfn_t m = entry_mfn(e);

	if (!bit_test(f->filter, run_bit(m)))
		return false;
	for (unsigned i = 0; i < f->count; i++) {
		u64 x = (f->entries[i] & P2M_ADDR) >> PAGE_SHIFT;
		bool run = big || f->entries[i] & P2M_BIG;

		if (run ? x / RUN_FRAMES == m.n / RUN_FRAMES : x == m.n)
			return true;
	}
	return false;
}

static void scan_table(struct forget *f, struct shadow *s)
{
	unsigned level = READ_ONCE(s->level), i;

	if (level != 1 && level != 2)
		return;
	for_each_used(i, s)
	{
		u64 e = READ_ONCE(s->table[i]);

		if (!(e & PTE_P) || (level == 2 && !(e & PTE_PS)))
			continue;
		if (reaches(f, e, level == 2))
			take_leaf(&f->rm, s, i, s->base + (i * PAGE_SIZE << (9 * (level - 1))));
	}
}

/* F6: whether entries of the P2M leaf e may be cached at all. */
static bool may_be_cached(u64 e)
{
	mfn_t m = MFN((e & P2M_ADDR) >> PAGE_SHIFT);
	struct frame *f = frame_of(m), *head = frame_of(MFN(m.n & ~(RUN_FRAMES - 1)));
	unsigned kind = p2m_kind(e);

	if (!f || f->use != FRAME_GUEST || kind == PV_MEM_DEVICE)
		return true; /* not counted */
	if (e & P2M_BIG) {
		for (unsigned i = 0; i < RUN_FRAMES; i++)
			if (READ_ONCE(f[i].link_a))
				return true;
		return false;
	}
	if (READ_ONCE(f->link_a))
		return true;
	/* A 2 MiB entry made before the leaf was split counts on the head. Grants have none. */
	return kind != PV_MEM_GRANT && kind != PV_MEM_GRANT_RO && head->use == FRAME_GUEST &&
	       READ_ONCE(head->link_a);
}

/* A granted frame has no 2 MiB entry, and mostly one entry at most: where the hint says. True if
 * that was all. */
static bool forget_by_hint(struct forget *f, u64 e)
{
	struct stlb_state *st = state_of(f->rm.d);
	struct frame *frame = frame_of(MFN((e & P2M_ADDR) >> PAGE_SHIFT)), *hint;
	unsigned kind = p2m_kind(e), i = (e & P2M_ADDR) >> PAGE_SHIFT & 511;
	struct shadow *s;
	u64 found;

	if ((kind != PV_MEM_GRANT && kind != PV_MEM_GRANT_RO) || e & P2M_BIG || !frame ||
	    READ_ONCE(frame->link_a) != 1)
		return false;
	hint = frame_of(MFN(READ_ONCE(frame->link_b)));
	if (!hint || hint->use != FRAME_SHADOW || hint->owner != f->rm.d->id ||
	    hint->link_a >= st->descriptors)
		return false;
	s = shadow_by_number(st, hint->link_a);
	if (READ_ONCE(s->level) != 1)
		return false;
	found = READ_ONCE(
		s->table[i]); /* where it is if gfn = mfn and the guest maps them in order */
	if (!(found & PTE_P) || (found ^ e) & PTE_ADDR)
		for (i = next_used(s->used, 0); i < 512; i = next_used(s->used, i + 1)) {
			found = READ_ONCE(s->table[i]);
			if (found & PTE_P && !((found ^ e) & PTE_ADDR))
				break;
		}
	if (i == 512)
		return false;
	take_leaf(&f->rm, s, i, s->base + i * PAGE_SIZE);
	return true;
}

static void forget_search(struct forget *f, struct domain *d)
{
	struct stlb_state *st = state_of(d);
	bool scan = false;

	for (unsigned i = 0; i < f->count; i++) {
		u64 e = f->entries[i];

		if (!may_be_cached(e) || forget_by_hint(f, e))
			continue;
		scan = true;
		bit_set(f->filter, run_bit(MFN((e & P2M_ADDR) >> PAGE_SHIFT)));
	}
	for (u32 n = 0; scan && n < st->descriptors; n++)
		scan_table(f, shadow_by_number(st, n));
}

void stlb_forget(struct domain *d, const u64 *entries, unsigned n)
{
	struct stlb_state *st = state_of(d);
	bool cached = false;
	struct forget f;

	for (unsigned i = 0; st && i < n; i++)
		if (p2m_kind(entries[i]) == PV_MEM_RAM) { /* it may have held page tables */
			generation_end(st);
			break;
		}
	walk_sync(d); /* P4: no walk knows the entries any more, none can enter them again */
	for (unsigned i = 0; st && i < n && !cached; i++)
		cached = may_be_cached(entries[i]);
	if (!cached)
		return;
	f = (struct forget){.entries = entries, .count = n};
	lock(&d->stlb.roots_lock);
	removal_begin(&f.rm, d, NULL);
	forget_search(&f, d);
	removal_end(&f.rm);
	unlock(&d->stlb.roots_lock);
	/* A flush_page or a recheck elsewhere may have taken an entry out just before we looked for
	 * it, and not lowered the frame's count yet: it does that before the frame is the caller's
	 * to give away. */
	removing_sync();
	walk_sync(d);
}
