/* SPDX-License-Identifier: Apache-2.0 */
/* grant: frames that one domain lets another reach.
 * Calls:      grant_table, grant_map, grant_unmap, grant_copy
 * Owns:       struct grants, under its lock: as granter its table and counts, as mapper its handles
 * Rules:      G1-G4 (grant.h), tried by tests/unit/grant_test.c
 * Read first: grant.h, pv/grant.h, mm/p2m.h
 *
 * A domain's entries and counts are under `entries`, what it has mapped under `lock`: never both. Who holds `entries`
 * waits for nobody, so that a copy can take it within a walk (mm/stlb.h S3), and needs no references. */
#include "domain/grant.h"
#include "domain/ioreq.h"

#include "cpu/trace.h"

/* Uses (mappings, copies) of a table entry: for reading, for writing. Ring 0's own: the guest sees only bits. */
struct grant_uses {
	u16 n[2];
};

/* flags and domid of a table entry as one word */
typedef u32 __attribute__((may_alias)) entry_word;

struct grant_handle {
	u64 gfn; /* where in the mapper; unused: number of the next unused handle */
	u32 ref;
	u16 dom; /* who granted; we hold a reference on it (G2) */
	bool mapped, write;
};
_Static_assert(sizeof(struct grant_handle) == 16, "256 a page");

#define ENTRIES (PV_GRANT_TABLE_PAGES * PV_GRANTS_PER_PAGE)
_Static_assert(PAGE_SIZE << USES_ORDER == ENTRIES * sizeof(struct grant_uses),
	       "one for each entry");
#define NO_HANDLE   (~0u)
#define NO_REF	    (~0u) /* of a mapping that needed no grant */
#define CLAIM_TRIES 8
#define UNMAP_BATCH 32

/* ---- the granter's side ---- */

/* NULL: beyond the table. */
static struct pv_grant_entry *entry_of(struct grants *g, u64 ref)
{
	struct pv_grant_entry *page;

	if (ref / PV_GRANTS_PER_PAGE >= g->pages)
		return NULL;
	page = mfn_to_virt(g->mfn[ref / PV_GRANTS_PER_PAGE]);
	return &page[ref % PV_GRANTS_PER_PAGE];
}

/* G1: set the use bits in the very word (flags and domid) that was checked, count the use, and find the gfn that goes
 * with it. */
static int entry_claim(struct grants *g, u64 ref, u16 caller, bool write, u64 *gfn)
{
	struct pv_grant_entry *e = entry_of(g, ref);
	entry_word *word = (entry_word *)(void *)e, w;

	if (!e)
		return -PV_ERANGE;
	if (g->uses[ref].n[write] == 0xffff)
		return -PV_EBUSY;
	for (unsigned i = 0; i < CLAIM_TRIES; i++) {
		w = READ_ONCE(*word);
		if (!(w & PV_GRANT_VALID))
			return -PV_ENOENT;
		if (w >> 16 != caller || (write && w & PV_GRANT_RO))
			return -PV_EACCES;
		if (atomic_cas(word, w, w | PV_GRANT_READING | (write ? PV_GRANT_WRITING : 0))) {
			*gfn = READ_ONCE(
				e->gfn); /* once; whatever the guest writes there from now on */
			g->uses[ref].n[write]++;
			return 0;
		}
	}
	return -PV_EAGAIN; /* its owner keeps writing to it */
}

static int claim(struct domain *d, u64 ref, u16 caller, bool write, u64 *gfn)
{
	int rc;

	lock(&d->grants.entries);
	rc = entry_claim(&d->grants, ref, caller, write, gfn);
	unlock(&d->grants.entries);
	if (rc == 0)
		trace(PV_TRACE_grant, (u64)d->id << 32 | ref, *gfn);
	return rc;
}

/* A use is over: so are its bits, if it was the last (G4). Nothing is written if the table is gone. */
static void settle(struct domain *d, u64 ref, bool write)
{
	struct grants *g = &d->grants;
	struct pv_grant_entry *e;
	u16 *n;

	if (ref == NO_REF)
		return;
	n = g->uses[ref].n;
	lock(&g->entries);
	n[write]--;
	e = entry_of(g, ref);
	if (e && !n[true])
		atomic_and((entry_word *)(void *)e,
			   ~(PV_GRANT_WRITING | (n[false] ? 0 : PV_GRANT_READING)));
	unlock(&g->entries);
}

/* Pages [g->pages, pages) of the table: all or none. */
static int table_grow(struct domain *d, struct grants *g, u32 pages)
{
	u32 p = g->pages;
	int rc = 0;

	if (!g->uses && !(g->uses = hv_page_alloc(USES_ORDER)))
		return -PV_ENOMEM;
	while (p < pages && !(rc = domain_own_frame(d, g->table_gfn + p, P2M_WRITE, &g->mfn[p])))
		p++;
	while (rc && p > g->pages)
		frame_put(g->mfn[--p]);
	g->pages = p;
	return rc;
}

int grant_table_set(struct domain *d, u64 gpa, u64 pages)
{
	struct grants *g = &d->grants;
	u64 gfn = gpa >> PAGE_SHIFT;
	int rc;

	if (gpa % PAGE_SIZE || pages == 0 || pages > PV_GRANT_TABLE_PAGES || gfn >= PV_MAX_GFN)
		return -PV_EINVAL;
	lock(&g->entries);
	if (g->pages && (gfn != g->table_gfn || pages < g->pages)) {
		rc = -PV_EEXIST; /* it grows, and does nothing else */
	} else {
		g->table_gfn = gfn;
		rc = table_grow(d, g, pages);
	}
	unlock(&g->entries);
	return rc;
}

void grant_table_drop(struct domain *d)
{
	struct grants *g = &d->grants;

	lock(&g->entries);
	while (g->pages)
		frame_put(g->mfn[--g->pages]);
	unlock(&g->entries);
}

/* ---- map and unmap ---- */

static bool handles_alloc(struct grants *g)
{
	return (g->handles = hv_page_alloc(pages_order(g->max, sizeof(*g->handles))));
}

/* An unused handle, still to be taken by handle_take. NO_HANDLE: limit or memory. Mapper's lock held. */
static u32 handle_find(struct grants *g)
{
	if (g->free != NO_HANDLE)
		return g->free;
	return (g->handles || handles_alloc(g)) && g->made < g->max ? g->made : NO_HANDLE;
}

static void handle_take(struct grants *g, u32 n, struct grant_handle h)
{
	if (n == g->made)
		g->made++;
	else
		g->free = g->handles[n].gfn;
	g->handles[n] = h;
	g->used++;
}

static int map(struct domain *d, struct domain *g, struct pv_grant_map *op)
{
	bool write = !(op->flags & PV_GRANT_RO);
	bool foreign = op->flags & PV_GRANT_FOREIGN;
	u32 n, ref = foreign ? NO_REF : op->ref;
	u64 gfn = op->ref;
	mfn_t m;
	int rc =
		foreign ? (ioreq_serves(d, g) ? 0 : -PV_EACCES) : claim(g, ref, d->id, write, &gfn);

	if (rc)
		return rc;
	rc = domain_own_frame(g, gfn, write ? P2M_WRITE : P2M_READ, &m);
	if (rc) {
		settle(g, ref, write);
		return rc;
	}
	if (op->gfn == PV_GRANT_IDENTITY)
		op->gfn = m.n;
	lock(&d->grants.lock);
	n = handle_find(&d->grants);
	/* The reference on m goes to the P2M entry. */
	rc = n == NO_HANDLE
		     ? -PV_ENOMEM
		     : p2m_add(d, GFN(op->gfn), m, 0, write ? PV_MEM_GRANT : PV_MEM_GRANT_RO);
	if (rc == 0) {
		handle_take(&d->grants, n, (struct grant_handle){op->gfn, ref, g->id, true, write});
		atomic_add(&g->refs, 1);
		/* The last that is done to g: see die_drain in domain.c. */
		atomic_add(&g->grants.mapped_from, 1);
		op->handle = n;
	}
	unlock(&d->grants.lock);
	if (rc) {
		frame_put(m);
		settle(g, ref, write);
	}
	return rc;
}

/* -PV_EINVAL: flags, reserved, the own domain, gfn; -PV_EPERM: identity without PV_CAP_PHYS; -PV_ESRCH; -PV_ERANGE: no
 * such ref; -PV_ENOENT: nothing granted there; -PV_EACCES: not to the caller, or not so; -PV_EFAULT: its gfn is no
 * RAM; -PV_EEXIST: something is at gfn; -PV_ENOMEM: memory, or handles; -PV_EBUSY: used 65535 times;
 * -PV_EAGAIN: the entry kept changing. */
void grant_map(struct domain *d, struct pv_grant_map *op)
{
	struct domain *g = NULL;

	if (op->flags & ~(PV_GRANT_RO | PV_GRANT_FOREIGN) || op->reserved ||
	    (op->gfn >= PV_MAX_GFN && op->gfn != PV_GRANT_IDENTITY))
		op->status = -PV_EINVAL;
	else if ((op->gfn == PV_GRANT_IDENTITY && !(READ_ONCE(d->caps) & PV_CAP_PHYS)) ||
		 (op->flags & PV_GRANT_FOREIGN && !(READ_ONCE(d->caps) & PV_CAP_MEMORY)))
		op->status =
			-PV_EPERM; /* a machine frame number is nothing for domains without devices to learn */
	else
		op->status = (g = domain_get(op->domid)) ? 0 : -PV_ESRCH;
	if (!g)
		return;
	op->status = g == d ? -PV_EINVAL : map(d, g, op);
	domain_put(g);
}

/* The handle's domain reference keeps its granter findable, dead or not. */
static int unmap(struct domain *d, u32 n)
{
	struct grants *t = &d->grants;
	struct grant_handle h = {0};
	enum pv_mem_kind kind;
	struct domain *g;
	mfn_t m;
	int rc = -PV_EBADF;

	lock(&t->lock);
	if (n < t->made)
		h = t->handles[n];
	if (h.mapped)
		rc = p2m_remove(d, GFN(h.gfn), &m, &kind); /* G3: its reach has ended on return */
	if (rc == 0) {
		HV_ASSERT(kind == (h.write ? PV_MEM_GRANT : PV_MEM_GRANT_RO));
		t->handles[n] = (struct grant_handle){.gfn = t->free};
		t->free = n;
		t->used--;
	}
	unlock(&t->lock);
	if (rc)
		return rc;
	g = domains[h.dom];
	frame_put(m);
	settle(g, h.ref, h.write);
	atomic_sub(&g->grants.mapped_from, 1);
	domain_put(g);
	return 0;
}

/* -PV_EBADF: no such mapping. */
void grant_unmap(struct domain *d, struct pv_grant_unmap *op)
{
	op->status = unmap(d, op->handle);
}

bool grants_unmap_all(struct domain *d)
{
	struct grants *g = &d->grants;

	for (unsigned done = 0; g->used && d->die_cursor < g->made && done < UNMAP_BATCH;
	     d->die_cursor++) {
		int rc = unmap(d, d->die_cursor);

		if (rc && rc != -PV_EBADF)
			return false;
		done += !rc;
	}
	return !g->used || d->die_cursor >= g->made;
}

/* ---- copy ---- */

struct end {
	struct domain *granter; /* NULL: a frame of the caller's own */
	u8 *at;
};

/* RAM of d at gfn, to be used within the walk; by a grant: its own. As p2m_get and domain_own_frame, without a
 * reference (P3, P4). */
static int ram_at(struct domain *d, u64 gfn, bool write, bool own, mfn_t *m)
{
	u64 e = p2m_find(&d->p2m, GFN(gfn));
	const struct frame *f;

	if (!e || p2m_kind(e) == PV_MEM_DEVICE)
		return -PV_EFAULT;
	if (write && !p2m_writable(e))
		return -PV_EACCES;
	*m = p2m_mfn(e, GFN(gfn));
	f = frame_of(*m);
	if (f->use != FRAME_GUEST)
		return -PV_EFAULT;
	return own && f->owner != d->id ? -PV_EACCES : 0;
}

/* Find and, if it is granted, claim one end of a copy. In a walk. */
static int end_open(struct domain *d, const struct pv_grant_end *p, bool write, struct end *e)
{
	u64 gfn = p->frame;
	mfn_t m;
	int rc;

	e->granter = NULL;
	if (p->domid != PV_DOM_SELF) {
		e->granter = domain_find(p->domid);
		if (!e->granter || e->granter == d)
			return e->granter ? -PV_EINVAL : -PV_ESRCH;
		rc = claim(e->granter, p->frame, d->id, write, &gfn);
		if (rc)
			return rc;
	}
	rc = ram_at(e->granter ? e->granter : d, gfn, write, e->granter, &m);
	if (rc && e->granter)
		settle(e->granter, p->frame, write);
	if (rc == 0)
		e->at = (u8 *)mfn_to_virt(m) + p->offset;
	return rc;
}

static void end_close(const struct pv_grant_end *p, bool write, const struct end *e)
{
	if (e->granter)
		settle(e->granter, p->frame, write);
}

static bool in_page(u32 offset, u32 len)
{
	return offset < PAGE_SIZE && len <= PAGE_SIZE - offset;
}

/* -PV_EINVAL: length, offsets, the own domain by number; else as grant_map. */
void grant_copy(struct domain *d, struct pv_grant_copy *op)
{
	struct end from, to;

	op->status = -PV_EINVAL;
	if (op->len == 0 || !in_page(op->src.offset, op->len) || !in_page(op->dst.offset, op->len))
		return;
	walk_begin();
	op->status = end_open(d, &op->src, false, &from);
	if (op->status == 0) {
		op->status = end_open(d, &op->dst, true, &to);
		if (op->status == 0) {
			/* They may be one frame, and guests write to them meanwhile: just bytes. */
			__builtin_memmove(to.at, from.at, op->len);
			end_close(&op->dst, true, &to);
		}
		end_close(&op->src, false, &from);
	}
	walk_end();
}

/* ---- life ---- */

/* Mappings in all domains of d's frames; *foreign: of these without a grant. */
static u32 handles_of(u16 dom, u32 *foreign)
{
	u32 n = 0;

	for (u32 i = 0; i < PV_MAX_DOMAINS; i++)
		for (u32 h = 0; domains[i] && h < domains[i]->grants.made; h++)
			if (domains[i]->grants.handles[h].mapped &&
			    domains[i]->grants.handles[h].dom == dom) {
				n++;
				*foreign += domains[i]->grants.handles[h].ref == NO_REF;
			}
	return n;
}

u32 grants_audit(struct domain *d, void (*fn)(mfn_t m))
{
	struct grants *g = &d->grants;
	u32 used = 0, uses = 0, foreign = 0, mapped = handles_of(d->id, &foreign);

	for (u32 i = 0; i < g->pages; i++)
		fn(g->mfn[i]);
	for (u32 h = 0; h < g->made; h++)
		used += g->handles[h].mapped;
	for (u32 i = 0; g->uses && i < ENTRIES; i++)
		uses += g->uses[i].n[0] + g->uses[i].n[1];
	return (used != g->used) + (mapped != g->mapped_from) + (uses + foreign != g->mapped_from);
}

void grants_init(struct domain *d, u32 maps_max)
{
	d->grants = (struct grants){.entries = SPINLOCK(ENTRIES),
				    .lock = SPINLOCK(GRANT),
				    .max = maps_max,
				    .free = NO_HANDLE};
}

int grants_reserve(struct domain *d)
{
	return handles_alloc(&d->grants) ? 0 : -PV_ENOMEM;
}

void grants_free(struct domain *d)
{
	struct grants *g = &d->grants;

	hv_page_free(g->handles, pages_order(g->max, sizeof(*g->handles)));
	hv_page_free(g->uses, USES_ORDER);
}
