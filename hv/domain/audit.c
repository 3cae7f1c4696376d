/* SPDX-License-Identifier: Apache-2.0 */
/* audit: recompute what ring 0 believes about frames, from what can reach them.
 * Calls:      audit
 * Rules:      F1, F2, F6 (mm/frame.h), P2 (mm/p2m.h), G2 (grant.h): it tries them all
 * Read first: domain.h */
#include "domain/event.h"
#include "domain/grant.h"

/* One audit at a time. */
static struct pv_audit *result;
static u32 owned[PV_MAX_DOMAINS]; /* frames of RAM */
static struct spinlock audit_lock = SPINLOCK(DOMLIST);

static void found(mfn_t m) {
	if (frame_of(m) && frame_found[m.n] != 0xffff) frame_found[m.n]++;
}

static void bad_frame(u64 *field, u64 mfn) {
	++*field;
	if (result->first_bad == ~0ull) result->first_bad = mfn;
}

static void see_leaf(struct domain *d, u64 e) {
	u64 first = p2m_first(e).n;

	for (u64 m = first; p2m_kind(e) != PV_MEM_DEVICE && m < first + p2m_span(e); m++) {
		const struct frame *f = frame_of(MFN(m));

		found(MFN(m));
		if (!f || f->use != FRAME_GUEST || p2m_own(e) != (f->owner == d->id))
			bad_frame(&result->owner_errors, m);
	}
}

static void see_domain(struct domain *d) {
	gfn_t g = GFN(0);

	p2m_for_each (&d->p2m, g, e) see_leaf(d, e);
	for (u32 i = 0; i < d->vcpu_count; i++)
		if (d->vcpus[i]->area) found(d->vcpus[i]->area_mfn);
	for (u32 i = 0; i < d->grants.pages; i++) found(virt_to_mfn(d->grants.table[i]));
	if (d->ports.page) found(virt_to_mfn(d->ports.page));
	result->count_errors += owned[d->id] != atomic_load(&d->frames);
	result->shadow_errors += stlb_audit(d);
}

static void visit(u32 domid) {
	struct domain *d = domain_get_any(domid);

	if (!d) return;
	if (!atomic_xchg(&d->busy, 1)) { /* its destruction waits for us */
		see_domain(d);
		atomic_store(&d->busy, 0);
	}
	domain_put(d);
}

static void owners_count(void) {
	const struct frame *f;

	__builtin_memset(owned, 0, sizeof(owned));
	for (u64 m = 0; (f = frame_of(MFN(m))); m++) {
		frame_found[m] = 0;
		if (f->use == FRAME_GUEST && f->owner < PV_MAX_DOMAINS) owned[f->owner]++;
	}
}

/* Everyone's finds against the descriptors. */
static void compare(void) {
	struct frame *f;

	for (u64 m = 0; (f = frame_of(MFN(m))); m++) {
		u32 has = atomic_load(&f->refs), refs = frame_found[m];

		result->frames_checked++;
		if (f->use == FRAME_GUEST && refs == 0 && has)
			bad_frame(&result->leaked_frames, m);
		else if ((f->use == FRAME_GUEST || refs) && refs != has && refs != 0xffff)
			bad_frame(&result->ref_errors, m);
	}
}

bool audit(struct pv_audit *out) {
	GUARD(&audit_lock);
	*out = (struct pv_audit){.first_bad = ~0ull};
	result = out;
	owners_count();
	for (u32 i = 0; i < PV_MAX_DOMAINS; i++) visit(i);
	compare();
	out->ref_errors += frames_audit();
	return !(out->ref_errors || out->owner_errors || out->shadow_errors || out->count_errors || out->leaked_frames);
}
