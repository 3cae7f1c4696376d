/* SPDX-License-Identifier: Apache-2.0 */
/* stlb: roots, and what a domain's software TLB is made of.
 * Calls:      root load and drop; life of a domain
 * Owns:       struct stlb_state, under lock ROOTS
 * Rules:      S5-S10 (mm/stlb.h)
 * Read first: stlb_impl.h */
#include "mm/stlb_impl.h"

u64 stlb_slots[KERNEL_SLOT - LOW_SLOTS], stlb_user_slot;

struct root *root_find(struct stlb_state *st, gfn_t g) {
	struct root *r = st->hash[g.n % ROOT_HASH];

	while (r && r->gfn.n != g.n) r = r->next;
	return r;
}

/* The lower half of r goes, and r itself unless some CPU has it loaded (S6). ROOTS held. */
static void root_drop(struct removal *rm, struct root *r) {
	struct stlb_state *st = state_of(rm->d);
	struct root **at = &st->hash[r->gfn.n % ROOT_HASH];

	removal_half(rm, r);
	if (atomic_load(&r->loads)) return;
	while (*at != r) at = &(*at)->next;
	*at = r->next;
	removal_table(rm, r->kernel_shadow);
	removal_table(rm, r->user_shadow);
	bit_clear(st->live, r - st->roots);
	r->kernel_shadow = NULL;
}

/* The coldest root, those that no CPU has loaded first; a loaded one only with something below its
 * L4. */
static struct root *coldest(struct stlb_state *st, const struct root *keep) {
	struct root *victim = NULL;
	u64 best = ~0ull;

	for_each_root (r, st) {
		bool loaded = atomic_load(&r->loads) != 0;
		u64 age = r->used_at | (u64)loaded << 63;

		if (r == keep || age >= best || (loaded && next_bit(r->kernel_shadow->used, 0, LOW_SLOTS) == LOW_SLOTS))
			continue;
		victim = r;
		best = age;
	}
	return victim;
}

/* Give pages back to the pool: dead ones, those of other roots, at last what the needy one itself
 * has. False: there was nothing. ROOTS held. */
static bool make_room(struct domain *d, struct root *keep) {
	struct stlb_state *st = state_of(d);
	struct root *r = coldest(st, keep);

	if (st->dead) {
		dead_reap(d, STLB_FLUSH_BATCH);
		return true;
	}
	count(evictions, 1);
	REMOVAL(rm, d, r);
	if (r) {
		root_drop(&rm, r);
	} else {
		removal_half(&rm, NULL);
		if (keep) removal_half(&rm, keep);
	}
	return st->dead;
}

bool pool_reserve(struct domain *d, unsigned n, struct shadow **out, struct root *keep) {
	GUARD(&d->stlb.roots_lock);
	while (!pool_take(d, n, out))
		if (!make_room(d, keep)) return false;
	return true;
}

/* A new kernel view has the kernel half as far as there are tables for it, which else would be missed slot by slot
 * (S10). ROOTS held, so that none of them goes. */
static void kernel_half_enter(struct shadow *l4, const struct shadow *kernel) {
	for_each_used (i, kernel, KERNEL_SLOT, 512) {
		l4->table[i] = READ_ONCE(kernel->table[i]);
		l4->used[i / 64] |= 1ull << i % 64;
	}
}

static struct root *root_unused(struct stlb_state *st) {
	for (unsigned i = 0; i < ROOTS_MAX; i++)
		if (!bit_test(st->live, i)) return &st->roots[i];
	return NULL;
}

/* Views of a new root: ring 0's slots, and the kernel half. ROOTS held. */
static NOINLINE struct root *root_make(struct domain *d, gfn_t g) {
	struct stlb_state *st = state_of(d);
	struct shadow *l4[2];
	struct root *r;

	if (p2m_kind(p2m_look(d, g)) != PV_MEM_RAM) return NULL;
	while (!(r = root_unused(st)) || !pool_take(d, 2, l4))
		if (!make_room(d, NULL)) return NULL;
	bit_set(st->live, r - st->roots);
	*r = (struct root){.gfn = g, .dom = d, .kernel_shadow = l4[0], .user_shadow = l4[1]};
	generation_end(d, r);
	for (unsigned i = 0; i < 2; i++) shadow_setup(l4[i], 4, r, 0);
	memcpy(&l4[0]->table[LOW_SLOTS], stlb_slots, sizeof(stlb_slots)); /* S10 */
	l4[1]->table[KERNEL_SLOT - 1] = stlb_user_slot;
	kernel_half_enter(l4[0], &st->kernel);
	r->kcr3 = virt_to_mfn(l4[0]->table).n << PAGE_SHIFT;
	r->ucr3 = virt_to_mfn(l4[1]->table).n << PAGE_SHIFT;
	r->next = st->hash[g.n % ROOT_HASH];
	st->hash[g.n % ROOT_HASH] = r;
	return r;
}

/* S6: counted before it is in CR3; the old one uncounted after it is not. */
static ALWAYS_INLINE void root_switch(struct cpu *c, struct root *r) {
	struct root *old = c->loaded;

	if (r && (!old || old->dom != r->dom)) atomic_or(&r->dom->stlb.running, c->bit);
	if (r) atomic_add(&r->loads, 1);
	(void)atomic_xchg(&c->loaded, r);
	if (r) cr3_load(r->kcr3);
	if (!old) return;
	if (!r || old->dom != r->dom) atomic_and(&old->dom->stlb.running, ~c->bit);
	atomic_sub(&old->loads, 1);
}

struct root *stlb_load(struct cpu *c, struct domain *d, u64 gpa) {
	gfn_t g = GFN(gpa >> PAGE_SHIFT);
	struct root *r;

	GUARD(&d->stlb.roots_lock);
	r = root_find(state_of(d), g);
	if (unlikely(!r)) r = root_make(d, g);
	if (unlikely(!r)) return NULL;
	r->used_at = ++state_of(d)->clock;
	root_switch(c, r);
	c->entry->kcr3 = r->kcr3;
	c->entry->ucr3 = r->ucr3;
	return r;
}

void stlb_unload(void) { root_switch(this_cpu(), NULL); }

void stlb_drop(struct domain *d, u64 gpa, bool user_only) {
	struct root *r;

	GUARD(&d->stlb.roots_lock);
	r = root_find(state_of(d), GFN(gpa >> PAGE_SHIFT));
	if (!r) return;
	REMOVAL(rm, d, r);
	if (user_only)
		removal_half(&rm, r);
	else
		root_drop(&rm, r);
}

/* Walks that saw the old state are over before the lower half is emptied, and none enters anything
 * there until the new state is in force: so each state finds it empty. */
void low_u0_set(struct root *r, bool held) {
	struct removal rm;

	GUARD(&r->dom->stlb.roots_lock);
	if (r->low_u0 == held) return;
	removal_begin(&rm, r->dom, r);
	WRITE_ONCE(r->low_u0, LOW_U0_CHANGING);
	fill_sync(this_cpu(), r->dom);
	removal_half(&rm, r);
	rm.tables = true;
	removal_end(&rm);
	WRITE_ONCE(r->low_u0, held);
}

#define RESIZE_BATCH 64 /* pages, each of which may have to be cleared, and its links */

/* A piece of the way there; false: there, or *rc says why not. */
static bool resize_some(struct domain *d, u64 pages, int *rc) {
	GUARD(&d->stlb.roots_lock);
	for (unsigned i = 0; i < RESIZE_BATCH && d->stlb.pages_max != pages; i++) {
		bool grow = d->stlb.pages_max < pages;

		if (grow ? pool_grow(d) : pool_shrink(d)) continue;
		/* What is evicted goes at once: vCPUs that wait for pages would have it first, again and again. */
		if (!grow && make_room(d, NULL) && pool_shrink(d)) return true;
		*rc = grow ? -PV_ENOMEM : -PV_EBUSY; /* loaded roots have the rest */
		return false;
	}
	return d->stlb.pages_max != pages;
}

int stlb_resize(struct domain *d, u64 pages) {
	u64 before = READ_ONCE(d->stlb.pages_max);
	int rc = 0;

	while (rc == 0 && resize_some(d, pages, &rc)) interrupts_serve();
	if (rc == -PV_ENOMEM)
		while (resize_some(d, before, &rc)) interrupts_serve();
	return rc;
}

int stlb_init(struct domain *d, u64 pages) {
	struct stlb_state *st = hv_page_alloc(STATE_ORDER);
	int rc;

	d->stlb = (struct stlb){.roots_lock = SPINLOCK(ROOTS), .priv = st};
	if (!st) return -PV_ENOMEM;
	st->descriptors = 1; /* S15: no entry has the number 0 */
	st->bucket_order = MIN(pages_order(pages, 16 * sizeof(u32)), FRAME_ORDER_MAX);
	st->buckets = hv_page_alloc(st->bucket_order);
	shadow_setup(&st->kernel, 4, NULL, 0xffff000000000000ul);
	st->kernel.table = hv_page_alloc(0);
	rc = st->kernel.table && st->buckets ? stlb_resize(d, pages) : -PV_ENOMEM;
	while (rc && !stlb_free(d))
		;
	return rc;
}

bool stlb_free(struct domain *d) {
	struct stlb_state *st = state_of(d);
	int rc;

	if (!st) return true;
	(void)resize_some(d, 0, &rc);
	if (d->stlb.pages_max) return false;
	for (unsigned i = 0; i < CHUNKS_MAX; i++) hv_page_free(st->chunks[i], CHUNK_ORDER);
	hv_page_free(st->buckets, st->bucket_order);
	hv_page_free(st->kernel.table, 0);
	hv_page_free(st, STATE_ORDER);
	d->stlb.priv = NULL;
	return true;
}
