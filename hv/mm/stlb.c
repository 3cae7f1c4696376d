/* SPDX-License-Identifier: Apache-2.0 */
/* stlb: roots, and what a domain's software TLB is made of.
 * Calls:      root load and drop; life of a domain
 * Owns:       struct stlb_state, under lock ROOTS
 * Rules:      S5-S10 (mm/stlb.h)
 * Read first: stlb_impl.h */
#include "mm/stlb_impl.h"

static u64 kernel_slots[KERNEL_SLOT - LOW_SLOTS], user_slot;

void stlb_boot(const u64 kernel[16], u64 user_slot_271)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kernel_slots); i++)
		kernel_slots[i] = kernel[i];
	user_slot = user_slot_271;
}

/* A descriptor without a page: one left behind by pool_shrink, or a new one. */
static struct shadow *descriptor_get(struct stlb_state *st)
{
	struct shadow *s = st->holes;
	u32 n = st->descriptors;

	if (s) {
		st->holes = s->next;
		return s;
	}
	if (n >> CHUNK_SHIFT >= CHUNKS_MAX)
		return NULL;
	if (!st->chunks[n >> CHUNK_SHIFT])
		st->chunks[n >> CHUNK_SHIFT] = hv_page_alloc(CHUNK_ORDER);
	if (!st->chunks[n >> CHUNK_SHIFT])
		return NULL;
	s = shadow_by_number(st, n);
	s->number = n;
	WRITE_ONCE(st->descriptors, n + 1);
	return s;
}

/* One page more. ROOTS held, or nobody knows the domain yet. */
static int pool_grow(struct domain *d)
{
	struct stlb_state *st = state_of(d);
	struct shadow *s = descriptor_get(st);
	mfn_t m = s ? frame_alloc(0, FRAME_SHADOW, d->id) : MFN_NONE;

	if (mfn_eq(m, MFN_NONE)) {
		if (s) {
			s->next = st->holes;
			st->holes = s;
		}
		return -PV_ENOMEM;
	}
	s->table = mfn_to_virt(m);
	frame_of(m)->link_a = s->number;
	lock(&d->stlb.pool_lock);
	d->stlb.pages_max++;
	d->stlb.pages++;
	unlock(&d->stlb.pool_lock);
	pool_put(d, s);
	return 0;
}

/* Give one free page back. False: none is free. ROOTS held, or nobody uses the domain. */
static bool pool_shrink(struct domain *d)
{
	struct stlb_state *st = state_of(d);
	struct shadow *s;

	if (!pool_take(d, 1, &s))
		return false;
	lock(&d->stlb.pool_lock);
	d->stlb.pages--;
	d->stlb.pages_max--;
	unlock(&d->stlb.pool_lock);
	frame_free(virt_to_mfn(s->table), 0);
	s->table = NULL;
	s->next = st->holes;
	st->holes = s;
	return true;
}

static void state_free(struct domain *d)
{
	struct stlb_state *st = state_of(d);

	for (unsigned i = 0; i < CHUNKS_MAX; i++)
		hv_page_free(st->chunks[i], CHUNK_ORDER);
	for (unsigned i = 0; i < ROOT_PAGES; i++)
		hv_page_free(st->root_pages[i], 0);
	hv_page_free(st, STATE_ORDER);
	d->stlb.priv = NULL;
}

int stlb_init(struct domain *d, u64 pages)
{
	struct stlb_state *st = hv_page_alloc(STATE_ORDER);

	d->stlb = (struct stlb){
		.roots_lock = SPINLOCK(ROOTS), .pool_lock = SPINLOCK(POOL), .priv = st};
	if (!st)
		return -PV_ENOMEM;
	generation_end(st);
	while (d->stlb.pages_max < pages) {
		if (pool_grow(d) == 0)
			continue;
		while (pool_shrink(d))
			;
		state_free(d);
		return -PV_ENOMEM;
	}
	return 0;
}

static struct root *root_find(struct stlb_state *st, gfn_t g)
{
	struct root *r = st->hash[g.n % ROOT_HASH];

	while (r && r->gfn.n != g.n)
		r = r->next;
	return r;
}

/* ROOTS held; nobody has it loaded, and nobody can load it before we are done. */
static void root_drop(struct removal *rm, struct root *r)
{
	struct stlb_state *st = state_of(rm->d);
	struct root **at = &st->hash[r->gfn.n % ROOT_HASH];

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	detach_low(rm, r);
	removal_table(rm, r->kernel_shadow);
	removal_table(rm, r->user_shadow);
	r->next = st->root_free;
	st->root_free = r;
}

static bool low_half_empty(const struct root *r)
{
	return next_used(r->kernel_shadow->used, 0) >= LOW_SLOTS;
}

/* The coldest root, not loaded by any CPU or (loaded) with something to take below its L4. */
static struct root *coldest(struct stlb_state *st, bool loaded, const struct root *keep)
{
	struct root *victim = NULL;

	for (unsigned h = 0; h < ROOT_HASH; h++)
		for (struct root *r = st->hash[h]; r; r = r->next) {
			if (r == keep || (atomic_load(&r->loads) != 0) != loaded ||
			    (loaded && low_half_empty(r)))
				continue;
			if (!victim || r->used_at < victim->used_at)
				victim = r;
		}
	return victim;
}

/* Make something of the pool dead: other roots first, then what the needy one itself has. ROOTS
 * held. */
static bool evict(struct domain *d, struct root *keep)
{
	struct stlb_state *st = state_of(d);
	struct root *idle = coldest(st, false, keep), *r = idle ? idle : coldest(st, true, keep);
	struct removal rm;
	bool found;

	removal_begin(&rm, d, r);
	if (idle) {
		root_drop(&rm, idle);
	} else if (r) {
		detach_low(&rm, r);
	} else {
		detach_kernel(&rm);
		if (keep)
			detach_low(&rm, keep);
	}
	found = rm.dead;
	removal_end(&rm);
	if (found)
		count(evictions, 1);
	return found;
}

bool pool_reserve(struct domain *d, unsigned n, struct shadow **out, struct root *keep)
{
	struct stlb_state *st = state_of(d);
	bool done = pool_take(d, n, out);

	if (done)
		return true;
	lock(&d->stlb.roots_lock);
	for (;;) {
		done = pool_take(d, n, out);
		if (done || (!st->dead && !evict(d, keep)))
			break;
		dead_reap(d, STLB_FLUSH_BATCH);
	}
	unlock(&d->stlb.roots_lock);
	return done;
}

/* A struct root from the free ones; a page more of them if there is none. ROOTS held. */
static struct root *root_struct(struct stlb_state *st)
{
	struct root *r = st->root_free;
	unsigned i = 0;

	if (!r) {
		while (i < ROOT_PAGES && st->root_pages[i])
			i++;
		r = i < ROOT_PAGES ? hv_page_alloc(0) : NULL;
		if (!r)
			return NULL;
		st->root_pages[i] = r;
		for (i = 0; i < PAGE_SIZE / sizeof(*r); i++) {
			r[i].next = st->root_free;
			st->root_free = &r[i];
		}
		r = st->root_free;
	}
	st->root_free = r->next;
	return r;
}

/* Views of a new root: ring 0's slots, and nothing else yet. ROOTS held. */
static struct root *root_make(struct domain *d, gfn_t g)
{
	struct stlb_state *st = state_of(d);
	struct shadow *l4[2];
	struct root *r;

	while (!pool_take(d, 2, l4)) {
		if (!st->dead && !evict(d, NULL))
			return NULL;
		dead_reap(d, STLB_FLUSH_BATCH);
	}
	while (!(r = root_struct(st))) {
		if (!coldest(st, false, NULL)) {
			pool_put(d, l4[0]);
			pool_put(d, l4[1]);
			return NULL;
		}
		evict(d, NULL);
	}
	*r = (struct root){.gfn = g, .dom = d, .kernel_shadow = l4[0], .user_shadow = l4[1]};
	for (unsigned i = 0; i < 2; i++)
		shadow_setup(l4[i], 4, r, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(kernel_slots); i++)
		l4[0]->table[LOW_SLOTS + i] = kernel_slots[i]; /* S10 */
	l4[1]->table[KERNEL_SLOT - 1] = user_slot;
	r->kernel_l4 = virt_to_mfn(l4[0]->table);
	r->user_l4 = virt_to_mfn(l4[1]->table);
	r->kcr3 = r->kernel_l4.n << PAGE_SHIFT;
	r->ucr3 = r->user_l4.n << PAGE_SHIFT;
	r->next = st->hash[g.n % ROOT_HASH];
	st->hash[g.n % ROOT_HASH] = r;
	return r;
}

static bool gfn_is_ram(struct domain *d, gfn_t g)
{
	bool ram;

	walk_begin();
	ram = p2m_kind(p2m_find(&d->p2m, g)) == PV_MEM_RAM;
	walk_end();
	return ram;
}

/* S6: counted before it is in CR3; the old one uncounted after it is not. */
static void root_switch(struct cpu *c, struct root *r)
{
	struct root *old = c->loaded;
	u64 bit = 1ull << c->id;

	if (r && (!old || old->dom != r->dom))
		atomic_or(&state_of(r->dom)->running, bit);
	if (r)
		atomic_add(&r->loads, 1);
	(void)atomic_xchg(&c->loaded, r);
	if (r)
		cr3_load(r->kcr3);
	if (!old)
		return;
	if (!r || old->dom != r->dom)
		atomic_and(&state_of(old->dom)->running, ~bit);
	atomic_sub(&old->loads, 1);
}

struct root *stlb_load(struct domain *d, u64 gpa)
{
	struct cpu *c = this_cpu();
	struct root *old = c->loaded, *r;
	gfn_t g = GFN(gpa >> PAGE_SHIFT);

	if (old && old->dom == d && old->gfn.n == g.n)
		return old;
	if (!gfn_is_ram(d, g))
		return NULL;
	lock(&d->stlb.roots_lock);
	r = root_find(state_of(d), g);
	if (!r)
		r = root_make(d, g);
	if (r) {
		r->used_at = ++state_of(d)->clock;
		root_switch(c, r);
	}
	unlock(&d->stlb.roots_lock);
	return r;
}

void stlb_unload(void)
{
	root_switch(this_cpu(), NULL);
}

void stlb_drop(struct domain *d, u64 gpa, bool user_only)
{
	struct removal rm;
	struct root *r;

	lock(&d->stlb.roots_lock);
	r = root_find(state_of(d), GFN(gpa >> PAGE_SHIFT));
	if (r) {
		removal_begin(&rm, d, r);
		if (user_only || atomic_load(&r->loads))
			detach_low(&rm, r);
		else
			root_drop(&rm, r);
		removal_end(&rm);
		dead_reap(d, STLB_FLUSH_BATCH);
	}
	unlock(&d->stlb.roots_lock);
}

void stlb_drop_all(struct domain *d)
{
	struct stlb_state *st = state_of(d);
	struct removal rm;

	lock(&d->stlb.roots_lock);
	removal_begin(&rm, d, NULL);
	detach_kernel(&rm);
	for (unsigned h = 0; h < ROOT_HASH; h++)
		for (struct root *r = st->hash[h], *next; r; r = next) {
			next = r->next;
			if (atomic_load(&r->loads))
				detach_low(&rm, r);
			else
				root_drop(&rm, r);
		}
	removal_end(&rm);
	dead_reap(d, STLB_FLUSH_BATCH);
	unlock(&d->stlb.roots_lock);
}

void low_u0_hold(struct root *r)
{
	struct shadow *u = r->user_shadow;
	struct removal rm;

	lock(&r->dom->stlb.roots_lock);
	if (!r->low_u0) {
		removal_begin(&rm, r->dom, r);
		WRITE_ONCE(r->low_u0, LOW_U0_HELD);
		fill_sync(this_cpu(), state_of(r->dom)); /* S9: from here no walk enters anything in
							    the user view */
		for (unsigned i = next_used(u->used, 0); i < LOW_SLOTS;
		     i = next_used(u->used, i + 1)) {
			bit_clear(u->used, i);
			(void)atomic_xchg(&u->table[i], 0);
		}
		rm.tables = true;
		removal_end(&rm);
	}
	unlock(&r->dom->stlb.roots_lock);
}

void stlb_drop_low_u0(struct root *r)
{
	struct removal rm;

	lock(&r->dom->stlb.roots_lock);
	if (r->low_u0) {
		removal_begin(&rm, r->dom, r);
		WRITE_ONCE(r->low_u0, LOW_U0_DROPPING);
		fill_sync(this_cpu(), state_of(r->dom)); /* S9: what walks entered before is in the
							    tables that go now */
		detach_low(&rm, r);
		removal_end(&rm);
		WRITE_ONCE(r->low_u0, 0);
		dead_reap(r->dom, STLB_FLUSH_BATCH);
	}
	unlock(&r->dom->stlb.roots_lock);
}

int stlb_resize(struct domain *d, u64 pages)
{
	struct stlb_state *st = state_of(d);
	u64 before = d->stlb.pages_max;
	int rc = 0;

	lock(&d->stlb.roots_lock);
	while (rc == 0 && d->stlb.pages_max < pages)
		rc = pool_grow(d);
	while (d->stlb.pages_max > MAX(pages, rc ? before : pages)) {
		if (pool_shrink(d))
			continue;
		if (!st->dead && !evict(d, NULL)) {
			rc = -PV_EBUSY; /* loaded roots have the rest */
			break;
		}
		dead_reap(d, ~0u);
	}
	unlock(&d->stlb.roots_lock);
	return rc;
}

bool stlb_free(struct domain *d)
{
	struct stlb_state *st = state_of(d);
	unsigned given = 0;
	bool busy;

	if (!st)
		return true;
	stlb_drop_all(d);
	lock(&d->stlb.roots_lock);
	dead_reap(d, STLB_FLUSH_BATCH);
	busy = st->dead || d->stlb.pages;
	unlock(&d->stlb.roots_lock);
	if (busy)
		return false;
	while (d->stlb.pages_max && given++ < STLB_FLUSH_BATCH / 4)
		pool_shrink(d);
	if (d->stlb.pages_max)
		return false;
	state_free(d);
	return true;
}
