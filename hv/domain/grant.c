/* SPDX-License-Identifier: Apache-2.0 */
/* grant: frames that one domain lets another reach.
 * Calls:      grant_table, grant_map, grant_unmap, grant_copy
 * Owns:       struct grants, under its lock: as granter its table and counts, as mapper its handles
 * Rules:      G1-G4 (grant.h), tried by tests/unit/grant_test.c
 * Read first: grant.h, pv/grant.h, mm/p2m.h
 *
 * Mapping takes the granter's lock first, for the entry, and then the mapper's, for the handle and the coming and going
 * of P2M entries: never both. A copy is a use of the same kind without a handle. */
#include "domain/grant.h"

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
#define CLAIM_TRIES 8
#define UNMAP_BATCH 32

/* ---- the granter's side; its lock is held ---- */

/* NULL: beyond the table. */
static struct pv_grant_entry *entry_of(struct grants *g, u64 ref)
{
	struct pv_grant_entry *page;

	if (ref / PV_GRANTS_PER_PAGE >= g->pages)
		return NULL;
	page = mfn_to_virt(g->mfn[ref / PV_GRANTS_PER_PAGE]);
	return &page[ref % PV_GRANTS_PER_PAGE];
}

/* G1: set the use bits in the very word (flags and domid) that was checked, and find the gfn that goes with it. */
static int entry_claim(struct grants *g, u64 ref, u16 caller, bool write, u64 *gfn)
{
	struct pv_grant_entry *e = entry_of(g, ref);
	entry_word *word = (entry_word *)(void *)e, w;

	if (!e)
		return -PV_ERANGE;
	for (unsigned i = 0; i < CLAIM_TRIES; i++) {
		w = atomic_load(word);
		if (!(w & PV_GRANT_VALID))
			return -PV_ENOENT;
		if (w >> 16 != caller || (write && w & PV_GRANT_RO))
			return -PV_EACCES;
		if (atomic_cas(word, w, w | PV_GRANT_READING | (write ? PV_GRANT_WRITING : 0))) {
			*gfn = READ_ONCE(
				e->gfn); /* once; whatever the guest writes there from now on */
			return 0;
		}
	}
	return -PV_EAGAIN; /* its owner keeps writing to it */
}

/* Clear the bits of uses that are over (G4). Nothing if the table is gone. */
static void entry_settle(struct grants *g, u64 ref)
{
	struct pv_grant_entry *e = entry_of(g, ref);
	const u16 *n = g->uses[ref].n;

	if (e && !n[true])
		atomic_and((entry_word *)(void *)e,
			   ~(PV_GRANT_WRITING | (n[false] ? 0 : PV_GRANT_READING)));
}

/* G1, G2: the frame that g grants to `caller` by ref: a use is counted and a reference taken. */
static int pin(struct domain *d, u64 ref, u16 caller, bool write, mfn_t *m)
{
	struct grants *g = &d->grants;
	u64 gfn;
	int rc;

	lock(&g->lock);
	rc = entry_claim(g, ref, caller, write, &gfn);
	if (rc == 0) {
		u16 *n = &g->uses[ref].n[write];

		rc = *n == 0xffff ? -PV_EBUSY
				  : domain_own_frame(d, gfn, write ? P2M_WRITE : P2M_READ, m);
		trace(PV_TRACE_grant, (u64)d->id << 32 | ref, gfn);
		if (rc == 0)
			++*n;
		else
			entry_settle(g, ref);
	}
	unlock(&g->lock);
	return rc;
}

static void unpin(struct domain *d, u64 ref, bool write, mfn_t m)
{
	frame_put(m);
	lock(&d->grants.lock);
	d->grants.uses[ref].n[write]--;
	entry_settle(&d->grants, ref);
	unlock(&d->grants.lock);
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
	lock(&g->lock);
	if (g->pages && (gfn != g->table_gfn || pages < g->pages)) {
		rc = -PV_EEXIST; /* it grows, and does nothing else */
	} else {
		g->table_gfn = gfn;
		rc = table_grow(d, g, pages);
	}
	unlock(&g->lock);
	return rc;
}

void grant_table_drop(struct domain *d)
{
	struct grants *g = &d->grants;

	lock(&g->lock);
	while (g->pages)
		frame_put(g->mfn[--g->pages]);
	unlock(&g->lock);
}

/* ---- map and unmap ---- */

/* An unused handle, still to be taken by handle_take. NO_HANDLE: limit or memory. Mapper's lock held. */
static u32 handle_find(struct grants *g)
{
	if (g->free != NO_HANDLE)
		return g->free;
	if (!g->handles)
		g->handles = hv_page_alloc(pages_order(g->max, sizeof(*g->handles)));
	return g->handles && g->made < g->max ? g->made : NO_HANDLE;
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
	mfn_t m;
	u32 n;
	int rc = pin(g, op->ref, d->id, write, &m);

	if (rc)
		return rc;
	if (op->gfn == PV_GRANT_IDENTITY)
		op->gfn = m.n;
	lock(&d->grants.lock);
	n = handle_find(&d->grants);
	/* The reference on m goes to the P2M entry. */
	rc = n == NO_HANDLE
		     ? -PV_ENOMEM
		     : p2m_add(d, GFN(op->gfn), m, 0, write ? PV_MEM_GRANT : PV_MEM_GRANT_RO);
	if (rc == 0) {
		handle_take(&d->grants, n,
			    (struct grant_handle){op->gfn, op->ref, g->id, true, write});
		atomic_add(&g->refs, 1);
		/* The last that is done to g: see die_drain in domain.c. */
		atomic_add(&g->grants.mapped_from, 1);
		op->handle = n;
	}
	unlock(&d->grants.lock);
	if (rc)
		unpin(g, op->ref, write, m);
	return rc;
}

/* The domain that granted something to d, with a reference; NULL with *rc set. */
static struct domain *granter_get(struct domain *d, u32 domid, int *rc)
{
	struct domain *g = domain_get(domid);

	*rc = !g ? -PV_ESRCH : g == d ? -PV_EINVAL : 0;
	if (g == d)
		domain_put(g);
	return *rc ? NULL : g;
}

/* -PV_EINVAL: flags, reserved, the own domain, gfn; -PV_EPERM: identity without PV_CAP_PHYS; -PV_ESRCH; -PV_ERANGE: no
 * such ref; -PV_ENOENT: nothing granted there; -PV_EACCES: not to the caller, or not so; -PV_EFAULT: its gfn is no
 * RAM; -PV_EEXIST: something is at gfn; -PV_ENOMEM: memory, or handles; -PV_EBUSY: used 65535 times;
 * -PV_EAGAIN: the entry kept changing. */
void grant_map(struct domain *d, struct pv_grant_map *op)
{
	struct domain *g = NULL;

	if (op->flags & ~PV_GRANT_RO || op->reserved ||
	    (op->gfn >= PV_MAX_GFN && op->gfn != PV_GRANT_IDENTITY))
		op->status = -PV_EINVAL;
	else if (op->gfn == PV_GRANT_IDENTITY && !(READ_ONCE(d->caps) & PV_CAP_PHYS))
		op->status =
			-PV_EPERM; /* a machine frame number is nothing for domains without devices to learn */
	else
		g = granter_get(d, op->domid, &op->status);
	if (!g)
		return;
	op->status = map(d, g, op);
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
	unpin(g, h.ref, h.write, m);
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

/* One end, pinned: a frame of the caller's own (*g NULL), or of *g's by an entry. */
static int end_pin(struct domain *d, const struct pv_grant_end *e, bool write, struct domain **g,
		   mfn_t *m)
{
	int rc;

	*g = NULL;
	if (e->domid == PV_DOM_SELF)
		return p2m_get(d, GFN(e->frame), write ? P2M_WRITE : P2M_READ, m);
	*g = granter_get(d, e->domid, &rc);
	if (*g) {
		rc = pin(*g, e->frame, d->id, write, m);
		if (rc)
			domain_put(*g);
	}
	return rc;
}

static void end_unpin(const struct pv_grant_end *e, bool write, struct domain *g, mfn_t m)
{
	if (g) {
		unpin(g, e->frame, write, m);
		domain_put(g);
	} else {
		frame_put(m);
	}
}

static bool in_page(u32 offset, u32 len)
{
	return offset < PAGE_SIZE && len <= PAGE_SIZE - offset;
}

/* -PV_EINVAL: length, offsets, the own domain by number; else as grant_map. */
void grant_copy(struct domain *d, struct pv_grant_copy *op)
{
	struct domain *src, *dst;
	mfn_t from, to;

	op->status = -PV_EINVAL;
	if (op->len == 0 || !in_page(op->src.offset, op->len) || !in_page(op->dst.offset, op->len))
		return;
	op->status = end_pin(d, &op->src, false, &src, &from);
	if (op->status)
		return;
	op->status = end_pin(d, &op->dst, true, &dst, &to);
	if (op->status == 0) {
		/* They may be one frame, and guests write to them meanwhile: just bytes. */
		__builtin_memmove((u8 *)mfn_to_virt(to) + op->dst.offset,
				  (u8 *)mfn_to_virt(from) + op->src.offset, op->len);
		end_unpin(&op->dst, true, dst, to);
	}
	end_unpin(&op->src, false, src, from);
}

/* ---- life ---- */

/* Mappings in all domains of d's entries. */
static u32 handles_of(u16 dom)
{
	u32 n = 0;

	for (u32 i = 0; i < PV_MAX_DOMAINS; i++)
		for (u32 h = 0; domains[i] && h < domains[i]->grants.made; h++)
			n += domains[i]->grants.handles[h].mapped &&
			     domains[i]->grants.handles[h].dom == dom;
	return n;
}

u32 grants_audit(struct domain *d, void (*fn)(mfn_t m))
{
	struct grants *g = &d->grants;
	u32 used = 0, uses = 0;

	for (u32 i = 0; i < g->pages; i++)
		fn(g->mfn[i]);
	for (u32 h = 0; h < g->made; h++)
		used += g->handles[h].mapped;
	for (u32 i = 0; g->uses && i < ENTRIES; i++)
		uses += g->uses[i].n[0] + g->uses[i].n[1];
	return (used != g->used) + (handles_of(d->id) != g->mapped_from) + (uses != g->mapped_from);
}

void grants_init(struct domain *d, u32 maps_max)
{
	d->grants = (struct grants){.lock = SPINLOCK(GRANT), .max = maps_max, .free = NO_HANDLE};
}

void grants_free(struct domain *d)
{
	struct grants *g = &d->grants;

	hv_page_free(g->handles, pages_order(g->max, sizeof(*g->handles)));
	hv_page_free(g->uses, USES_ORDER);
}
