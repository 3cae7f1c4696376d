/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_fill: misses. Walk the guest's tables as hardware would, and enter what they allow.
 * Calls:      from #PF; after each #PF of the guest's own (prefill)
 * Rules:      S1, S3, S4, S7, S9-S13 (mm/stlb.h)
 * Read first: stlb_impl.h
 *
 * Most misses and nearly all of the guest's own faults end in the paging-structure cache: the
 * guest's leaf table and ours are known, and one entry of each is touched. The rest walk four
 * levels of each. Both judge the guest's leaf entry by leaf_look. */
#include "mm/stlb_impl.h"

#define FILL_TRIES  8
#define EXECUTE	    PTE_NX	  /* in `rights` the bit says that the page may be executed  */
#define RESERVED    (0xful << 48) /* gfns have 36 bits                                    */
#define RESERVED_2M 0x1fe000ul
#define RESERVED_1G 0x3fffe000ul
#define PAT_LARGE   (1ul << 12)
_Static_assert(PF_W == PTE_W && PF_U == PTE_U, "rights_needed counts on it");

struct walk_cache walk_caches[MAX_CPUS][WALK_CACHE];

enum step {
	STEP_DONE,
	STEP_GUEST, /* its fault, with an error code                                      */
	STEP_AGAIN, /* lost a race                                                        */
	STEP_PAGES, /* f->wanted pages are needed                                         */
	STEP_CLASH, /* what leads elsewhere (S13), or is of another size, is in the way    */
	STEP_U0,    /* S9: the lower half is in the wrong state for this access            */
};

/* What is asked, and what the guest's leaf entry says to it. */
struct look {
	u64 va;
	u32 access, error;
	bool quiet; /* prefill: change nothing that the guest could see                    */
	bool u0;    /* S9: U=0 pages may be entered                                       */
	u64 p2m;    /* leaf of the P2M over the frame                                     */
	u64 entry;  /* ours, for the 4 KiB page at va                                     */
};

struct fill {
	struct domain *d;
	struct stlb_state *st;
	struct root *r;
	struct look look;
	u64 gen;
	/* The guest's side. */
	unsigned level; /* of its leaf                                                     */
	u64 *slot;      /* where that is                                                   */
	u64 above;      /* rights of the levels above                                      */
	/* Ours. */
	enum step step; /* why child() found none                                          */
	unsigned wanted, spares;
	struct shadow *spare[STLB_FILL_WORST];
};

static inline u64 rights_needed(u32 access)
{
	return (access & (PF_W | PF_U)) | (access & PF_I ? EXECUTE : 0);
}

static inline enum step guest_fault(struct look *k, u32 bits)
{
	k->error = k->access | bits;
	return STEP_GUEST;
}

static inline u64 reserved_bits(unsigned level, u64 e)
{
	if (level == 1 || !(e & PTE_PS))
		return RESERVED;
	return RESERVED | (level == 4 ? PTE_PS : level == 3 ? RESERVED_1G : RESERVED_2M);
}

/* The guest's leaf entry in slot: its checks in hardware's order, then its A and D (S11), then
 * k->entry (S1). `above` has no U in the upper half: user mode gets nothing there. Needs a walk. */
static inline __attribute__((always_inline)) enum step leaf_look(const struct domain *d, u64 *slot, unsigned level,
					   u64 above, struct look *k)
{
	u64 g = READ_ONCE(*slot), rights = above & (g ^ PTE_NX), e;
	u64 set = PTE_A | (k->access & PF_W ? PTE_D : 0), inside = (1ul << 9 * (level - 1)) - 1;
	gfn_t gfn = GFN(((g & PTE_ADDR) >> PAGE_SHIFT & ~inside) + (k->va >> PAGE_SHIFT & inside));

	if (!(g & PTE_P))
		return guest_fault(k, 0);
	if (unlikely(g & reserved_bits(level, g)))
		return guest_fault(k, PF_P | PF_RSVD);
	if (rights_needed(k->access) & ~rights)
		return guest_fault(k, PF_P);
	if (unlikely(!(rights & PTE_U) && va_low(k->va) && !k->u0))
		return k->quiet ? STEP_GUEST : STEP_U0;
	k->p2m = p2m_find(&d->p2m, gfn);
	if (unlikely(!k->p2m || (k->access & PF_W && !p2m_writable(k->p2m))))
		return guest_fault(k, PF_P | PF_RSVD);
	if (set & ~g) {
		if (k->quiet)
			return STEP_GUEST;
		if (!atomic_cas(slot, g, g | set))
			return STEP_AGAIN;
	}
	e = p2m_mfn(k->p2m, gfn).n << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | (~rights & PTE_NX);
	if (rights & PTE_W && (g | set) & PTE_D && p2m_writable(k->p2m))
		e |= PTE_W | PTE_D;
	if (unlikely(p2m_kind(k->p2m) == PV_MEM_DEVICE)) /* RAM is write-back whatever the guest says */
		e |= (g & (PTE_PCD | PTE_PWT)) |
		     (level == 1 ? g & PTE_PS : g & PAT_LARGE ? PTE_PS : 0); /* PAT */
	k->entry = e;
	return STEP_DONE;
}

/* S4, S13. */
static inline enum step enter(struct shadow *s, unsigned i, u64 e)
{
	u64 *slot = &s->table[i], old = READ_ONCE(*slot);

	if (old == e)
		return STEP_DONE;
	if (old) {
		if ((old ^ e) & (PTE_ADDR | PTE_P))
			return STEP_CLASH;
		return atomic_cas(slot, old, e) ? STEP_DONE : STEP_AGAIN;
	}
	maps_raise(e, s, i);
	if (!atomic_cas(slot, 0, e)) {
		maps_lower(e);
		return STEP_AGAIN;
	}
	if (!bit_test(s->used, i))
		bit_set(s->used, i);
	return STEP_DONE;
}

/* The guest's tables down to its leaf entry, as hardware walks them: every step by the P2M, in
 * writable RAM of the domain's own. */
static enum step guest_walk(struct fill *f)
{
	struct look *k = &f->look;
	gfn_t g = f->r->gfn;
	unsigned top = va_index(k->va, 4);

	f->above = PTE_W | EXECUTE | (va_low(k->va) ? PTE_U : 0);
	if ((top >= LOW_SLOTS && top < KERNEL_SLOT) || (k->va & PAGE_MASK) == LOW_LAST_PAGE)
		return guest_fault(k, 0); /* S10 */
	for (f->level = 4;; f->level--) {
		u64 p = p2m_find(&f->d->p2m, g), e;

		if (p2m_kind(p) != PV_MEM_RAM)
			return guest_fault(k, PF_P | PF_RSVD);
		f->slot = (u64 *)mfn_to_virt(p2m_mfn(p, g)) + va_index(k->va, f->level);
		e = READ_ONCE(*f->slot);
		if (f->level == 1 || (e & (PTE_P | PTE_PS)) != PTE_P)
			return STEP_DONE;
		if (e & RESERVED)
			return guest_fault(k, PF_P | PF_RSVD);
		if (!(e & PTE_A) && k->quiet)
			return STEP_GUEST;
		if (!(e & PTE_A) && !atomic_cas(f->slot, e, e | PTE_A)) /* S11 */
			return STEP_AGAIN;
		f->above &= e ^ PTE_NX;
		g = GFN((e & PTE_ADDR) >> PAGE_SHIFT);
	}
}

/* S12: leaf is this walk's alone, but for stlb_forget, which takes entries out of any table. Make its
 * entries anew from the guest's leaf table. */
static void recheck(struct fill *f, struct shadow *leaf)
{
	u64 *guest = f->level == 1 ? f->slot - va_index(f->look.va, 1) : NULL;

	for (unsigned i = next_used(leaf->used, 0); i < 512; i = next_used(leaf->used, i + 1)) {
		struct look k = {.va = f->look.va, .quiet = true};
		u64 old = READ_ONCE(leaf->table[i]);

		if (old && guest && leaf_look(f->d, &guest[i], 1, f->above, &k) == STEP_DONE &&
		    !((old ^ k.entry) & PTE_ADDR) && atomic_cas(&leaf->table[i], old, k.entry))
			continue;
		old = entry_take(leaf, i);
		if (old)
			maps_lower(old);
	}
}

/* The parked table behind *slot, linked again; NULL: another walk has it, or who parked it has not
 * ended its reach yet. */
static struct shadow *relink(struct fill *f, u64 *slot, u64 e)
{
	struct shadow *leaf = parked_shadow(f->st, e);

	if (e & PARKED_BUSY || !atomic_cas(slot, e, e | PARKED_BUSY))
		return NULL;
	if (atomic_load(&f->st->removing)) { /* looked at once it is ours */
		atomic_store(slot, e);
		return NULL;
	}
	recheck(f, leaf);
	atomic_store(slot, table_entry(leaf));
	count(relinks, 1);
	return leaf;
}

/* The table of that level below s, made if need be; or NULL with f->step. */
static struct shadow *child(struct fill *f, struct shadow *s, unsigned level)
{
	unsigned i = va_index(f->look.va, level + 1);
	u64 e = READ_ONCE(s->table[i]), size = 1ul << (PAGE_SHIFT + 9 * level);
	struct shadow *n;

	if (likely((e & (PTE_P | PTE_PS)) == PTE_P))
		return shadow_below(f->st, e);
	f->step = e & PTE_P ? STEP_CLASH : e || f->spares ? STEP_AGAIN : STEP_PAGES;
	f->wanted = level;
	if (f->step != STEP_AGAIN)
		return NULL;
	if (e)
		return relink(f, &s->table[i], e);
	n = f->spare[--f->spares];
	shadow_setup(n, level, s->root, f->look.va & ~(size - 1));
	if (atomic_cas(&s->table[i], 0, table_entry(n))) {
		bit_set(s->used, i);
		return n;
	}
	n->level = 0;
	f->spare[f->spares++] = n;
	return NULL;
}

/* S10: l3 in slot of a view's L4. One that is on its way out may still be there: wait for its end. */
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

/* What a 2 MiB entry may cover: a run of the P2M that is RAM of the domain's own, under a leaf of the
 * guest's as large. */
static bool may_be_big(const struct fill *f)
{
	unsigned kind = p2m_kind(f->look.p2m);

	return f->level > 1 && f->look.p2m & P2M_BIG && f->look.va >> 21 != LOW_LAST_PAGE >> 21 &&
	       (kind == PV_MEM_RAM || kind == PV_MEM_RAM_RO);
}

/* Only what a hit need not check again: no S9 state, not the run that holds LOW_LAST_PAGE. */
static void remember(const struct fill *f, struct shadow *leaf)
{
	if (f->level > 1 || f->r->low_u0 || f->look.va >> 21 == LOW_LAST_PAGE >> 21)
		return;
	*walk_cache_slot(this_cpu(), f->r, f->look.va) = (struct walk_cache){
		.root = f->r,
		.run = f->look.va >> 21,
		.gen = f->gen,
		.guest = f->slot - va_index(f->look.va, 1),
		.leaf = leaf,
		.rights = f->above,
	};
}

/* Our side of the walk. */
static enum step mirror(struct fill *f, bool in_view)
{
	bool low = va_low(f->look.va);
	struct shadow *s = low ? f->r->kernel_shadow : &f->st->kernel;
	struct shadow *view = low ? f->r->user_shadow : f->r->kernel_shadow;
	enum step step;

	for (unsigned level = 3; level; level--) {
		if (level == 1 && may_be_big(f)) {
			step = enter(s, va_index(f->look.va, 2),
				     (f->look.entry & ~(RUN_SIZE - PAGE_SIZE)) | PTE_PS);
			if (step == STEP_DONE && !f->look.quiet)
				count(fills_2m, 1);
			return step;
		}
		s = child(f, s, level);
		if (!s)
			return f->step;
		if (level == 3 && in_view) {
			step = enter_view(view, va_index(f->look.va, 4), s);
			if (step != STEP_DONE)
				return step;
		}
	}
	step = enter(s, va_index(f->look.va, 1), f->look.entry);
	if (step == STEP_DONE)
		remember(f, s);
	return step;
}

static enum step walk(struct fill *f)
{
	u8 state = va_low(f->look.va) ? READ_ONCE(f->r->low_u0) : 0;
	enum step s;

	if (state == LOW_U0_CHANGING)
		return STEP_AGAIN;
	f->look.u0 = state;
	s = guest_walk(f);
	if (s == STEP_DONE)
		s = leaf_look(f->d, f->slot, f->level, f->above, &f->look);
	if (s == STEP_DONE && state && f->look.access & PF_U)
		s = STEP_U0;
	return s == STEP_DONE ? mirror(f, !state) : s;
}

/* What a walk cannot do: all that waits for other walks or takes locks. */
static bool prepare(struct fill *f, enum step s)
{
	u64 run = f->look.va & ~(RUN_SIZE - 1);
	unsigned all = ~0u;

	switch (s) {
	case STEP_PAGES:
		if (!pool_reserve(f->d, f->wanted - f->spares, f->spare + f->spares, f->r))
			return false;
		f->spares = f->wanted;
		return true;
	case STEP_CLASH:
		lock(&f->d->stlb.roots_lock);
		flush_tree(f->d, va_low(run) ? f->r : NULL, run, run + RUN_SIZE - 1, PV_FLUSH_TABLES,
			   &all);
		unlock(&f->d->stlb.roots_lock);
		return true;
	case STEP_U0:
		low_u0_set(f->r, !(f->look.access & PF_U));
		return true;
	default:
		return s == STEP_AGAIN;
	}
}

static enum step fill_full(struct root *r, struct look *k)
{
	struct fill f = {.d = r->dom, .st = state_of(r->dom), .r = r, .look = *k};
	struct cpu *c = this_cpu();
	unsigned try = 0;
	enum step s;

	do {
		walk_enter(c);
		f.gen = atomic_load(&f.st->gen);
		s = walk(&f);
		walk_leave(c);
	} while (prepare(&f, s) && ++try < FILL_TRIES);
	while (f.spares)
		pool_put(f.d, f.spare[--f.spares]);
	k->error = f.look.error;
	return s;
}

/* A hit in the paging-structure cache is not used if the levels above deny the access: rights may
 * have been added there without a flush. */
static inline __attribute__((always_inline)) enum step fill(struct root *r, struct look *k)
{
	struct cpu *c = this_cpu();
	const struct walk_cache *w = walk_cache_slot(c, r, k->va);
	enum step s = STEP_AGAIN;

	walk_enter(c);
	if (likely(walk_cache_hit(w, state_of(r->dom), r, k->va) &&
		   !(rights_needed(k->access) & ~w->rights))) {
		s = leaf_look(r->dom, &w->guest[va_index(k->va, 1)], 1, w->rights, k);
		if (s == STEP_DONE)
			s = enter(w->leaf, va_index(k->va, 1), k->entry);
	}
	walk_leave(c);
	if (unlikely(s > STEP_GUEST)) {
		struct look slow = *k; /* so that *k can live in registers */

		s = fill_full(r, &slow);
		k->error = slow.error;
	}
	return s;
}

enum fill_result stlb_fill(struct root *r, u64 va, u32 access, u32 *error)
{
	struct look k = {.va = va, .access = access & (PF_W | PF_U | PF_I)};
	enum step s = fill(r, &k);

	*error = k.error;
	if (s == STEP_DONE)
		count(fills, 1);
	return s == STEP_DONE ? FILL_DONE : s == STEP_GUEST ? FILL_GUEST : FILL_RETRY;
}

void stlb_prefill(struct root *r, u64 va)
{
	struct look k = {.va = va, .quiet = true};

	if (fill(r, &k) == STEP_DONE)
		count(prefills, 1);
}
