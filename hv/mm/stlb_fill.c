/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_fill: misses. Walk the guest's tables as hardware would, and enter what they allow.
 * Calls:      from #PF; after each #PF of the guest's own (prefill)
 * Rules:      S1, S3, S4, S7, S9-S15 (mm/stlb.h)
 * Read first: stlb_impl.h
 *
 * Most misses and nearly all of the guest's own faults end in the paging-structure cache: the
 * guest's leaf table and ours are known, and one entry of each is touched. The rest walk four
 * levels of each. Both judge the guest's leaf entry by leaf_look. */
#include "mm/stlb_impl.h"

#define FILL_TRIES  8
#define FILL_GROUP  4u            /* neighbours entered with a miss; aligned */
#define EXECUTE     PT_NX         /* in `rights` the bit says that the page may be executed */
#define RESERVED    (0xful << 48) /* gfns have 36 bits */
#define GFN_BITS    (PT_ADDR & ~RESERVED)
#define RESERVED_2M 0x1fe000ul
#define RESERVED_1G 0x3fffe000ul
#define PAT_SMALL   PT_PS /* in a 4 KiB entry */
#define PAT_LARGE   (1ul << 12)
_Static_assert(PF_W == PT_W && PF_U == PT_U, "rights_needed counts on it");

enum step {
	STEP_DONE,
	STEP_GUEST, /* its fault, with an error code */
	STEP_AGAIN, /* lost a race */
	STEP_PAGES, /* pages are needed */
	STEP_CLASH, /* what leads elsewhere (S13), or is of another size, is in the way */
	STEP_U0,    /* S9: the lower half is in the wrong state for this access */
};

/* What is asked, and what the guest's leaf entry says to it. */
struct look {
	u64 va;
	u32 access, error;
	bool quiet; /* prefill: change nothing that the guest could see */
	bool u0;    /* S9: U=0 pages may be entered */
	bool big;   /* entry is one for 2 MiB */
	u64 p2m;    /* leaf of the P2M over the frame */
	u64 entry;  /* ours, for the 4 KiB page at va */
};

struct fill {
	struct cpu *c;
	struct domain *d;
	struct root *r;
	struct look look;
	u64 gen;
	/* The guest's side. */
	unsigned level; /* of its leaf */
	u64 *table[5];  /* by level, down to there; from 4 or 2 */
	u64 above[5];   /* rights of the levels above each */
	u64 leaf;       /* its leaf entry */
	/* Ours. */
	struct shadow *top; /* the table where the walk begins: L4, or L2 from the cache */
	unsigned wanted, spares;
	struct shadow *spare[STLB_FILL_WORST];
};

static inline u64 rights_needed(u32 access) { return (access & (PF_W | PF_U)) | (access & PF_I ? EXECUTE : 0); }

static inline enum step guest_fault(struct look *k, u32 bits) {
	k->error = k->access | bits;
	return STEP_GUEST;
}

static inline u64 reserved_bits(unsigned level, u64 e) {
	if (level == 1 || !(e & PT_PS)) return RESERVED;
	return RESERVED | (level == 4 ? PT_PS : level == 3 ? RESERVED_1G : RESERVED_2M);
}

/* The guest's leaf entry g, read in slot: its checks in hardware's order, then its A and D (S11), then
 * k->entry (S1). `above` has no U in the upper half: user mode gets nothing there. Needs a walk. */
static ALWAYS_INLINE enum step leaf_look(const struct domain *d, u64 *slot, u64 g, unsigned level, u64 above,
					 struct look *k) {
	u64 rights = above & (g ^ PT_NX), e;
	u64 set = PT_A | (k->access & PF_W ? PT_D : 0), inside = (1ul << 9 * (level - 1)) - 1;
	gfn_t gfn = GFN(((g & GFN_BITS) >> PAGE_SHIFT & ~inside) + (k->va >> PAGE_SHIFT & inside));

	if (!(g & PT_P)) return guest_fault(k, 0);
	if (unlikely(g & reserved_bits(level, g))) return guest_fault(k, PF_P | PF_RSVD);
	if (rights_needed(k->access) & ~rights) return guest_fault(k, PF_P);
	if (unlikely(!(rights & PT_U) && va_low(k->va) && !k->u0)) return k->quiet ? STEP_GUEST : STEP_U0;
	k->p2m = p2m_find(&d->p2m, gfn);
	if (unlikely(!k->p2m || (k->access & PF_W && !p2m_writable(k->p2m)))) return guest_fault(k, PF_P | PF_RSVD);
	if (set & ~g) {
		if (k->quiet) return STEP_GUEST;
		if (!atomic_cas(slot, g, g | set)) return STEP_AGAIN;
	}
	e = p2m_mfn(k->p2m, gfn).n << PAGE_SHIFT | PT_P | PT_U | PT_A | (~rights & PT_NX);
	if (rights & PT_W && (g | set) & PT_D && p2m_writable(k->p2m)) e |= PT_W | PT_D;
	if (unlikely(p2m_kind(k->p2m) == PV_MEM_DEVICE)) /* RAM is write-back whatever the guest says */
		e |= PT_LINKED | (g & (PT_PCD | PT_PWT)) | (g & (level == 1 ? PAT_SMALL : PAT_LARGE) ? PAT_SMALL : 0);
	k->entry = e;
	return STEP_DONE;
}

/* Whether one 2 MiB entry will do: for a run of the P2M that is RAM of the domain's own, under a leaf of the
 * guest's as large. k->entry becomes that. */
static inline bool look_big(struct look *k, unsigned level) {
	if (level == 1 || !(k->p2m & P2M_BIG) || k->va >> 21 == LOW_LAST_PAGE >> 21 || !p2m_own(k->p2m)) return false;
	k->entry = (k->entry & ~(RUN_SIZE - PAGE_SIZE)) | PT_PS;
	k->big = true;
	return true;
}

/* e, with what old, which it replaces, says of links (S15). */
static inline u64 entry_after(u64 old, u64 e) { return (e & ~PT_MAPS) | (old & PT_MAPS); }

/* e is entry i of s now (S4). */
static ALWAYS_INLINE enum step entered(struct shadow *s, unsigned i, u64 e) {
	if (!bit_test(s->used, i)) bit_set(s->used, i);
	if (e & PT_W && !(READ_ONCE(s->writes) >> i / 8 & 1)) (void)atomic_or(&s->writes, 1ull << i / 8);
	return STEP_DONE;
}

/* The hint that sole tells of is not free, or it is device memory, which has none: the other hint, or a chain. */
static NOINLINE enum step enter_more(struct domain *d, struct shadow *s, unsigned i, u64 e) {
	u64 sole = READ_ONCE(s->sole) ^ PT_HINT;

	if (e & PT_LINKED || !atomic_cas(maps_hint(e | sole), 0, entry_number(s, i)))
		return maps_link(d, entry_number(s, i), e | PT_LINKED) ? entered(s, i, e) : STEP_AGAIN;
	WRITE_ONCE(s->sole, sole); /* so it may be for its neighbours */
	if (atomic_cas(&s->table[i], 0, e | sole)) return entered(s, i, e);
	atomic_store(maps_hint(e | sole), 0);
	return STEP_AGAIN;
}

static NOINLINE enum step enter_over(struct shadow *s, unsigned i, u64 old, u64 e) {
	if ((old ^ e) & (PT_ADDR | PT_P)) return STEP_CLASH; /* S13 */
	return atomic_cas(&s->table[i], old, entry_after(old, e)) ? entered(s, i, e) : STEP_AGAIN;
}

static ALWAYS_INLINE enum step enter(struct domain *d, struct shadow *s, unsigned i, u64 e) {
	u64 *slot = &s->table[i], old = READ_ONCE(*slot), sole = READ_ONCE(s->sole);

	if (unlikely(old)) return enter_over(s, i, old, e);
	if (unlikely(e & PT_LINKED || !atomic_cas(maps_hint(e | sole), 0, entry_number(s, i))))
		return enter_more(d, s, i, e);
	e |= sole;
	if (likely(atomic_cas(slot, 0, e))) return entered(s, i, e);
	atomic_store(maps_hint(e), 0);
	return STEP_AGAIN;
}

/* The guest's table at g: in writable RAM of the domain's own. */
static u64 *guest_table(const struct domain *d, gfn_t g) {
	u64 p = p2m_find(&d->p2m, g);

	return p2m_kind(p) == PV_MEM_RAM ? mfn_to_virt(p2m_mfn(p, g)) : NULL;
}

static u64 *guest_slot(const struct fill *f) { return &f->table[f->level][va_index(f->look.va, f->level)]; }

/* The guest's tables from f->level down to its leaf entry, as hardware walks them. */
static enum step guest_walk(struct fill *f) {
	struct look *k = &f->look;
	u64 *slot, e;

	for (; f->table[f->level]; f->level--) {
		slot = guest_slot(f);
		e = f->leaf = READ_ONCE(*slot);
		if (f->level == 1 || (e & (PT_P | PT_PS)) != PT_P) return STEP_DONE;
		if (e & RESERVED) break;
		if (!(e & PT_A) && k->quiet) return STEP_GUEST;
		if (!(e & PT_A) && !atomic_cas(slot, e, e | PT_A)) /* S11 */
			return STEP_AGAIN;
		f->above[f->level - 1] = f->above[f->level] & (e ^ PT_NX);
		f->table[f->level - 1] = guest_table(f->d, GFN((e & PT_ADDR) >> PAGE_SHIFT));
	}
	return guest_fault(k, PF_P | PF_RSVD);
}

static enum step guest_look(struct fill *f) {
	enum step s = guest_walk(f);

	return s != STEP_DONE ? s : leaf_look(f->d, guest_slot(f), f->leaf, f->level, f->above[f->level], &f->look);
}

/* Our entry for the guest's in slot, of a leaf table under rights `above`; 0 unless it can be made without a mark
 * in the guest's. va: any under that table. */
static NOINLINE u64 quiet_entry(const struct domain *d, u64 *slot, u64 above, u64 va) {
	struct look k = {.va = va, .quiet = true};

	return leaf_look(d, slot, READ_ONCE(*slot), 1, above, &k) == STEP_DONE ? k.entry : 0;
}

/* S12: leaf is this walk's alone, but for stlb_forget, which takes entries out of any table. Make its
 * entries anew from the guest's leaf table. */
static void recheck(struct fill *f, struct shadow *leaf) {
	u64 *guest = f->level == 1 ? f->table[1] : NULL;

	for_each_used (i, leaf, 0, 512) {
		u64 old = READ_ONCE(leaf->table[i]), new = 0;

		if (old && guest) new = quiet_entry(f->d, &guest[i], f->above[1], f->look.va);
		if (new && !((old ^ new) & PT_ADDR) && atomic_cas(&leaf->table[i], old, entry_after(old, new)))
			continue;
		bit_clear(leaf->used, i);
		old = entry_take(&leaf->table[i]);
		if (old) maps_lower(f->d, entry_number(leaf, i), old);
	}
	atomic_store(&leaf->writes, ~0ull);
}

/* The other entries of va's group, where ours are empty: a miss seldom comes alone. */
static inline void fill_group(const struct walk_cache *w, u64 va) {
	unsigned first = va_index(va, 1) & ~(FILL_GROUP - 1);
	u64 *guest = w->guest + first, *ours = w->shadow->table + first, e;

	for (unsigned i = 0; i < FILL_GROUP; i++) {
		if (ours[i] || !(READ_ONCE(guest[i]) & PT_P)) continue;
		e = quiet_entry(w->root->dom, &guest[i], w->rights, va);
		if (e) (void)enter(w->root->dom, w->shadow, first + i, e);
	}
}

/* The parked table behind *slot, linked again, unless another walk has it, or who parked it has not ended its reach
 * yet. */
static enum step relink(struct fill *f, u64 *slot, u64 e, struct shadow **leaf) {
	*leaf = parked_shadow(state_of(f->d), e);
	if (e & PARKED_BUSY || !atomic_cas(slot, e, e | PARKED_BUSY)) return STEP_AGAIN;
	if (atomic_load(&f->d->stlb.removing)) { /* looked at once it is ours */
		atomic_store(slot, e);
		return STEP_AGAIN;
	}
	recheck(f, *leaf);
	atomic_store(slot, table_entry(*leaf));
	count(relinks, 1);
	return STEP_DONE;
}

/* n pages, if they are there and nobody is in the way: in a walk nothing is waited for. */
static bool spares_try(struct fill *f, unsigned n) {
	bool done = lock_try(&f->d->stlb.roots_lock);

	if (!done) return false;
	done = pool_take(f->d, n, f->spare);
	unlock_tried(&f->d->stlb.roots_lock);
	f->spares = done ? n : 0;
	return done;
}

/* The table below s, made if need be. */
static enum step child(struct fill *f, struct shadow *s, struct shadow **below) {
	unsigned level = s->level - 1, i = va_index(f->look.va, s->level);
	u64 *slot = &s->table[i], e = READ_ONCE(*slot);
	struct shadow *n;

	if (unlikely(e & PT_LEAF)) return STEP_CLASH;
	if (likely(e & PT_P)) {
		*below = shadow_below(state_of(f->d), e);
		return STEP_DONE;
	}
	if (e) return relink(f, slot, e, below);
	f->wanted = level;
	if (!f->spares && !spares_try(f, level)) return STEP_PAGES;
	*below = n = f->spare[--f->spares];
	shadow_setup(n, level, s->root, f->look.va & ~((PAGE_SIZE << 9 * level) - 1));
	if (atomic_cas(slot, 0, table_entry(n))) {
		bit_set(s->used, i);
		return STEP_DONE;
	}
	n->level = 0;
	f->spare[f->spares++] = n;
	return STEP_AGAIN;
}

/* S10: l3 in slot of a view's L4. One that is on its way out may still be there: wait for its end. */
static enum step enter_view(struct shadow *l4, unsigned slot, const struct shadow *l3) {
	u64 e = table_entry(l3), old = READ_ONCE(l4->table[slot]);

	if (likely(old == e)) return STEP_DONE;
	if (old || !atomic_cas(&l4->table[slot], 0, e)) return STEP_AGAIN;
	bit_set(l4->used, slot);
	return STEP_DONE;
}

/* Not in an S9 state; not the run that holds LOW_LAST_PAGE, which leaf tables' users do not look for. */
static void remember(const struct fill *f, struct shadow *s) {
	unsigned l = s->level;

	if (l < f->level || f->r->low_u0 || (l == 1 && f->look.va >> 21 == LOW_LAST_PAGE >> 21)) return;
	*walk_cache_slot(f->c, f->r, f->look.va, l) = (struct walk_cache){
		.root = f->r,
		.tag = walk_cache_tag(f->look.va, l),
		.gen = f->gen,
		.guest = f->table[l],
		.shadow = s,
		.rights = f->above[l],
	};
}

/* Our side of the walk: from f->top down to where the entry goes. */
static enum step mirror(struct fill *f) {
	bool low = va_low(f->look.va), big = look_big(&f->look, f->level);
	struct shadow *s = f->top, *below;
	enum step step;

	for (; s->level > (big ? 2 : 1); s = below) {
		if (s->level == 2) remember(f, s);
		step = child(f, s, &below);
		if (step == STEP_DONE && s->level == 4 && !(low && f->look.u0))
			step = enter_view(low ? f->r->user_shadow : f->r->kernel_shadow, va_index(f->look.va, 4),
					  below);
		if (step != STEP_DONE) return step;
	}
	step = enter(f->d, s, va_index(f->look.va, s->level), f->look.entry);
	if (step == STEP_DONE) remember(f, s);
	return step;
}

static void start_at_root(struct fill *f) {
	f->level = 4;
	f->table[4] = guest_table(f->d, f->r->gfn);
	f->above[4] = PT_W | EXECUTE | (va_low(f->look.va) ? PT_U : 0);
	f->top = va_low(f->look.va) ? f->r->kernel_shadow : &state_of(f->d)->kernel;
}

/* Where the walk begins: at the L2 tables if these are known, else at the root. */
static void start(struct fill *f) {
	struct look *k = &f->look;
	const struct walk_cache *w = walk_cached(f->c, f->r, k->va, 2);

	if (!w || rights_needed(k->access) & ~w->rights) {
		start_at_root(f);
		return;
	}
	f->level = 2;
	f->table[2] = w->guest;
	f->above[2] = w->rights;
	f->top = w->shadow;
}

static enum step walk(struct fill *f) {
	struct look *k = &f->look;
	unsigned slot = va_index(k->va, 4);
	u8 state = va_low(k->va) ? READ_ONCE(f->r->low_u0) : 0;
	enum step s;

	if ((slot >= LOW_SLOTS && slot < KERNEL_SLOT) || (k->va & PAGE_MASK) == LOW_LAST_PAGE)
		return guest_fault(k, 0); /* S10 */
	if (state == LOW_U0_CHANGING) return STEP_AGAIN;
	k->u0 = state;
	start(f);
	s = guest_look(f);
	if (s == STEP_DONE && state && k->access & PF_U) s = STEP_U0;
	return s == STEP_DONE ? mirror(f) : s;
}

bool entry_stale(struct root *r, u64 va, u64 e) {
	struct fill f = {.d = r->dom, .r = r, .look = {.va = va, .u0 = true}};
	enum step s;

	start_at_root(&f);
	s = guest_look(&f);
	return s != STEP_DONE
		       ? s == STEP_GUEST
		       : (e ^ f.look.entry) & PT_ADDR || (e & ~f.look.entry & PT_W) || (~e & f.look.entry & PT_NX);
}

/* What a walk cannot do: all that waits for other walks or takes locks. */
static bool prepare(struct fill *f, enum step s) {
	u64 run = f->look.va & ~(RUN_SIZE - 1);
	unsigned all = ~0u;

	if (s == STEP_PAGES) {
		if (!pool_reserve(f->d, f->wanted - f->spares, f->spare + f->spares, f->r)) return false;
		f->spares = f->wanted;
	} else if (s == STEP_CLASH) {
		lock(&f->d->stlb.roots_lock);
		flush_tree(f->d, va_low(run) ? f->r : NULL, run, run + RUN_SIZE - 1, PV_FLUSH_TABLES, &all);
		unlock(&f->d->stlb.roots_lock);
	} else if (s == STEP_U0) {
		low_u0_set(f->r, !(f->look.access & PF_U));
	}
	return s >= STEP_AGAIN;
}

static NOINLINE enum step fill_full(struct cpu *c, struct look *k) {
	unsigned try = 0;
	struct fill f; /* not cleared: it is large */
	enum step s;

	f.c = c;
	f.r = c->loaded;
	f.d = f.r->dom;
	f.look = *k;
	f.spares = 0;
	do {
		walk_enter(c);
		f.gen = atomic_load(&f.r->gen);
		s = walk(&f);
		walk_leave(c);
	} while (prepare(&f, s) && ++try < FILL_TRIES);
	if (unlikely(f.spares)) {
		lock(&f.d->stlb.roots_lock);
		while (f.spares) pool_put(f.d, f.spare[--f.spares]);
		unlock(&f.d->stlb.roots_lock);
	}
	*k = f.look;
	return s;
}

/* By the cache's entry w, if it is not NULL. One is not used if the levels above deny the access: rights
 * may have been added there without a flush. */
static ALWAYS_INLINE enum step fill_cached(const struct walk_cache *w, unsigned level, struct look *k) {
	unsigned i = va_index(k->va, level);
	enum step s;
	u64 g;

	if (!w || rights_needed(k->access) & ~w->rights) return STEP_AGAIN;
	g = READ_ONCE(w->guest[i]);
	if (level == 2 && !(g & PT_PS)) return STEP_AGAIN;
	s = leaf_look(w->root->dom, &w->guest[i], g, level, w->rights, k);
	if (s == STEP_DONE)
		s = level == 1 || look_big(k, level) ? enter(w->root->dom, w->shadow, i, k->entry) : STEP_AGAIN;
	return s;
}

static ALWAYS_INLINE u64 answer(struct cpu *c, enum step s, const struct look *k) {
	u64 *counter = c->cur->perf.counter;

	if (s == STEP_GUEST) return k->error;
	if (unlikely(s != STEP_DONE)) return FILL_RETRY;
	counter[k->quiet ? PV_COUNT_prefills : PV_COUNT_fills]++;
	counter[PV_COUNT_fills_2m] += k->big && !k->quiet;
	return FILL_DONE;
}

/* What is not in the cache of leaf tables. In a walk, which ends here. */
static NOINLINE u64 fill_rest(struct cpu *c, u64 va, u32 access, bool quiet) {
	struct look k = {.va = va, .access = access, .quiet = quiet};
	enum step s = fill_cached(walk_cached(c, c->loaded, va, 2), 2, &k);

	walk_leave(c);
	if (s > STEP_GUEST) s = fill_full(c, &k);
	return answer(c, s, &k);
}

static ALWAYS_INLINE u64 fill(struct cpu *c, u64 va, u32 access, bool quiet) {
	struct look k = {.va = va, .access = access, .quiet = quiet};
	const struct walk_cache *w;
	enum step s;

	walk_enter(c);
	w = walk_cached(c, c->loaded, va, 1);
	s = fill_cached(w, 1, &k);
	if (unlikely(s > STEP_GUEST)) return fill_rest(c, va, access, quiet);
	if (s == STEP_DONE && !quiet) fill_group(w, va);
	walk_leave(c);
	return answer(c, s, &k);
}

u64 stlb_fill(struct cpu *c, u64 va, u32 access) { return fill(c, va, access, false); }

void stlb_prefill(struct cpu *c, u64 va) { (void)fill(c, va, 0, true); }
