/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_audit: compare what is cached with what may be. Slow, and holds locks throughout: for the
 * audit hypercall and tests.
 * Rules:      S1, S4-S6, S8-S10 (mm/stlb.h)
 * Read first: stlb_impl.h */
#include "mm/stlb_impl.h"

/* Set or clear FRAME_SEEN and FRAME_SEEN_W of each frame: whether d may read and write it. P2M held. */
static void mark_frames(struct domain *d, bool set) {
	gfn_t g = GFN(0);

	p2m_for_each (&d->p2m, g, e) {
		u8 bits = FRAME_SEEN | (p2m_writable(e) ? FRAME_SEEN_W : 0);

		for (u64 i = 0; i < p2m_span(e); i++) {
			struct frame *f = frame_of(MFN(p2m_first(e).n + i));

			if (f && set)
				atomic_or(&f->order_flags, bits);
			else if (f)
				atomic_and(&f->order_flags, (u8)~bits);
		}
	}
}

static bool device_allowed(struct domain *d, u64 mfn) {
	gfn_t g = GFN(0);

	p2m_for_each (&d->p2m, g, e)
		if (p2m_kind(e) == PV_MEM_DEVICE && mfn - p2m_first(e).n < p2m_span(e)) return true;
	return false;
}

/* One frame reached by entry e. P2M held and its frames marked. */
static bool frame_allowed(struct domain *d, u64 e, u64 mfn) {
	const struct frame *f = frame_of(MFN(mfn));
	u8 bits = FRAME_SEEN | (e & PT_W ? FRAME_SEEN_W : 0);

	return f ? !(bits & ~f->order_flags) : device_allowed(d, mfn);
}

static u64 audit_entry(struct domain *d, const struct shadow *s, unsigned i, u64 e) {
	u64 bad = s->level == 0 || !bit_test(s->used, i); /* S5, S4 */

	if (!(e & PT_P)) return bad + (s->level != 2 || parked_shadow(state_of(d), e)->level != 1); /* S8 */
	if (!(e & PT_LEAF)) return bad + (s->level == 1);
	for (u64 m = 0; m < (s->level == 2 ? RUN_FRAMES : 1); m++) bad += !frame_allowed(d, e, entry_mfn(e).n + m);
	bad += !maps_known(d, entry_number(s, i), e);
	return bad + (!(e & PT_U) || !(e & PT_A) || e & PT_G || (e & PT_W && !(e & PT_D)));
}

static u64 audit_table(struct domain *d, const struct shadow *s) {
	struct frame *f = &frame_table[virt_to_mfn(s->table).n];
	u64 bad = f->use != FRAME_SHADOW || f->owner != d->id || f->link[0] != s->first >> 9;

	for (unsigned i = 0; i < 512; i++) {
		u64 e = READ_ONCE(s->table[i]);
		bool slots = s->level == 4 && i >= LOW_SLOTS && i < KERNEL_SLOT; /* S10: ring 0's */

		if (e && !slots) bad += audit_entry(d, s, i, e);
	}
	return bad;
}

static u64 audit_roots(struct stlb_state *st) {
	struct cpu *c;
	u64 bad = 0;

	for_each_root (r, st) {
		const u64 *k = r->kernel_shadow->table, *u = r->user_shadow->table;
		u32 loads = 0;

		for_each_cpu (c, cpus_up) loads += c->loaded == r;
		bad += loads != r->loads;                                                            /* S6 */
		for (unsigned i = 0; i < LOW_SLOTS; i++) bad += u[i] && (u[i] != k[i] || r->low_u0); /* S9, S10 */
		for (unsigned i = KERNEL_SLOT; i < 512; i++) bad += u[i] || (k[i] && k[i] != st->kernel.table[i]);
	}
	return bad;
}

u64 stlb_audit(struct domain *d) {
	struct stlb_state *st = state_of(d);
	u64 bad = 0, used = 0;

	if (!st) return 0;
	lock(&d->p2m.lock);
	lock(&d->stlb.roots_lock);
	walk_sync(d);
	mark_frames(d, true);
	for (u32 n = 0; n < st->descriptors; n++) {
		struct shadow *s = shadow_by_number(st, n);

		if (!s->table) continue;
		used += s->level != 0;
		if (audit_table(d, s) == 0) continue;
		walk_sync(d); /* S4: an entry may have been without its bit for a moment */
		bad += audit_table(d, s);
	}
	mark_frames(d, false);
	if (audit_roots(st)) {
		walk_sync(d);
		bad += audit_roots(st);
	}
	bad += used > d->stlb.pages || d->stlb.pages > d->stlb.pages_max;
	unlock(&d->stlb.roots_lock);
	unlock(&d->p2m.lock);
	return bad;
}
