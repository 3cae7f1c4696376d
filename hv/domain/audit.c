/* SPDX-License-Identifier: Apache-2.0 */
/* audit: recompute what ring 0 believes about frames, from what can reach them.
 * Calls:      audit
 * Rules:      F1, F2, F6 (mm/frame.h), P2 (mm/p2m.h), G2 (grant.h): it tries them all
 * Read first: audit.h */
#include "domain/audit.h"

#include "domain/domain.h"
#include "domain/event.h"
#include "domain/grant.h"

/* References found, a u16 for each frame: pages made where something is found. 512 * 512 * 2048 frames: 2 TiB. */
#define COUNTS 2048u
struct counts {
	u16 ***top;
	bool failed; /* out of memory */
};

/* One audit at a time; p2m_each and grants_audit call back without room for more. */
static struct counts counts;
static struct pv_audit *result;
static struct spinlock audit_lock = SPINLOCK(DOMLIST);

static u16 *count_of(mfn_t m, bool make)
{
	u64 page = m.n / COUNTS;
	u16 ***mid, **leaf;

	if (page / 512 >= 512)
		return NULL;
	mid = &counts.top[page / 512];
	if (!*mid && (!make || !(*mid = hv_page_alloc(0))))
		return NULL;
	leaf = &(*mid)[page % 512];
	if (!*leaf && (!make || !(*leaf = hv_page_alloc(0))))
		return NULL;
	return &(*leaf)[m.n % COUNTS];
}

static void counts_free(void)
{
	for (unsigned i = 0; i < 512; i++) {
		for (unsigned j = 0; counts.top[i] && j < 512; j++)
			hv_page_free(counts.top[i][j], 0);
		hv_page_free(counts.top[i], 0);
	}
	hv_page_free(counts.top, 0);
}

static void found(mfn_t m)
{
	u16 *n = count_of(m, true);

	if (!n)
		counts.failed = true;
	else if (*n != 0xffff)
		++*n;
}

static void bad_frame(u64 *field, u64 mfn)
{
	++*field;
	if (result->first_bad == ~0ull)
		result->first_bad = mfn;
}

static bool see_leaf(struct domain *d, gfn_t g, u64 e, void *ram)
{
	u64 n = e & P2M_BIG ? RUN_FRAMES : 1, first = (e & P2M_ADDR) >> PAGE_SHIFT;

	(void)g;
	if (p2m_kind(e) == PV_MEM_DEVICE)
		return true;
	for (u64 m = first; m < first + n; m++) {
		struct frame *f = frame_of(MFN(m));
		bool own = p2m_kind(e) == PV_MEM_RAM || p2m_kind(e) == PV_MEM_RAM_RO;

		found(MFN(m));
		if (!f || (f->use != FRAME_GUEST && f->use != FRAME_HV) ||
		    (f->use == FRAME_GUEST && own != (f->owner == d->id)))
			bad_frame(&result->owner_errors, m);
		else if (own && f->use == FRAME_GUEST)
			++*(u64 *)ram;
	}
	return !counts.failed;
}

static void see_domain(struct domain *d)
{
	u64 ram = 0;

	p2m_each(d, 0, see_leaf, &ram);
	for (u32 i = 0; i < d->vcpu_count; i++) {
		if (d->vcpus[i]->area)
			found(d->vcpus[i]->area_mfn);
		if (d->vcpus[i]->clock)
			found(d->vcpus[i]->clock_mfn);
	}
	event_page_audit(d, found);
	result->count_errors += grants_audit(d, found) != 0;
	result->count_errors += ram != atomic_load(&d->frames);
	result->count_errors += events_audit(d) != events_used(d);
	result->shadow_errors += stlb_audit(d);
}

static void visit(u32 domid)
{
	struct domain *d = domain_get_any(domid);

	if (!d)
		return;
	if (!atomic_xchg(&d->die_busy, 1)) { /* its destruction waits for us */
		see_domain(d);
		atomic_store(&d->die_busy, 0);
	}
	domain_put(d);
}

/* Everyone's finds against the descriptors. */
static void compare(void)
{
	struct frame *f;

	for (u64 m = 0; (f = frame_of(MFN(m))); m++) {
		u16 *n = count_of(MFN(m), false);
		u32 refs = n ? *n : 0, has = atomic_load(&f->refs);

		result->frames_checked++;
		if (f->use == FRAME_HV)
			refs += refs != 0; /* its allocator's; seldom mapped at all */
		if (f->use == FRAME_GUEST && refs == 0 && has)
			bad_frame(&result->leaked_frames, m);
		else if ((f->use == FRAME_GUEST || refs) && refs != has && refs != 0xffff)
			bad_frame(&result->ref_errors, m);
	}
}

int audit(struct pv_audit *out)
{
	int rc;

	*out = (struct pv_audit){.first_bad = ~0ull};
	lock(&audit_lock);
	result = out;
	counts = (struct counts){.top = hv_page_alloc(0)};
	for (u32 i = 0; counts.top && i < PV_MAX_DOMAINS; i++)
		visit(i);
	rc = !counts.top || counts.failed ? -PV_ENOMEM : 0;
	if (rc == 0)
		compare();
	if (counts.top)
		counts_free();
	if (rc == 0)
		out->ref_errors += frames_audit();
	unlock(&audit_lock);
	if (rc == 0 && (out->ref_errors || out->owner_errors || out->shadow_errors ||
			out->count_errors || out->leaked_frames))
		rc = 1;
	return rc;
}
