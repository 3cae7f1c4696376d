/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_fill: misses. Walk the guest's tables as hardware would, and enter what they allow.
 * Calls:      from #PF; after each #PF of the guest's own (prefill)
 * Rules:      S1, S3, S4, S7, S9-S13 (mm/stlb.h)
 * Read first: stlb_impl.h
 *
 * Most misses and nearly all of the guest's own faults end in the paging-structure cache: the
 * guest's leaf table and ours are known, and one entry of each is touched. The rest walk four
 * levels of each. */
#include "mm/stlb_impl.h"

#define FILL_TRIES  8
#define FILL_GROUP  4		  /* neighbours entered with a miss; aligned                */
#define EXECUTE	    PTE_NX	  /* in `rights` the bit says that the page may be executed  */
#define RESERVED    (0xful << 48) /* gfns have 36 bits                                    */
#define RESERVED_2M 0x1fe000ul
#define RESERVED_1G 0x3fffe000ul
_Static_assert(PF_W == PTE_W && PF_U == PTE_U, "rights_needed counts on it");

struct walk_cache walk_caches[MAX_CPUS][WALK_CACHE];

enum step {
	STEP_DONE,
	STEP_GUEST, /* its fault, code in f->error                                        */
	STEP_AGAIN, /* lost a race                                                        */
	STEP_PAGES, /* f->wanted pages are needed                                         */
	STEP_CLASH, /* an entry that leads elsewhere is in the way (S13)                  */
	STEP_TABLE, /* a leaf table where a 2 MiB page goes, or the reverse                 */
	STEP_HOLD_U0,
	STEP_DROP_U0,
};

struct fill {
	struct domain *d;
	struct stlb_state *st;
	struct root *r;
	u64 va;
	u32 access;
	bool quiet; /* prefill: change nothing that the guest could see                      */
	u32 error;
	/* The guest's side: entries walked, and what they lead to. */
	unsigned level; /* of its leaf                                                       */
	u64 *at[5], val[5];
	u64 rights;
	gfn_t gfn; /* of the 4 KiB page at va                                              */
	u64 p2m;
	/* Ours. */
	u64 gen;
	enum step step; /* why child() found none                                          */
	unsigned wanted, spares;
	struct shadow *spare[STLB_FILL_WORST];
	struct shadow *orphan; /* taken out of parking, and its place was taken meanwhile        */
};

static inline u64 rights_needed(u32 access)
{
	return (access & (PF_W | PF_U)) | (access & PF_I ? EXECUTE : 0);
}

/* S1. p is the leaf of the P2M that covers the frame m, rights those of the whole guest path. */
static inline u64 leaf_entry(u64 pte, u64 rights, u64 p, mfn_t m)
{
	u64 e = m.n << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | (~rights & PTE_NX);

	if (rights & pte & PTE_W && pte & PTE_D && p2m_writable(p))
		e |= PTE_W | PTE_D;
	if (unlikely(p2m_kind(p) == PV_MEM_DEVICE))
		e |= pte & (PTE_PCD | PTE_PWT); /* RAM is write-back whatever the guest says */
	return e;
}

/* S4, S13. */
static enum step enter(struct shadow *s, unsigned i, u64 e)
{
	u64 *slot = &s->table[i], old = READ_ONCE(*slot);

	if (old == e)
		return STEP_DONE;
	if (old) {
		if ((old ^ e) & (PTE_ADDR | PTE_P))
			return STEP_CLASH;
		return atomic_cas(slot, old, e) ? STEP_DONE : STEP_AGAIN;
	}
	maps_raise(e, s);
	if (!atomic_cas(slot, 0, e)) {
		maps_lower(e);
		return STEP_AGAIN;
	}
	if (!bit_test(s->used, i))
		bit_set(s->used, i);
	return STEP_DONE;
}

/* Entry i of the guest's leaf table w->guest as it would be shadowed now without the guest
 * noticing; 0: not. Lower-half pages without U are for the full walk (S9). */
static inline u64 quiet_entry(const struct domain *d, const u64 *guest, u64 above, bool low,
			      unsigned i)
{
	u64 g = READ_ONCE(guest[i]), rights = above & (g ^ PTE_NX), p;
	gfn_t gfn = GFN((g & PTE_ADDR) >> PAGE_SHIFT);

	if ((g & (PTE_P | PTE_A | RESERVED)) != (PTE_P | PTE_A) || (low && !(rights & PTE_U)))
		return 0;
	p = p2m_find(&d->p2m, gfn);
	if (!p)
		return 0;
	return leaf_entry(g, rights, p, p2m_mfn(p, gfn)) |
	       (p2m_kind(p) == PV_MEM_DEVICE ? g & PTE_PS : 0);
}

/* The other entries of i's group, where ours are empty. */
static inline void fill_group(const struct domain *d, struct shadow *leaf, const u64 *guest,
			      u64 above, bool low, unsigned i)
{
	unsigned j = i & ~(FILL_GROUP - 1u), end = j + FILL_GROUP;

	if (unlikely(end == 512 && leaf->base == LOW_END - RUN_SIZE))
		end = 511; /* LOW_LAST_PAGE */
	for (; j < end; j++) {
		u64 e = READ_ONCE(leaf->table[j]) ? 0 : quiet_entry(d, guest, above, low, j);

		if (e)
			(void)enter(leaf, j, e);
	}
}

/* A miss by the paging-structure cache. STEP_AGAIN: it needs the full walk. */
static inline enum step fill_cached(const struct domain *d, const struct walk_cache *w, u64 va,
				    u32 access, u32 *error)
{
	unsigned i = va_index(va, 1);
	u64 *slot = &w->guest[i], g = READ_ONCE(*slot), need = rights_needed(access), p, e;
	u64 rights = w->rights & (g ^ PTE_NX);
	u64 set = PTE_A | (access & PF_W ? PTE_D : 0);
	gfn_t gfn = GFN((g & PTE_ADDR) >> PAGE_SHIFT);

	if (!(g & PTE_P)) {
		*error = access;
		return STEP_GUEST;
	}
	if (unlikely(g & RESERVED))
		return STEP_AGAIN;
	if (need & ~(g ^ PTE_NX)) {
		*error = access | PF_P;
		return STEP_GUEST;
	}
	/* Rights may have been added above without a flush; S9 is the full walk's. */
	if (unlikely((need | (va_low(va) ? PTE_U : 0)) & ~rights))
		return STEP_AGAIN;
	p = p2m_find(&d->p2m, gfn);
	if (unlikely(!p || p2m_kind(p) == PV_MEM_DEVICE || (access & PF_W && !p2m_writable(p))))
		return STEP_AGAIN;
	if (set & ~g && !atomic_cas(slot, g, g | set)) /* S11 */
		return STEP_AGAIN;
	e = leaf_entry(g | set, rights, p, p2m_mfn(p, gfn));
	return enter(w->leaf, i, e) == STEP_DONE ? STEP_DONE : STEP_AGAIN;
}

static enum step guest_fault(struct fill *f, u32 bits)
{
	f->error = f->access | bits;
	return STEP_GUEST;
}

static u64 reserved_bits(unsigned level, u64 e)
{
	u64 bits = RESERVED;

	if (e & PTE_PS)
		bits |= level == 4   ? PTE_PS
			: level == 3 ? RESERVED_1G
			: level == 2 ? RESERVED_2M
				     : 0;
	return bits;
}

/* The guest's tables, as hardware walks them: every step by the P2M, present bits before anything
 * else. */
static enum step guest_walk(struct fill *f)
{
	gfn_t g = f->r->gfn;
	u64 offset;

	f->rights = PTE_W | PTE_U | EXECUTE;
	if ((va_index(f->va, 4) >= LOW_SLOTS && va_index(f->va, 4) < KERNEL_SLOT) ||
	    (f->va & PAGE_MASK) == LOW_LAST_PAGE)
		return guest_fault(f, 0); /* S10 */
	for (f->level = 4;; f->level--) {
		u64 p = p2m_find(&f->d->p2m, g), e;

		/* Writable RAM of its own: A and D are written there. */
		if (p2m_kind(p) != PV_MEM_RAM)
			return guest_fault(f, PF_P | PF_RSVD);
		f->at[f->level] = (u64 *)mfn_to_virt(p2m_mfn(p, g)) + va_index(f->va, f->level);
		e = f->val[f->level] = READ_ONCE(*f->at[f->level]);
		if (!(e & PTE_P))
			return guest_fault(f, 0);
		if (e & reserved_bits(f->level, e))
			return guest_fault(f, PF_P | PF_RSVD);
		f->rights &= e ^ PTE_NX;
		g = GFN((e & PTE_ADDR) >> PAGE_SHIFT);
		if (f->level == 1 || e & PTE_PS)
			break;
	}
	offset = (f->va >> PAGE_SHIFT) & ((1ul << (9 * (f->level - 1))) - 1);
	f->gfn = GFN((g.n & ~((1ul << (9 * (f->level - 1))) - 1)) + offset);
	if (rights_needed(f->access) & ~f->rights || (f->access & PF_U && !va_low(f->va)))
		return guest_fault(f, PF_P);
	f->p2m = p2m_find(&f->d->p2m, f->gfn);
	if (!f->p2m || (f->access & PF_W && !p2m_writable(f->p2m)))
		return guest_fault(f, PF_P | PF_RSVD);
	return STEP_DONE;
}

/* S11: A on the whole path, D on the leaf for a write. */
static enum step guest_mark(struct fill *f)
{
	for (unsigned l = 4; l >= f->level; l--) {
		u64 set = PTE_A | (l == f->level && f->access & PF_W ? PTE_D : 0), val = f->val[l];

		if (!(set & ~val))
			continue;
		if (f->quiet)
			return STEP_GUEST;
		if (!atomic_cas(f->at[l], val, val | set))
			return STEP_AGAIN;
		f->val[l] = val | set;
	}
	return STEP_DONE;
}

/* S12: leaf is this walk's alone. Make its entries anew from the guest's leaf table. */
static void recheck(struct fill *f, struct shadow *leaf)
{
	u64 *guest = f->level == 1 ? f->at[1] - va_index(f->va, 1) : NULL,
	    above = PTE_W | PTE_U | EXECUTE;
	unsigned i;

	for (unsigned l = 4; l > 1 && guest; l--)
		above &= f->val[l] ^ PTE_NX;
	for_each_used(i, leaf)
	{
		u64 old = READ_ONCE(leaf->table[i]), new = 0;

		if (old && guest)
			new = quiet_entry(f->d, guest, above, va_low(f->va), i);
		if (new && !((old ^ new) & PTE_ADDR) && atomic_cas(&leaf->table[i], old, new))
			continue;
		bit_clear(leaf->used, i);
		old = atomic_xchg(&leaf->table[i], 0);
		if (old)
			maps_lower(old);
	}
}

/* The parked table behind entry e of s, linked again; or NULL with f->step. */
static struct shadow *relink(struct fill *f, struct shadow *s, unsigned i, u64 e)
{
	struct shadow *leaf = parked_shadow(f->st, e);
	u64 link;

	f->step = STEP_AGAIN;
	if (!atomic_cas(&s->table[i], e, 0))
		return NULL;
	/* Looked at once it is ours: who parked it has ended its reach, or it stays parked. */
	link = atomic_load(&f->st->removing) ? e : table_entry(leaf);
	if (link != e)
		recheck(f, leaf);
	if (!atomic_cas(&s->table[i], 0, link)) {
		f->orphan = leaf;
		return NULL;
	}
	if (link == e)
		return NULL;
	count(relinks, 1);
	return leaf;
}

/* The table below entry i of s, made if need be; or NULL with f->step. */
static struct shadow *child(struct fill *f, struct shadow *s, unsigned i, unsigned level)
{
	u64 e = READ_ONCE(s->table[i]), size = 1ul << (PAGE_SHIFT + 9 * level);
	struct shadow *n;

	if (likely(e & PTE_P && !(e & PTE_PS)))
		return shadow_below(f->st, e);
	if (e && !(e & PTE_P))
		return relink(f, s, i, e);
	f->step = e ? STEP_TABLE : f->spares ? STEP_AGAIN : STEP_PAGES;
	f->wanted = level;
	if (f->step != STEP_AGAIN)
		return NULL;
	n = f->spare[--f->spares];
	shadow_setup(n, level, s->root, f->va & ~(size - 1));
	if (atomic_cas(&s->table[i], 0, table_entry(n))) {
		bit_set(s->used, i);
		return n;
	}
	n->level = 0;
	f->spare[f->spares++] = n;
	return NULL;
}

/* The kernel half's L3 for a slot: the domain's. */
static struct shadow *kernel_child(struct fill *f, unsigned slot)
{
	struct shadow **at = &f->st->kernel_l3[slot - KERNEL_SLOT], *l3 = atomic_load(at);

	if (l3)
		return l3;
	f->step = f->spares ? STEP_AGAIN : STEP_PAGES;
	f->wanted = 3;
	if (!f->spares)
		return NULL;
	l3 = f->spare[--f->spares];
	shadow_setup(l3, 3, NULL, f->va & ~((1ul << 39) - 1));
	if (atomic_cas(at, NULL, l3))
		return l3;
	l3->level = 0;
	f->spare[f->spares++] = l3;
	return NULL;
}

/* l3 in slot of a view's L4. One that is on its way out may still be there: wait for its end. */
static enum step enter_view(struct shadow *l4, unsigned slot, const struct shadow *l3)
{
	u64 e = table_entry(l3), old = READ_ONCE(l4->table[slot]);

	if (likely(old == e))
		return STEP_DONE;
	if (old || !atomic_cas(&l4->table[slot], 0, e))
		return STEP_AGAIN;
	bit_set(l4->used, slot);
	return STEP_DONE;
}

static struct shadow *top_table(struct fill *f)
{
	struct root *r = f->r;
	unsigned slot = va_index(f->va, 4);
	struct shadow *l3, *view = r->kernel_shadow;

	if (va_low(f->va)) {
		l3 = child(f, r->kernel_shadow, slot, 3);
		view = r->user_shadow;
		if (l3 && READ_ONCE(r->low_u0))
			return l3; /* S9: not in the user view now */
	} else {
		l3 = kernel_child(f, slot);
	}
	if (!l3)
		return NULL;
	f->step = enter_view(view, slot, l3);
	return f->step == STEP_DONE ? l3 : NULL;
}

/* S9: may this lower-half page be entered as things are? */
static enum step check_u0(const struct fill *f)
{
	u8 state = READ_ONCE(f->r->low_u0);

	if (state == LOW_U0_DROPPING)
		return STEP_AGAIN;
	if (!(f->rights & PTE_U)) {
		if (f->quiet)
			return STEP_GUEST;
		return state ? STEP_DONE : STEP_HOLD_U0;
	}
	return state && f->access & PF_U ? STEP_DROP_U0 : STEP_DONE;
}

/* One entry for the 2 MiB run of frames that va lies in. */
static enum step mirror_big(struct fill *f, struct shadow *l2)
{
	u64 pte = f->val[f->level];
	mfn_t run = p2m_mfn(f->p2m, GFN(f->gfn.n & ~(RUN_FRAMES - 1)));
	u64 e = leaf_entry(pte, f->rights, f->p2m, run) | PTE_PS;
	enum step s;

	if (p2m_kind(f->p2m) == PV_MEM_DEVICE)
		e |= pte & (1ul << 12); /* PAT */
	s = enter(l2, va_index(f->va, 2), e);
	if (s == STEP_DONE && !f->quiet)
		count(fills_2m, 1);
	return s == STEP_CLASH ? STEP_TABLE : s;
}

/* What a 2 MiB entry may cover: a run of the P2M that is the domain's own, under a leaf of the
 * guest's as large. */
static bool may_be_big(const struct fill *f)
{
	unsigned kind = p2m_kind(f->p2m);

	return f->level > 1 && f->p2m & P2M_BIG && f->va >> 21 != LOW_LAST_PAGE >> 21 &&
	       kind != PV_MEM_GRANT && kind != PV_MEM_GRANT_RO;
}

static void remember(const struct fill *f, struct shadow *leaf)
{
	u64 above = PTE_W | PTE_U | EXECUTE;

	for (unsigned l = 4; l > 1; l--)
		above &= f->val[l] ^ PTE_NX;
	*walk_cache_slot(this_cpu(), f->r, f->va) = (struct walk_cache){
		.root = f->r,
		.run = f->va >> 21,
		.gen = f->gen,
		.guest = f->at[1] - va_index(f->va, 1),
		.leaf = leaf,
		.rights = above,
	};
}

/* Our side of the walk. */
static enum step mirror(struct fill *f)
{
	struct shadow *l3, *l2, *leaf;
	u64 pte = f->val[f->level], e;
	unsigned i = va_index(f->va, 1);
	enum step s = va_low(f->va) ? check_u0(f) : STEP_DONE;

	if (s == STEP_DONE)
		s = guest_mark(f);
	if (s != STEP_DONE)
		return s;
	pte = f->val[f->level];
	l3 = top_table(f);
	l2 = l3 ? child(f, l3, va_index(f->va, 3), 2) : NULL;
	if (l2 && may_be_big(f))
		return mirror_big(f, l2);
	leaf = l2 ? child(f, l2, va_index(f->va, 2), 1) : NULL;
	if (!leaf)
		return f->step;
	e = leaf_entry(pte, f->rights, f->p2m, p2m_mfn(f->p2m, f->gfn));
	if (p2m_kind(f->p2m) == PV_MEM_DEVICE) /* PAT is bit 12 of a large page */
		e |= f->level == 1 ? pte & PTE_PS : pte >> 5 & PTE_PS;
	s = enter(leaf, i, e);
	if (s == STEP_DONE && f->level == 1 && !f->r->low_u0) {
		struct walk_cache *w = walk_cache_slot(this_cpu(), f->r, f->va);

		remember(f, leaf);
		fill_group(f->d, leaf, w->guest, w->rights, va_low(f->va), i);
	}
	return s;
}

/* What a walk cannot do: all that waits for other walks or takes locks. */
static bool prepare(struct fill *f, enum step s)
{
	u64 run = f->va & ~(RUN_SIZE - 1), page = f->va & PAGE_MASK;
	struct root *low = va_low(f->va) ? f->r : NULL;

	switch (s) {
	case STEP_PAGES:
		if (!pool_reserve(f->d, f->wanted - f->spares, f->spare + f->spares, f->r))
			return false;
		f->spares = f->wanted;
		return true;
	case STEP_CLASH:
	case STEP_TABLE:
		lock(&f->d->stlb.roots_lock);
		if (s == STEP_TABLE)
			range_clear(f->d, low, run, run + RUN_SIZE - 1, true);
		else
			range_clear(f->d, low, page, page + PAGE_SIZE - 1, false);
		unlock(&f->d->stlb.roots_lock);
		return true;
	case STEP_HOLD_U0:
		low_u0_hold(f->r);
		return true;
	case STEP_DROP_U0:
		stlb_drop_low_u0(f->r);
		return true;
	default:
		return true;
	}
}

/* A parked table whose place was taken while this walk had it: nobody else knows it. */
static void bury(struct fill *f)
{
	struct removal rm;

	if (!f->orphan)
		return;
	lock(&f->d->stlb.roots_lock);
	removal_begin(&rm, f->d, f->orphan->root);
	removal_table(&rm, f->orphan);
	removal_end(&rm);
	unlock(&f->d->stlb.roots_lock);
	f->orphan = NULL;
}

static enum step fill_full(struct fill *f)
{
	enum step s = STEP_AGAIN;

	for (unsigned try = 0; try < FILL_TRIES && s != STEP_DONE && s != STEP_GUEST; try++) {
		struct cpu *c = this_cpu();

		walk_enter(c);
		f->gen = atomic_load(&f->st->gen);
		f->r->used_at = f->st->clock;
		s = guest_walk(f);
		if (s == STEP_DONE)
			s = mirror(f);
		walk_leave(c);
		bury(f);
		if (!prepare(f, s))
			break;
	}
	while (f->spares)
		pool_put(f->d, f->spare[--f->spares]);
	return s;
}

enum fill_result stlb_fill(struct root *r, u64 va, u32 access, u32 *error)
{
	struct domain *d = r->dom;
	struct stlb_state *st = state_of(d);
	struct cpu *c = this_cpu();
	const struct walk_cache *w = walk_cache_slot(c, r, va);
	enum step s = STEP_AGAIN;

	walk_enter(c);
	access &= PF_W | PF_U | PF_I;
	if (likely(walk_cache_hit(w, st, r, va) && !r->low_u0 && (va_low(va) || !(access & PF_U)) &&
		   (va & PAGE_MASK) != LOW_LAST_PAGE)) {
		s = fill_cached(d, w, va, access, error);
		if (s == STEP_DONE)
			fill_group(d, w->leaf, w->guest, w->rights, va_low(va), va_index(va, 1));
	}
	walk_leave(c);
	if (s == STEP_AGAIN) {
		struct fill f = {.d = d, .st = st, .r = r, .va = va, .access = access};

		s = fill_full(&f);
		*error = f.error;
	}
	if (s == STEP_GUEST)
		return FILL_GUEST;
	if (s != STEP_DONE)
		return FILL_RETRY;
	count(fills, 1);
	return FILL_DONE;
}

void stlb_prefill(struct root *r, u64 va)
{
	struct domain *d = r->dom;
	struct stlb_state *st = state_of(d);
	struct cpu *c = this_cpu();
	const struct walk_cache *w = walk_cache_slot(c, r, va);
	enum step s = STEP_AGAIN;

	walk_enter(c);
	if (likely(walk_cache_hit(w, st, r, va) && !r->low_u0 &&
		   (va & PAGE_MASK) != LOW_LAST_PAGE)) {
		u64 e = quiet_entry(d, w->guest, w->rights, va_low(va), va_index(va, 1));

		s = e ? enter(w->leaf, va_index(va, 1), e) : STEP_GUEST;
		if (s == STEP_DONE)
			fill_group(d, w->leaf, w->guest, w->rights, va_low(va), va_index(va, 1));
	}
	walk_leave(c);
	if (s != STEP_DONE && s != STEP_GUEST) {
		struct fill f = {.d = d, .st = st, .r = r, .va = va, .quiet = true};

		s = fill_full(&f);
	}
	if (s == STEP_DONE)
		count(prefills, 1);
}
