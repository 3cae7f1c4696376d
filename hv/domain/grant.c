/* SPDX-License-Identifier: Apache-2.0 */
/* grant: frames that one domain lets another reach.
 * Calls:      grant_table, grant_map, grant_unmap, grant_copy
 * Owns:       struct grants: as mapper its handles, and the growing of its table, under lock GRANT
 * Rules:      G1-G6 (grant.h), tried by tests/unit/grant_test.c
 * Read first: grant.h, pv/grant.h, mm/p2m.h */
#include "domain/grant.h"
#include "domain/ioreq.h"

#include "cpu/copy.h"
#include "cpu/trace.h"

/* Uses (mappings, copies) of a table entry, ring 0's own: the guest sees only bits. For reading in bits 0-14, for
 * writing in 16-30; bits 15 and 31 show that there is no room for more. USES_BUSY: a CPU takes the entry's bits away;
 * it waits for nobody, so that a copy can do it in a walk. */
#define USE(write)     ((write) ? 1u << 16 : 1u)
#define USES(n, write) ((write) ? (n) >> 16 : (n)&0x7fffu)
#define USES_FULL      0x80008000u
#define USES_BUSY      (1u << 31)

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
_Static_assert(PAGE_SIZE << USES_ORDER == ENTRIES * sizeof(u32), "one for each entry");
#define NO_HANDLE   (~0u)
#define NO_REF      (~0u) /* of a mapping that needed no grant */
#define CLAIM_TRIES 8
#define UNMAP_BATCH 512 /* looks at handles that are unused; a mapping costs as much as UNMAP_COST of them */
#define UNMAP_COST  16

/* ---- the granter's side ---- */

/* An entry and ring 0's count of its uses. */
struct use {
	entry_word *word; /* NULL: no entry */
	u32 *uses;
};

/* In a walk, or with a reference on a domain that is not dying, the entry stays in reach. */
static ALWAYS_INLINE struct use use_of(struct grants *g, u64 ref) {
	struct use u = {0};

	if (likely(ref / PV_GRANTS_PER_PAGE < READ_ONCE(g->pages))) {
		struct pv_grant_entry *page = g->table[ref / PV_GRANTS_PER_PAGE];

		u.word = (entry_word *)(void *)&page[ref % PV_GRANTS_PER_PAGE];
		u.uses = &g->uses[ref];
	}
	return u;
}

static NOINLINE int count_another(u32 *uses, u32 use) {
	u32 n;

	do {
		while (n = READ_ONCE(*uses), (n + use) & USES_FULL) {
			if (!(n & USES_BUSY)) return -PV_EBUSY;
			cpu_relax_serving();
		}
	} while (!atomic_cas(uses, n, n + use));
	return 0;
}

static NOINLINE void settle_another(struct use u, bool write) {
	u32 n, left;
	bool last;

	do {
		while (n = READ_ONCE(*u.uses), n & USES_BUSY) cpu_relax_serving();
		left = n - USE(write);
		last = !left || (write && !USES(left, true));
	} while (!atomic_cas(u.uses, n, last ? n | USES_BUSY : left));
	if (!last) return;
	if (u.word) atomic_and(u.word, ~(PV_GRANT_WRITING | (left ? 0 : PV_GRANT_READING)));
	atomic_store(u.uses, left);
}

/* A use is over: so are its bits, if it was the last (G4). Nothing is written if the table is gone. */
static ALWAYS_INLINE void settle(struct use u, bool write) {
	if (likely(u.word && atomic_cas(u.uses, USE(write), USES_BUSY))) {
		atomic_and(u.word, ~(PV_GRANT_WRITING | PV_GRANT_READING));
		atomic_store(u.uses, 0);
	} else {
		settle_another(u, write);
	}
}

static ALWAYS_INLINE int entry_check(u32 w, u16 caller, bool write) {
	u32 wanted = PV_GRANT_VALID | (u32)caller << 16;

	if (likely((w & (0xffff0000 | PV_GRANT_VALID | (write ? PV_GRANT_RO : 0))) == wanted)) return 0;
	return w & PV_GRANT_VALID ? -PV_EACCES : -PV_ENOENT;
}

#define USE_BITS(write) (PV_GRANT_READING | ((write) ? PV_GRANT_WRITING : 0))

/* Its owner changed the entry just now. */
static NOINLINE int claim_again(struct use u, u16 caller, bool write) {
	int rc = 0;

	for (unsigned i = 0; i < CLAIM_TRIES && rc == 0; i++) {
		u32 w = READ_ONCE(*u.word);

		rc = entry_check(w, caller, write);
		if (rc == 0 && atomic_cas(u.word, w, w | USE_BITS(write))) return 0;
	}
	settle_another(u, write);
	return rc ? rc : -PV_EAGAIN; /* its owner keeps writing to it */
}

/* A use of d's entry, and the gfn that goes with it. Only who may use an entry is counted, so that nobody else can keep
 * its bits; and before the bits are set, so that who settles meanwhile leaves them. */
static ALWAYS_INLINE int claim(struct domain *d, u64 ref, u16 caller, struct use u, bool write, u64 *gfn) {
	u32 w;
	int rc;

	if (unlikely(!u.word)) return -PV_ERANGE;
	w = READ_ONCE(*u.word);
	rc = entry_check(w, caller, write);
	if (unlikely(rc)) return rc;
	if (unlikely(!atomic_cas(u.uses, 0, USE(write)))) rc = count_another(u.uses, USE(write));
	if (unlikely(rc)) return rc;
	if (unlikely(!atomic_cas(u.word, w, w | USE_BITS(write)))) /* G1 */
		rc = claim_again(u, caller, write);
	if (unlikely(rc)) return rc;
	/* Once; whatever the guest writes there from now on. */
	*gfn = READ_ONCE(((struct pv_grant_entry *)(void *)u.word)->gfn);
	trace(PV_TRACE_grant, (u64)d->id << 32 | ref, *gfn);
	return 0;
}

static void unclaim(struct domain *d, u64 ref, bool write) {
	struct use u;

	if (ref == NO_REF) return;
	walk_begin();
	u = use_of(&d->grants, ref);
	u.uses = &d->grants.uses[ref];
	settle(u, write);
	walk_end();
}

/* Pages [g->pages, pages) of the table: all or none. */
static int table_grow(struct domain *d, struct grants *g, u32 pages) {
	u32 p = g->pages;
	mfn_t m;
	int rc = 0;

	if (!g->uses && !(g->uses = hv_page_alloc(USES_ORDER))) return -PV_ENOMEM;
	for (; p < pages && !(rc = domain_own_frame(d, g->table_gfn + p, P2M_WRITE, &m)); p++)
		g->table[p] = mfn_to_virt(m);
	while (rc && p > g->pages) ram_put(virt_to_mfn(g->table[--p]));
	atomic_store(&g->pages, p); /* by who finds an entry: its frame, and the uses, are there */
	return rc;
}

int grant_table_set(struct domain *d, u64 gpa, u64 pages) {
	struct grants *g = &d->grants;
	u64 gfn = gpa >> PAGE_SHIFT;
	int rc;

	if (gpa % PAGE_SIZE || pages == 0 || pages > PV_GRANT_TABLE_PAGES || gfn >= PV_MAX_GFN) return -PV_EINVAL;
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

void grant_table_drop(struct domain *d) {
	struct grants *g = &d->grants;
	u32 pages = g->pages;

	g->pages = 0;
	walk_sync(d); /* unclaim of others' mappings finds them no more */
	while (pages) ram_put(virt_to_mfn(g->table[--pages]));
}

static void entry_forget(entry_word *word, u16 id) {
	for (unsigned i = 0; i < CLAIM_TRIES; i++) { /* then it is as its owner wants it now */
		u32 w = READ_ONCE(*word);

		if (w >> 16 != id || !(w & PV_GRANT_VALID) || atomic_cas(word, w, w & ~PV_GRANT_VALID)) return;
	}
}

void grants_forget(struct domain *d, u16 id) {
	struct grants *g = &d->grants;

	for (u32 i = 0; i < READ_ONCE(g->pages) * PV_GRANTS_PER_PAGE; i++) entry_forget(use_of(g, i).word, id);
}

/* ---- map and unmap ---- */

static bool handles_alloc(struct grants *g) {
	return (g->handles = hv_page_alloc(pages_order(g->max, sizeof(*g->handles))));
}

/* An unused handle, still to be taken by handle_take. NO_HANDLE: limit or memory. Mapper's lock held. */
static u32 handle_find(struct grants *g) {
	if (g->free != NO_HANDLE) return g->free;
	return (g->handles || handles_alloc(g)) && g->made < g->max ? g->made : NO_HANDLE;
}

static void handle_take(struct grants *g, u32 n, struct grant_handle h) {
	if (n == g->made)
		g->made++;
	else
		g->free = g->handles[n].gfn;
	g->handles[n] = h;
	g->used++;
	HIGH_WATER(g->high, g->used);
}

static int map(struct domain *d, struct domain *g, struct pv_grant_map *op) {
	bool write = !(op->flags & PV_GRANT_RO);
	bool foreign = op->flags & PV_GRANT_FOREIGN;
	u32 n, ref = foreign ? NO_REF : op->ref;
	u64 gfn = op->ref;
	mfn_t m;
	struct use u = use_of(&g->grants, ref);
	int rc = foreign ? (ioreq_serves(d, g) ? 0 : -PV_EACCES) : claim(g, ref, d->id, u, write, &gfn);

	if (rc) return rc;
	rc = domain_own_frame(g, gfn, write ? P2M_WRITE : P2M_READ, &m);
	if (rc) {
		unclaim(g, ref, write);
		return rc;
	}
	if (op->gfn == PV_GRANT_IDENTITY) op->gfn = m.n;
	lock(&d->grants.lock);
	n = handle_find(&d->grants);
	/* The reference on m goes to the P2M entry. */
	rc = n == NO_HANDLE ? -PV_ENOMEM : p2m_add(d, GFN(op->gfn), m, 0, write ? PV_MEM_GRANT : PV_MEM_GRANT_RO);
	if (rc == 0) {
		handle_take(&d->grants, n, (struct grant_handle){op->gfn, ref, g->id, true, write});
		atomic_add(&g->refs, 1);
		/* The last that is done to g: see die_drain in domain.c. */
		atomic_add(&g->grants.mapped_from, 1);
		op->handle = n;
	}
	unlock(&d->grants.lock);
	if (rc) {
		ram_put(m);
		unclaim(g, ref, write);
	}
	return rc;
}

/* -PV_EINVAL: flags, reserved, the own domain, gfn; -PV_EPERM: identity without PV_CAP_PHYS; -PV_ESRCH; -PV_ERANGE: no
 * such ref; -PV_ENOENT: nothing granted there; -PV_EACCES: not to the caller, or not so; -PV_EFAULT: its gfn is no
 * RAM; -PV_EEXIST: something is at gfn; -PV_ENOMEM: memory, or handles; -PV_EBUSY: used 32767 times;
 * -PV_EAGAIN: the entry kept changing. */
static void map_checked(struct domain *d, struct pv_grant_map *op) {
	struct domain *g = NULL;

	if (op->flags & ~(PV_GRANT_RO | PV_GRANT_FOREIGN) || op->reserved ||
	    (op->gfn >= PV_MAX_GFN && op->gfn != PV_GRANT_IDENTITY))
		op->status = -PV_EINVAL;
	else if ((op->gfn == PV_GRANT_IDENTITY && !(READ_ONCE(d->caps) & PV_CAP_PHYS)) ||
		 (op->flags & PV_GRANT_FOREIGN && !(READ_ONCE(d->caps) & PV_CAP_MEMORY)))
		op->status = -PV_EPERM; /* a machine frame number is nothing for domains without devices to learn */
	else
		op->status = (g = domain_get(op->domid)) ? 0 : -PV_ESRCH;
	if (!g) return;
	op->status = g == d ? -PV_EINVAL : map(d, g, op);
	domain_put(g);
}

/* The handle's domain reference keeps its granter findable, dead or not. -PV_EBADF: no such mapping. */
static int unmap(struct domain *d, u32 n) {
	struct grants *t = &d->grants;
	struct grant_handle h = {0};
	enum pv_mem_kind kind;
	struct domain *g;
	mfn_t m;
	int rc = -PV_EBADF;

	/* If it is another handle by now, it was for nothing. */
	while (n < READ_ONCE(t->made) && !stlb_loosen(d, GFN(READ_ONCE(t->handles[n].gfn)), 1)) interrupts_serve();
	lock(&t->lock);
	if (n < t->made) h = t->handles[n];
	if (h.mapped) rc = p2m_remove(d, GFN(h.gfn), &m, &kind); /* G3: its reach has ended on return */
	if (rc == 0) {
		HV_ASSERT(kind == (h.write ? PV_MEM_GRANT : PV_MEM_GRANT_RO));
		t->handles[n] = (struct grant_handle){.gfn = t->free};
		t->free = n;
		t->used--;
	}
	unlock(&t->lock);
	if (rc) return rc;
	g = domains[h.dom];
	ram_put(m);
	unclaim(g, h.ref, h.write);
	atomic_sub(&g->grants.mapped_from, 1);
	domain_put(g);
	return 0;
}

bool grants_unmap_all(struct domain *d) {
	struct grants *g = &d->grants;

	for (unsigned cost = 0; g->used && d->die_cursor < g->made && cost < UNMAP_BATCH; d->die_cursor++) {
		int rc = unmap(d, d->die_cursor);

		if (rc && rc != -PV_EBADF) return false;
		cost += rc ? 1 : UNMAP_COST;
	}
	return !g->used || d->die_cursor >= g->made;
}

/* ---- copy ---- */

/* Is what d's entry e has at gfn RAM to be used within the walk; by a grant: its own? As p2m_get and domain_own_frame,
 * without a reference (P3, P4). */
static NOINLINE int ram_check(struct domain *d, u64 e, u64 gfn, bool write, bool own) {
	const struct frame *f;

	if (!e || p2m_kind(e) == PV_MEM_DEVICE) return -PV_EFAULT;
	if (write && !p2m_writable(e)) return -PV_EACCES;
	f = frame_of(p2m_mfn(e, GFN(gfn)));
	if (f->use != FRAME_GUEST) return -PV_EFAULT;
	return own && f->owner != d->id ? -PV_EACCES : 0;
}

/* One end of a copy. */
struct end {
	struct use use; /* word is NULL: a frame of the caller's own */
	u8 *at;
};

/* Found and, if it is granted, claimed. In a walk. */
static ALWAYS_INLINE int end_open(struct domain *d, const struct pv_grant_end *p, bool write, struct end *end) {
	struct domain *g = d;
	u64 gfn = p->frame, e;
	int rc;

	end->use = (struct use){0};
	if (p->domid != PV_DOM_SELF) {
		g = domain_find(p->domid);
		if (unlikely(!g || g == d)) return g ? -PV_EINVAL : -PV_ESRCH;
		end->use = use_of(&g->grants, p->frame);
		rc = claim(g, p->frame, d->id, end->use, write, &gfn);
		if (unlikely(rc)) return rc;
	}
	e = p2m_find(&g->p2m, GFN(gfn));
	if (unlikely(p2m_kind(e) != PV_MEM_RAM)) { /* which is GUEST, and g's own */
		rc = ram_check(g, e, gfn, write, end->use.word);
		if (rc) {
			if (end->use.word) settle_another(end->use, write);
			return rc;
		}
	}
	end->at = (u8 *)mfn_to_virt(p2m_mfn(e, GFN(gfn))) + p->offset;
	return 0;
}

static ALWAYS_INLINE void end_close(const struct end *end, bool write) {
	if (end->use.word) settle(end->use, write);
}

static ALWAYS_INLINE int copy(struct domain *d, const struct pv_grant_copy *op) {
	struct end from, to;
	int rc = end_open(d, &op->src, false, &from);

	if (unlikely(rc)) return rc;
	rc = end_open(d, &op->dst, true, &to);
	if (likely(rc == 0)) {
		/* They may be one frame, and guests write to them meanwhile: just bytes. */
		if (unlikely((u64)(to.at - from.at) < op->len))
			memmove(to.at, from.at, op->len);
		else
			copy_bytes(to.at, from.at, op->len);
		end_close(&to, true);
	}
	end_close(&from, false);
	return rc;
}

static bool in_page(u64 offset, u64 len) { return offset + len <= PAGE_SIZE; }

/* -PV_EINVAL: length, offsets, the own domain by number; else as map_checked. */
static ALWAYS_INLINE int copy_op(struct cpu *c, struct domain *d, const struct pv_grant_copy *op) {
	int rc;

	if (unlikely(!op->len || !in_page(op->src.offset, op->len) || !in_page(op->dst.offset, op->len)))
		return -PV_EINVAL;
	walk_enter(c);
	rc = copy(d, op);
	walk_leave(c);
	return rc;
}

/* ---- one operation of the caller's: copied in once, worked on, copied out from its first result on ---- */

#define OPERATION(call, first_result, work)                                                                \
	long call(gva_t at, u64 nth, struct cpu *c) {                                                      \
		struct domain *d = c->cur->dom;                                                            \
		struct pv_##call op;                                                                       \
                                                                                                           \
		if (unlikely(copy_in(&op, at, sizeof(op)))) return nth > 1 ? (long)nth - 1 : -PV_EFAULT;   \
		work;                                                                                      \
		at.a += offsetof(struct pv_##call, first_result);                                          \
		return unlikely(copy_back(at, &op.first_result, (u8 *)(&op + 1) - (u8 *)&op.first_result)) \
			       ? -PV_EFAULT                                                                \
			       : (long)nth;                                                                \
	}
OPERATION(grant_map, gfn, map_checked(d, &op))
OPERATION(grant_unmap, handle, op.status = unmap(d, op.handle))
OPERATION(grant_copy, len, op.status = copy_op(c, d, &op))

/* ---- life ---- */

/* Mappings in all domains of d's frames; *foreign: of these without a grant. */
static u32 handles_of(u16 dom, u32 *foreign) {
	u32 n = 0;

	for (u32 i = 0; i < PV_MAX_DOMAINS; i++)
		for (u32 h = 0; domains[i] && h < domains[i]->grants.made; h++)
			if (domains[i]->grants.handles[h].mapped && domains[i]->grants.handles[h].dom == dom) {
				n++;
				*foreign += domains[i]->grants.handles[h].ref == NO_REF;
			}
	return n;
}

u32 grants_audit(struct domain *d, void (*fn)(mfn_t m)) {
	struct grants *g = &d->grants;
	u32 used = 0, uses = 0, foreign = 0, mapped = handles_of(d->id, &foreign);

	for (u32 i = 0; i < g->pages; i++) fn(virt_to_mfn(g->table[i]));
	for (u32 h = 0; h < g->made; h++) used += g->handles[h].mapped;
	for (u32 i = 0; g->uses && i < ENTRIES; i++) uses += USES(g->uses[i], false) + USES(g->uses[i], true);
	return (used != g->used) + (mapped != g->mapped_from) + (uses + foreign != g->mapped_from);
}

void grants_init(struct domain *d, u32 maps_max) {
	d->grants = (struct grants){.lock = SPINLOCK(GRANT), .max = maps_max, .free = NO_HANDLE};
}

int grants_reserve(struct domain *d) { return handles_alloc(&d->grants) ? 0 : -PV_ENOMEM; }

void grants_free(struct domain *d) {
	struct grants *g = &d->grants;

	hv_page_free(g->handles, pages_order(g->max, sizeof(*g->handles)));
	hv_page_free(g->uses, USES_ORDER);
}
