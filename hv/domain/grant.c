/* SPDX-License-Identifier: Apache-2.0 */
/* grant: frames that one domain lets another reach.
 * Calls:      grant_table, grant_map, grant_unmap, grant_copy
 * Owns:       struct grant_state, under lock GRANT: as granter its table and counts, as mapper its handles
 * Rules:      G1-G4 (grant.h), tried by tests/unit/grant_test.c
 * Read first: grant.h, pv/grant.h, mm/p2m.h
 *
 * One GRANT lock is held at a time: the mapper's for handles and the coming and going of P2M entries, the
 * granter's for its table and counts. */
#include "domain/grant.h"

/* Who uses a table entry now: mappings, and copies under way. Ring 0's own: the guest sees only bits. */
struct uses {
	u16 readers, writers;
};

/* flags and domid of a table entry as one word */
typedef u32 __attribute__((may_alias)) entry_word;

enum handle_state { HANDLE_FREE, HANDLE_BUSY, HANDLE_MAPPED };

struct handle {
	u64 gfn; /* where in the mapper; free: number of the next free handle */
	u32 ref;
	u16 dom;  /* who granted; we hold a reference on it (G2) */
	u8 state; /* enum handle_state; BUSY: belongs to one operation under way */
	u8 write;
};
_Static_assert(sizeof(struct handle) == 16, "256 a page");

#define HANDLES_PER_PAGE (PAGE_SIZE / sizeof(struct handle))
#define USES_PER_PAGE	 (PAGE_SIZE / sizeof(struct uses))
#define USES_PAGES	 (PV_GRANT_TABLE_PAGES * PV_GRANTS_PER_PAGE / USES_PER_PAGE)
#define NO_HANDLE	 (~0u)
#define PIN_TRIES	 8
#define UNMAP_BATCH	 32

struct grant_state {
	struct spinlock lock;
	/* granter */
	u32 pages; /* of the table */
	u64 table_gfn;
	mfn_t mfn[PV_GRANT_TABLE_PAGES]; /* references held (F2) */
	struct uses *uses[USES_PAGES];
	u32 mapped_from; /* mappings by others; atomic */
	/* mapper */
	u32 max, made, used, free, cursor; /* handles; `made` have a page */
	struct handle **handles;	   /* a page of pointers to pages */
};
_Static_assert(sizeof(struct grant_state) <= PAGE_SIZE, "a page");
_Static_assert(GRANT_MAPS_MAX / HANDLES_PER_PAGE <= PAGE_SIZE / sizeof(struct handle *),
	       "one page of pointers");

struct spinlock *grants_lock(struct domain *d)
{
	return &d->grants->lock;
}

/* ---- the granter's side ---- */

/* NULL: beyond the table. GRANT of the granter held. */
static struct pv_grant_entry *entry_of(struct grant_state *g, u32 ref)
{
	struct pv_grant_entry *page;

	if (ref / PV_GRANTS_PER_PAGE >= g->pages)
		return NULL;
	page = mfn_to_virt(g->mfn[ref / PV_GRANTS_PER_PAGE]);
	return &page[ref % PV_GRANTS_PER_PAGE];
}

static struct uses *uses_of(struct grant_state *g, u32 ref)
{
	return &g->uses[ref / USES_PER_PAGE][ref % USES_PER_PAGE];
}

/* G1: set the use bits in the very word (flags and domid) that was checked. GRANT held. */
static int entry_claim(struct pv_grant_entry *e, u16 caller, bool write)
{
	entry_word *word = (entry_word *)(void *)e;
	u32 w;

	for (unsigned i = 0; i < PIN_TRIES; i++) {
		w = atomic_load(word);
		if (!(w & PV_GRANT_VALID))
			return -PV_ENOENT;
		if (w >> 16 != caller || (write && w & PV_GRANT_RO))
			return -PV_EACCES;
		if (atomic_cas(word, w, w | PV_GRANT_READING | (write ? PV_GRANT_WRITING : 0)))
			return 0;
	}
	return -PV_EAGAIN; /* its owner keeps writing to it */
}

/* Clear the bits of uses that are over (G4). Nothing if the table is gone. GRANT held. */
static void entry_settle(struct grant_state *g, u32 ref, const struct uses *u)
{
	struct pv_grant_entry *e = entry_of(g, ref);
	u32 clear = u->writers ? 0 : PV_GRANT_WRITING | (u->readers ? 0 : PV_GRANT_READING);

	if (e && clear)
		atomic_and((entry_word *)(void *)e, ~clear);
}

static void unpin(struct domain *g, u32 ref, bool write)
{
	struct grant_state *s = g->grants;
	struct uses *u;

	lock(&s->lock);
	u = uses_of(s, ref);
	if (write)
		u->writers--;
	else
		u->readers--;
	entry_settle(s, ref, u);
	unlock(&s->lock);
}

/* Count a use of g's entry by `caller`, and find the gfn that it names. */
static int pin_entry(struct domain *g, u64 ref, u16 caller, bool write, u64 *gfn)
{
	struct grant_state *s = g->grants;
	struct pv_grant_entry *e;
	struct uses *u;
	int rc;

	lock(&s->lock);
	e = ref <= ~0u ? entry_of(s, ref) : NULL;
	u = e ? uses_of(s, ref) : NULL;
	if (!e)
		rc = -PV_ERANGE;
	else if ((write ? u->writers : u->readers) == 0xffff)
		rc = -PV_EBUSY;
	else
		rc = entry_claim(e, caller, write);
	if (rc == 0) {
		if (write)
			u->writers++;
		else
			u->readers++;
		*gfn = READ_ONCE(e->gfn); /* once; whatever the guest writes there from now on */
	}
	unlock(&s->lock);
	return rc;
}

/* G1, G2: the frame that g grants to `caller` by ref, pinned: a use counted and a reference on it. */
static int pin(struct domain *g, u64 ref, u16 caller, bool write, mfn_t *m)
{
	u64 gfn;
	int rc = pin_entry(g, ref, caller, write, &gfn);

	if (rc)
		return rc;
	rc = p2m_get(g, GFN(gfn), write ? P2M_WRITE : P2M_READ, m);
	if (rc == 0 && READ_ONCE(frame_of(*m)->owner) != g->id) {
		frame_put(*m);
		rc = -PV_EACCES; /* what g has by another's grant is not g's to grant */
	}
	if (rc)
		unpin(g, ref, write);
	return rc;
}

/* Pages [g->pages, pages) of the table. GRANT held. */
static int table_grow(struct domain *d, struct grant_state *g, u32 pages)
{
	u32 have = g->pages, p = have;
	int rc = 0;

	for (u32 i = 0; i < USES_PAGES && i * USES_PER_PAGE < pages * PV_GRANTS_PER_PAGE; i++)
		if (!g->uses[i] && !(g->uses[i] = hv_page_alloc(0)))
			return -PV_ENOMEM; /* those made stay: they are bounded and find their use */
	for (; rc == 0 && p < pages; p++) {
		rc = p2m_get(d, GFN(g->table_gfn + p), P2M_WRITE, &g->mfn[p]);
		if (rc)
			break;
	}
	while (rc && p > have)
		frame_put(g->mfn[--p]);
	if (rc == 0)
		g->pages = pages;
	return rc;
}

int grant_table_set(struct domain *d, u64 gpa, u64 pages)
{
	struct grant_state *g = d->grants;
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
	struct grant_state *g = d->grants;
	u32 pages;

	lock(&g->lock);
	pages = g->pages;
	g->pages = 0;
	unlock(&g->lock);
	while (pages)
		frame_put(g->mfn[--pages]);
}

/* ---- the mapper's side: handles ---- */

static struct handle *handle_at(struct grant_state *g, u32 n)
{
	return &g->handles[n / HANDLES_PER_PAGE][n % HANDLES_PER_PAGE];
}

/* A page more of handles. GRANT held. */
static bool handles_grow(struct grant_state *g)
{
	struct handle *page;
	u32 n = MIN(g->max - g->made, (u32)HANDLES_PER_PAGE);

	if (n == 0)
		return false;
	page = hv_page_alloc(0);
	if (!page)
		return false;
	g->handles[g->made / HANDLES_PER_PAGE] = page;
	for (u32 i = n; i-- > 0;) {
		page[i].gfn = g->free;
		g->free = g->made + i;
	}
	WRITE_ONCE(g->made, g->made + n);
	return true;
}

/* A handle, BUSY: the caller's alone. NO_HANDLE: limit or memory. */
static u32 handle_make(struct grant_state *g)
{
	u32 n = NO_HANDLE;

	lock(&g->lock);
	if (g->free != NO_HANDLE || handles_grow(g)) {
		struct handle *h = handle_at(g, n = g->free);

		g->free = h->gfn;
		h->state = HANDLE_BUSY;
		g->used++;
	}
	unlock(&g->lock);
	return n;
}

static void handle_drop(struct grant_state *g, u32 n)
{
	struct handle *h = handle_at(g, n);

	lock(&g->lock);
	h->gfn = g->free;
	h->state = HANDLE_FREE;
	g->free = n;
	g->used--;
	unlock(&g->lock);
}

/* A mapped handle becomes BUSY, the caller's alone; NULL if there is none of that number. */
static struct handle *handle_take(struct grant_state *g, u32 n)
{
	struct handle *h = NULL;

	lock(&g->lock);
	if (n < g->made && handle_at(g, n)->state == HANDLE_MAPPED) {
		h = handle_at(g, n);
		h->state = HANDLE_BUSY;
	}
	unlock(&g->lock);
	return h;
}

/* ---- map and unmap ---- */

/* The caller's reference on m goes to the P2M entry. */
static int map_frame(struct domain *d, u64 gfn, mfn_t m, bool write)
{
	int rc;

	lock(&d->grants->lock); /* not between domain_release's look and its removal */
	rc = p2m_add(d, GFN(gfn), m, 0, write ? PV_MEM_GRANT : PV_MEM_GRANT_RO);
	unlock(&d->grants->lock);
	return rc;
}

/* Handle n, BUSY, becomes a mapping of g's ref. */
static int map_locked_in(struct domain *d, struct domain *g, u32 n, struct pv_grant_map *op)
{
	struct handle *h = handle_at(d->grants, n);
	bool write = !(op->flags & PV_GRANT_RO);
	mfn_t m;
	int rc = pin(g, op->ref, d->id, write, &m);

	if (rc)
		return rc;
	if (op->gfn == PV_GRANT_IDENTITY)
		op->gfn = m.n;
	rc = map_frame(d, op->gfn, m, write);
	if (rc) {
		frame_put(m);
		unpin(g, op->ref, write);
		return rc;
	}
	*h = (struct handle){
		.gfn = op->gfn, .ref = op->ref, .dom = g->id, .write = write, .state = HANDLE_BUSY};
	domain_hold(g);
	/* The last that is done to g: see die_drain in domain.c. */
	atomic_add(&g->grants->mapped_from, 1);
	atomic_store(&h->state, HANDLE_MAPPED);
	op->handle = n;
	return 0;
}

/* -PV_EINVAL: flags, reserved, the own domain, gfn; -PV_EPERM: identity without PV_CAP_PHYS; -PV_ESRCH; -PV_ERANGE: no
 * such ref; -PV_ENOENT: nothing granted there; -PV_EACCES: not to the caller, or not so; -PV_EFAULT: its gfn is no
 * RAM; -PV_EEXIST: something is at gfn; -PV_ENOMEM: memory, or handles; -PV_EBUSY: used 65535 times;
 * -PV_EAGAIN: the entry kept changing. */
void grant_map(struct domain *d, struct pv_grant_map *op)
{
	struct domain *g;
	u32 n;

	if (op->flags & ~PV_GRANT_RO || op->reserved ||
	    (op->gfn >= PV_MAX_GFN && op->gfn != PV_GRANT_IDENTITY)) {
		op->status = -PV_EINVAL;
		return;
	}
	/* A machine frame number is nothing for domains without devices to learn. */
	if (op->gfn == PV_GRANT_IDENTITY && !(READ_ONCE(d->caps) & PV_CAP_PHYS)) {
		op->status = -PV_EPERM;
		return;
	}
	g = domain_get(op->domid);
	if (!g || g == d) {
		op->status = g ? -PV_EINVAL : -PV_ESRCH;
		if (g)
			domain_put(g);
		return;
	}
	n = handle_make(d->grants);
	op->status = n == NO_HANDLE ? -PV_ENOMEM : map_locked_in(d, g, n, op);
	if (op->status && n != NO_HANDLE)
		handle_drop(d->grants, n);
	domain_put(g);
}

/* n is BUSY and the caller's. The mapping's domain reference keeps its granter findable, dead or not. */
static int unmap(struct domain *d, u32 n, struct handle *h)
{
	struct domain *g = READ_ONCE(domains[h->dom]);
	enum pv_mem_kind kind;
	mfn_t m;
	int rc = p2m_remove(d, GFN(h->gfn), &m, &kind); /* G3: its reach has ended on return */

	if (rc) {
		atomic_store(&h->state, HANDLE_MAPPED);
		return rc;
	}
	HV_ASSERT(kind == (h->write ? PV_MEM_GRANT : PV_MEM_GRANT_RO));
	frame_put(m);
	unpin(g, h->ref, h->write);
	handle_drop(d->grants, n);
	atomic_sub(&g->grants->mapped_from, 1);
	domain_put(g);
	return 0;
}

/* -PV_EBADF: no such mapping, or its unmapping is under way. */
void grant_unmap(struct domain *d, struct pv_grant_unmap *op)
{
	struct handle *h = handle_take(d->grants, op->handle);

	op->status = h ? unmap(d, op->handle, h) : -PV_EBADF;
}

bool grants_unmap_all(struct domain *d)
{
	struct grant_state *g = d->grants;
	unsigned done = 0;

	for (; g->used && g->cursor < g->made && done < UNMAP_BATCH; g->cursor++) {
		struct handle *h = handle_take(g, g->cursor);

		if (h && unmap(d, g->cursor, h))
			return false;
		done += h != NULL;
	}
	return !g->used || g->cursor >= g->made;
}

/* ---- copy ---- */

/* One end: a gfn of the caller's, or what an entry of another domain names, pinned. */
struct copy_end {
	struct domain *dom;
	u64 gfn;
	bool write, pinned;
};

static int copy_begin(struct domain *d, const struct pv_grant_end *end, bool write,
		      struct copy_end *c)
{
	int rc;

	*c = (struct copy_end){.dom = d, .gfn = end->frame, .write = write};
	if (end->domid == PV_DOM_SELF)
		return 0;
	c->dom = domain_get(end->domid);
	if (!c->dom)
		return -PV_ESRCH;
	rc = c->dom == d ? -PV_EINVAL : pin_entry(c->dom, end->frame, d->id, write, &c->gfn);
	c->pinned = true;
	if (rc)
		domain_put(c->dom);
	return rc;
}

static void copy_finish(const struct pv_grant_end *end, const struct copy_end *c)
{
	if (!c->pinned)
		return;
	unpin(c->dom, end->frame, c->write);
	domain_put(c->dom);
}

/* The frame's address, good until the walk ends: who removes the entry waits for that before the
 * frame goes (P4). */
static int copy_find(const struct copy_end *c, u8 **at)
{
	u64 e = p2m_find(&c->dom->p2m, GFN(c->gfn));
	mfn_t m = p2m_mfn(e, GFN(c->gfn));
	const struct frame *f;

	if (!e || p2m_kind(e) == PV_MEM_DEVICE)
		return -PV_EFAULT;
	f = frame_of(m);
	if (!f || f->use != FRAME_GUEST || (c->write && !p2m_writable(e)) ||
	    (c->pinned && f->owner != c->dom->id))
		return -PV_EACCES;
	*at = mfn_to_virt(m);
	return 0;
}

static int copy_bytes(const struct pv_grant_copy *op, const struct copy_end *src,
		      const struct copy_end *dst)
{
	u8 *from, *to;
	int rc;

	walk_begin();
	rc = copy_find(src, &from);
	if (rc == 0)
		rc = copy_find(dst, &to);
	/* They may be one frame, and guests write to them meanwhile: just bytes. */
	if (rc == 0)
		__builtin_memmove(to + op->dst.offset, from + op->src.offset, op->len);
	walk_end();
	return rc;
}

static int copy_checked(struct domain *d, const struct pv_grant_copy *op)
{
	struct copy_end src, dst;
	int rc = copy_begin(d, &op->src, false, &src);

	if (rc)
		return rc;
	rc = copy_begin(d, &op->dst, true, &dst);
	if (rc == 0) {
		rc = copy_bytes(op, &src, &dst);
		copy_finish(&op->dst, &dst);
	}
	copy_finish(&op->src, &src);
	return rc;
}

static bool in_page(u32 offset, u32 len)
{
	return offset < PAGE_SIZE && len <= PAGE_SIZE - offset;
}

/* -PV_EINVAL: length, offsets, the own domain by number; else as grant_map. */
void grant_copy(struct domain *d, struct pv_grant_copy *op)
{
	if (op->len == 0 || !in_page(op->src.offset, op->len) || !in_page(op->dst.offset, op->len))
		op->status = -PV_EINVAL;
	else
		op->status = copy_checked(d, op);
}

/* ---- life ---- */

u32 grants_mapped_by(struct domain *d)
{
	return READ_ONCE(d->grants->used);
}

u32 grants_mapped_from(struct domain *d)
{
	return atomic_load(&d->grants->mapped_from);
}

/* Mappings in all domains of d's entry. */
static u32 handles_of(u16 dom)
{
	u32 n = 0;

	for (u32 i = 0; i < PV_MAX_DOMAINS; i++) {
		struct grant_state *g = domains[i] ? domains[i]->grants : NULL;

		for (u32 h = 0; g && h < g->made; h++)
			n += handle_at(g, h)->state != HANDLE_FREE && handle_at(g, h)->dom == dom;
	}
	return n;
}

u32 grants_audit(struct domain *d, void (*fn)(mfn_t m))
{
	struct grant_state *g = d->grants;
	u32 bad = 0, used = 0, uses = 0;

	lock(&g->lock);
	for (u32 i = 0; i < g->pages; i++)
		fn(g->mfn[i]);
	for (u32 h = 0; h < g->made; h++)
		used += handle_at(g, h)->state != HANDLE_FREE;
	for (u32 i = 0; i < USES_PAGES; i++)
		for (u32 j = 0; g->uses[i] && j < USES_PER_PAGE; j++)
			uses += g->uses[i][j].readers + g->uses[i][j].writers;
	bad += used != g->used;
	unlock(&g->lock);
	bad += handles_of(d->id) != g->mapped_from || uses != g->mapped_from;
	return bad;
}

int grants_init(struct domain *d)
{
	struct grant_state *g = hv_page_alloc(0);

	if (!g)
		return -PV_ENOMEM;
	g->lock = SPINLOCK(GRANT);
	g->max = d->grant_maps_max;
	g->free = NO_HANDLE;
	g->handles = hv_page_alloc(0);
	d->grants = g;
	return g->handles ? 0 : -PV_ENOMEM;
}

void grants_free(struct domain *d)
{
	struct grant_state *g = d->grants;

	if (!g)
		return;
	for (u32 i = 0; g->handles && i * HANDLES_PER_PAGE < g->made; i++)
		hv_page_free(g->handles[i], 0);
	for (u32 i = 0; i < USES_PAGES; i++)
		hv_page_free(g->uses[i], 0);
	hv_page_free(g->handles, 0);
	hv_page_free(g, 0);
	d->grants = NULL;
}
