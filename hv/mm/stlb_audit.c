/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_audit: recount everything, and compare what is cached with the guest's tables. Slow, and
 * holds locks throughout: for the audit hypercall, debug builds and tests. Rules:      S1, S4, S6,
 * S8, S10 (mm/stlb.h), F6 (mm/frame.h) Read first: stlb_impl.h */
#include "mm/stlb_impl.h"

static void mark_frames(u64 e, u8 bits, bool set)
{
	u64 first = (e & P2M_ADDR) >> PAGE_SHIFT, n = e & P2M_BIG ? RUN_FRAMES : 1;

	for (u64 i = 0; i < n; i++) {
		struct frame *f = frame_of(MFN(first + i));

		if (f && set)
			atomic_or(&f->order_flags, bits);
		else if (f)
			atomic_and(&f->order_flags, (u8)~bits);
	}
}

static bool mark_leaf(struct domain *d, gfn_t g, u64 e, void *set)
{
	(void)d;
	(void)g;
	mark_frames(e, FRAME_SEEN | (p2m_writable(e) ? FRAME_SEEN_W : 0), *(bool *)set);
	return true;
}

struct device_search {
	u64 mfn;
	bool found;
};

static bool match_device(struct domain *d, gfn_t g, u64 e, void *arg)
{
	struct device_search *x = arg;
	u64 first = (e & P2M_ADDR) >> PAGE_SHIFT;

	(void)d;
	(void)g;
	x->found = p2m_kind(e) == PV_MEM_DEVICE && x->mfn >= first &&
		   x->mfn < first + (e & P2M_BIG ? RUN_FRAMES : 1);
	return !x->found;
}

/* One frame reached by entry e. P2M held and its frames marked. */
static bool frame_allowed(struct domain *d, u64 e, u64 mfn)
{
	struct frame *f = frame_of(MFN(mfn));
	struct device_search x = {.mfn = mfn};

	if (f && f->use == FRAME_GUEST)
		return f->order_flags & FRAME_SEEN &&
		       (!(e & PTE_W) || f->order_flags & FRAME_SEEN_W);
	p2m_each(d, 0, match_device, &x);
	return x.found;
}

static u64 audit_leaf(struct domain *d, u64 e, bool big)
{
	u64 bad = 0, n = big ? RUN_FRAMES : 1;

	for (u64 i = 0; i < n; i++)
		bad += !frame_allowed(d, e, entry_mfn(e).n + i);
	bad += !(e & PTE_U) || !(e & PTE_A) || (e & PTE_G) || (e & PTE_W && !(e & PTE_D));
	return bad;
}

static u64 audit_table(struct domain *d, const struct shadow *s)
{
	struct frame *f = frame_of(virt_to_mfn(s->table));
	u64 bad = f->use != FRAME_SHADOW || f->owner != d->id || f->link_a != s->number;

	for (unsigned i = 0; i < 512; i++) {
		u64 e = READ_ONCE(s->table[i]);
		bool slots = s->level == 4 && i >= LOW_SLOTS && i < KERNEL_SLOT; /* S10: ring 0's */

		if (e && !slots)
			bad += !bit_test(s->used, i); /* S4 */
		if (s->level == 1 && e)
			bad += !(e & PTE_P) || audit_leaf(d, e, false);
		if (s->level == 2 && e & PTE_P && e & PTE_PS)
			bad += audit_leaf(d, e, true);
		if (e && !(e & PTE_P)) /* S8 */
			bad += s->level != 2 || parked_shadow(state_of(d), e)->level != 1;
	}
	return bad;
}

static u64 audit_roots(struct domain *d)
{
	struct stlb_state *st = state_of(d);
	u64 bad = 0;

	for (unsigned h = 0; h < ROOT_HASH; h++)
		for (struct root *r = st->hash[h]; r; r = r->next) {
			u32 loads = 0;

			for (u64 m = cpus_up; m; m &= m - 1)
				loads += cpus[__builtin_ctzll(m)]->loaded == r;
			bad += loads != r->loads; /* S6 */
			for (unsigned i = 0; i < LOW_SLOTS; i++) {
				u64 k = r->kernel_shadow->table[i], u = r->user_shadow->table[i];

				bad += u && (u != k || r->low_u0); /* S9, S10 */
			}
			for (unsigned i = KERNEL_SLOT; i < 512; i++)
				bad += r->user_shadow->table[i] != 0;
		}
	return bad;
}

u64 stlb_audit(struct domain *d)
{
	struct stlb_state *st = state_of(d);
	u64 bad = 0, used = 0;
	bool set = true;

	if (!st)
		return 0;
	lock(&d->p2m.lock);
	lock(&d->stlb.roots_lock);
	walk_sync(d);
	p2m_each(d, 0, mark_leaf, &set);
	for (u32 n = 0; n < st->descriptors; n++) {
		struct shadow *s = shadow_by_number(st, n);

		if (s->table && s->level) {
			used++;
			bad += audit_table(d, s);
		}
	}
	set = false;
	p2m_each(d, 0, mark_leaf, &set);
	bad += audit_roots(d);
	lock(&d->stlb.pool_lock);
	bad += d->stlb.pages + st->free_count != d->stlb.pages_max || used > d->stlb.pages;
	unlock(&d->stlb.pool_lock);
	unlock(&d->stlb.roots_lock);
	unlock(&d->p2m.lock);
	return bad;
}

u64 stlb_leaves(struct domain *d)
{
	struct stlb_state *st = state_of(d);
	u64 sum = 0;
	unsigned i;

	lock(&d->stlb.roots_lock);
	for (u32 n = 0; n < st->descriptors; n++) {
		struct shadow *s = shadow_by_number(st, n);

		if (s->level != 1 && s->level != 2)
			continue;
		for_each_used(i, s)
		{
			u64 e = READ_ONCE(s->table[i]);

			sum += e & PTE_P && (s->level == 1 || e & PTE_PS) && entry_frame(e);
		}
	}
	unlock(&d->stlb.roots_lock);
	return sum;
}

/* What the guest's tables of root say of va now, without marking anything: a shadow entry, or 0. */
static u64 guest_says(struct domain *d, gfn_t g, u64 va, u64 *rights)
{
	*rights = PTE_W | PTE_NX; /* the upper bit: may be executed */
	for (unsigned level = 4;; level--) {
		u64 p = p2m_find(&d->p2m, g), e, below;

		if (p2m_kind(p) != PV_MEM_RAM)
			return 0;
		e = READ_ONCE(((u64 *)mfn_to_virt(p2m_mfn(p, g)))[va_index(va, level)]);
		if (!(e & PTE_P))
			return 0;
		*rights &= e ^ PTE_NX;
		g = GFN((e & PTE_ADDR) >> PAGE_SHIFT);
		if (level > 1 && !(e & PTE_PS))
			continue;
		if (!(e & PTE_D))
			*rights &= ~PTE_W;
		below = (1ul << (9 * (level - 1))) - 1;
		g.n = (g.n & ~below) + (va >> PAGE_SHIFT & below);
		p = p2m_find(&d->p2m, g);
		return p ? p2m_mfn(p, g).n << PAGE_SHIFT | PTE_P : 0;
	}
}

static bool is_linked(struct stlb_state *st, const struct shadow *s)
{
	/* Only leaf tables are ever out of sight for long; their L2 is found from the top. */
	struct shadow *t =
		s->root ? NULL : READ_ONCE(st->kernel_l3[va_index(s->base, 4) - KERNEL_SLOT]);
	u64 e = s->root ? READ_ONCE(s->root->kernel_shadow->table[va_index(s->base, 4)]) : 0;

	if (e)
		t = shadow_below(st, e);
	for (unsigned level = 3; t && t != s && level >= s->level; level--) {
		e = READ_ONCE(t->table[va_index(s->base, level)]);
		t = (e & (PTE_P | PTE_PS)) == PTE_P ? shadow_below(st, e) : NULL;
	}
	return t == s;
}

static u64 stale_entries(struct domain *d, const struct shadow *s, gfn_t root)
{
	u64 stale = 0, rights;
	unsigned i;

	for_each_used(i, s)
	{
		u64 e = READ_ONCE(s->table[i]), now;

		if (!(e & PTE_P) || (s->level == 2 && !(e & PTE_PS)))
			continue;
		now = guest_says(d, root, s->base + (i * PAGE_SIZE << (9 * (s->level - 1))),
				 &rights);
		stale += !now || entry_mfn(now).n != entry_mfn(e).n ||
			 (e & PTE_W && !(rights & PTE_W)) || (!(e & PTE_NX) && !(rights & PTE_NX));
	}
	return stale;
}

u64 stlb_stale(struct domain *d)
{
	struct stlb_state *st = state_of(d);
	struct root *any = this_cpu()->loaded;
	u64 stale = 0;

	lock(&d->stlb.roots_lock);
	for (u32 n = 0; st && n < st->descriptors; n++) {
		struct shadow *s = shadow_by_number(st, n);
		struct root *r = s->root ? s->root : any;

		if ((s->level != 1 && s->level != 2) || !r || r->dom != d || !is_linked(st, s))
			continue;
		walk_begin();
		stale += stale_entries(d, s, r->gfn);
		walk_end();
	}
	unlock(&d->stlb.roots_lock);
	return stale;
}
