/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_check: look for translations that a guest forgot to flush. In the debug build alone.
 * Rules:      S2 (mm/stlb.h), from the guest's side
 * Read first: mm/stlb_impl.h */
#include "mm/stlb_impl.h"

/* The first entry of s that the guest's tables do not allow; 512 if there is none, or s is not linked. */
static unsigned first_stale(struct root *r, struct shadow *s) {
	for_each_used (i, s, 0, 512) {
		u64 va = entry_va(s, i);

		if (leaf_find(r, va) == s && entry_stale(r, va, s->table[i])) return i;
	}
	return 512;
}

bool stlb_check(struct domain *d) {
	struct stlb_state *st = state_of(d);
	struct shadow *s;
	struct root *r;
	unsigned i = 512;

	lock(&d->stlb.roots_lock);
	s = shadow_by_number(st, st->checks++ % st->descriptors);
	r = s->root ? s->root : this_cpu()->loaded;
	walk_begin(this_cpu());
	if ((s->level == 1 || s->level == 2) && r->kernel_shadow) i = first_stale(r, s);
	walk_end(this_cpu());
	s->stale = i == 512 ? 0 : i == s->stale_at ? s->stale + 1 : 1;
	s->stale_at = i;
	unlock(&d->stlb.roots_lock);
	if (s->stale != STLB_STALE) return false;
	log_warn("domain %u: a translation at %lx of root %lx is not flushed", d->id, (unsigned long)entry_va(s, i),
		 (unsigned long)(r->gfn.n << PAGE_SHIFT));
	return true;
}
