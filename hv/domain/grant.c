/* SPDX-License-Identifier: Apache-2.0 */
/* grant: frames that one domain lets another reach.
 * Calls:      grant_table, grant_map, grant_unmap, grant_copy
 * Owns:       struct grants: as mapper its handles, and the growing of its table, under lock GRANT
 * Rules:      G1-G6 (grant.h), tried by tests/unit/grant_test.c
 * Read first: grant.h, pv/grant.h, mm/p2m.h */
#include "domain/grant.h"

#include "cpu/copy.h"
#include "cpu/trace.h"

/* flags and domid of a table entry as one word */
typedef u32 __attribute__((may_alias)) entry_word;

_Static_assert(PAGE_SIZE << USES_ORDER == PV_GRANT_TABLE_PAGES * PV_GRANTS_PER_PAGE * sizeof(u32),
	       "one for each entry");
#define NO_HANDLE   (~0u)
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

/* From somebody who has it: the count, without anybody's now. Who takes it waits for nobody before it is given back. */
static NOINLINE u32 uses_wait(u32 *uses) {
	u32 n;

	do {
		while ((n = READ_ONCE(*uses)) & USES_BUSY) cpu_relax_serving();
	} while (!atomic_cas(uses, n, USES_BUSY));
	return n;
}

/* The n uses have become fewer by one: so do the entry's bits, if it was the last (G4). Its count is taken. Nothing is
 * written if the table is gone. */
static ALWAYS_INLINE void use_end(struct use u, u32 n, bool write) {
	u32 left = n - USE(write);

	if (likely(u.word) && (!left || (write && !USES(left, true))))
		atomic_and(u.word, ~(PV_GRANT_WRITING | (left ? 0 : PV_GRANT_READING)));
	atomic_store(u.uses, left);
}

static NOINLINE void settle_late(struct use u, bool write) { use_end(u, uses_wait(u.uses), write); }

/* A use is over. Mostly it is the only one. */
static ALWAYS_INLINE void settle(struct use u, bool write) {
	if (likely(atomic_cas(u.uses, USE(write), USES_BUSY)))
		use_end(u, USE(write), write);
	else
		settle_late(u, write);
}

static ALWAYS_INLINE int entry_check(u32 w, u16 caller, bool write) {
	u32 wanted = PV_GRANT_VALID | (u32)caller << 16;

	if (likely((w & (0xffff0000 | PV_GRANT_VALID | (write ? PV_GRANT_RO : 0))) == wanted)) return 0;
	return w & PV_GRANT_VALID ? -PV_EACCES : -PV_ENOENT;
}

#define USE_BITS(write) (PV_GRANT_READING | ((write) ? PV_GRANT_WRITING : 0))

/* One use more than n, if the entry allows it. Its count is taken. */
static ALWAYS_INLINE int use_begin(struct use u, u32 n, u16 caller, bool write) {
	u32 w = READ_ONCE(*u.word);
	int rc = entry_check(w, caller, write);

	if (unlikely(!rc && USES(n, write) == USES_MAX)) rc = -PV_EBUSY;
	if (unlikely(!rc && !atomic_cas(u.word, w, w | USE_BITS(write))))
		rc = -PV_EAGAIN; /* G1: its owner changed it */
	atomic_store(u.uses, rc ? n : n + USE(write));
	return rc;
}

static NOINLINE int claim_late(struct use u, u16 caller, bool write) {
	return use_begin(u, uses_wait(u.uses), caller, write);
}

/* A use of d's entry, and the gfn that goes with it. Mostly there is no other. */
static ALWAYS_INLINE int claim(struct domain *d, u64 ref, u16 caller, struct use u, bool write, u64 *gfn) {
	int rc;

	if (unlikely(!u.word)) return -PV_ERANGE;
	rc = likely(atomic_cas(u.uses, 0, USES_BUSY)) ? use_begin(u, 0, caller, write) : claim_late(u, caller, write);
	if (unlikely(rc)) return rc;
	/* Once; whatever the guest writes there from now on. */
	*gfn = READ_ONCE(((struct pv_grant_entry *)(void *)u.word)->gfn);
	trace(PV_TRACE_grant, (u64)d->id << 32 | ref, *gfn);
	return 0;
}

static void unclaim(struct domain *d, u64 ref, bool write) {
	struct use u;

	if (ref == NO_REF) return;
	WALK();
	u = use_of(&d->grants, ref);
	u.uses = &d->grants.uses[ref];
	settle(u, write);
}

int grant_table_set(struct domain *d, u64 gpa, u64 pages) {
	struct grants *g = &d->grants;
	u64 gfn = gpa >> PAGE_SHIFT;
	mfn_t m;
	int rc = 0;
	u32 p;

	if (gpa % PAGE_SIZE || pages == 0 || pages > PV_GRANT_TABLE_PAGES || gfn >= PV_MAX_GFN) return -PV_EINVAL;
	GUARD(&g->lock);
	/* It grows, and does nothing else. */
	if (g->pages && (gfn != g->table_gfn || pages < g->pages)) return -PV_EEXIST;
	if (!g->uses && !(g->uses = hv_page_alloc(USES_ORDER))) return -PV_ENOMEM;
	g->table_gfn = gfn;
	for (p = g->pages; p < pages && !(rc = domain_own_frame(d, gfn + p, P2M_WRITE, &m)); p++)
		g->table[p] = mfn_to_virt(m);
	while (rc && p > g->pages) ram_put(virt_to_mfn(g->table[--p]));
	atomic_store(&g->pages, p); /* by who finds an entry: its frame, and the uses, are there */
	return rc;
}

void grant_table_drop(struct domain *d) {
	struct grants *g = &d->grants;
	u32 pages = g->pages;

	g->pages = 0;
	walk_sync(d); /* unclaim of others' mappings finds them no more */
	while (pages) ram_put(virt_to_mfn(g->table[--pages]));
}

void grants_forget(struct domain *d, u16 id) {
	struct grants *g = &d->grants;

	for (u32 i = 0; i < READ_ONCE(g->pages) * PV_GRANTS_PER_PAGE; i++)
		for (unsigned tries = 0; tries < CLAIM_TRIES; tries++) { /* then it is as its owner wants it now */
			entry_word *word = use_of(g, i).word;
			u32 w = READ_ONCE(*word);

			if (entry_check(w, id, false) || atomic_cas(word, w, w & ~PV_GRANT_VALID)) break;
		}
}

/* ---- map and unmap ---- */

int grants_reserve(struct domain *d) {
	struct grants *g = &d->grants;

	return (g->handles = hv_page_alloc(pages_order(g->max, sizeof(*g->handles)))) ? 0 : -PV_ENOMEM;
}

/* A handle of d's for m, of g's, at op->gfn. It takes the references on m and on g. */
static int map_frame(struct domain *d, struct domain *g, u32 ref, mfn_t m, struct pv_grant_map *op) {
	struct grants *t = &d->grants;
	int rc;

	GUARD(&t->lock);
	if (t->free == NO_HANDLE && t->made < t->max && (t->handles || !grants_reserve(d))) {
		t->handles[t->made].gfn = NO_HANDLE;
		t->free = t->made++;
	}
	if (t->free == NO_HANDLE) return -PV_ENOMEM;
	rc = p2m_add(d, GFN(op->gfn), m, 0, op->flags & PV_GRANT_RO ? PV_MEM_GRANT_RO : PV_MEM_GRANT);
	if (rc) return rc;
	op->handle = t->free;
	t->free = t->handles[op->handle].gfn;
	t->handles[op->handle] = (struct grant_handle){op->gfn, ref, g->id, true};
	t->used++;
	HIGH_WATER(t->high, t->used);
	/* The last that is done to g: see die_drain in domain.c. */
	atomic_add(&g->grants.mapped_from, 1);
	return 0;
}

static int map(struct domain *d, struct domain *g, struct pv_grant_map *op) {
	bool write = !(op->flags & PV_GRANT_RO), foreign = op->flags & PV_GRANT_FOREIGN;
	u32 ref = foreign ? NO_REF : op->ref;
	u64 gfn = op->ref;
	mfn_t m;
	int rc;

	rc = foreign ? 0 : claim(g, ref, d->id, use_of(&g->grants, ref), write, &gfn);
	if (rc) return rc;
	rc = domain_own_frame(g, gfn, write ? P2M_WRITE : P2M_READ, &m);
	if (rc == 0) {
		if (op->gfn == PV_GRANT_IDENTITY) op->gfn = m.n;
		rc = map_frame(d, g, ref, m, op);
		if (rc) ram_put(m);
	}
	if (rc) unclaim(g, ref, write);
	return rc;
}

/* -PV_EINVAL: flags, reserved, the own domain, gfn; -PV_EPERM: identity without PV_CAP_PHYS; -PV_ESRCH; -PV_ERANGE: no
 * such ref; -PV_ENOENT: nothing granted there; -PV_EACCES: not to the caller, or not so; -PV_EFAULT: its gfn is no
 * RAM; -PV_EEXIST: something is at gfn; -PV_ENOMEM: memory, or handles; -PV_EBUSY: used 32767 times;
 * -PV_EAGAIN: the entry changed meanwhile. */
static int map_checked(struct domain *d, struct pv_grant_map *op) {
	struct domain *g;
	/* A machine frame number is nothing for domains without devices to learn. */
	u32 caps =
		(op->gfn == PV_GRANT_IDENTITY ? PV_CAP_PHYS : 0) | (op->flags & PV_GRANT_FOREIGN ? PV_CAP_MEMORY : 0);
	int rc;

	if (op->flags & ~(PV_GRANT_RO | PV_GRANT_FOREIGN) || op->reserved ||
	    (op->gfn >= PV_MAX_GFN && op->gfn != PV_GRANT_IDENTITY))
		return -PV_EINVAL;
	if (caps & ~READ_ONCE(d->caps)) return -PV_EPERM;
	g = domain_get(op->domid);
	if (!g) return -PV_ESRCH;
	rc = g == d ? -PV_EINVAL : map(d, g, op);
	if (rc) domain_put(g); /* else it is the mapping's (G2), which may be gone by now */
	return rc;
}

/* The handle's domain reference keeps its granter findable, dead or not. -PV_EBADF: no such mapping. */
static int unmap(struct domain *d, u32 n) {
	struct grants *t = &d->grants;
	struct grant_handle h = {0};
	struct domain *g;
	unsigned used;
	u64 e;

	lock(&t->lock);
	if (n < t->made) h = t->handles[n];
	if (h.mapped) {
		(void)p2m_remove_range(d, GFN(h.gfn), 1, &e, 1, &used);
		HV_ASSERT(used); /* nobody else takes it (G3) */
		t->handles[n] = (struct grant_handle){.gfn = t->free};
		t->free = n;
		t->used--;
	}
	unlock(&t->lock);
	if (!h.mapped) return -PV_EBADF;
	domain_leaves_put(d, &e, 1);
	g = domains[h.dom];
	unclaim(g, h.ref, p2m_kind(e) == PV_MEM_GRANT);
	atomic_sub(&g->grants.mapped_from, 1);
	domain_put(g);
	return 0;
}

bool grants_unmap_all(struct domain *d) {
	struct grants *g = &d->grants;

	for (unsigned cost = 0; g->used && d->die_cursor < g->made && cost < UNMAP_BATCH; d->die_cursor++)
		cost += unmap(d, d->die_cursor) ? 1 : UNMAP_COST;
	return !g->used || d->die_cursor >= g->made;
}

/* ---- copy ---- */

/* Is what d's entry e has at gfn RAM to be used within the walk; by a grant: its own? As p2m_get and domain_own_frame,
 * without a reference (P3, P4). */
static NOINLINE int ram_check(struct domain *d, u64 e, u64 gfn, bool write, bool own) {
	const struct frame *f;

	if (!e || p2m_kind(e) == PV_MEM_DEVICE) return -PV_EFAULT;
	if (write && !p2m_writable(e)) return -PV_EACCES;
	f = &frame_table[p2m_mfn(e, GFN(gfn)).n];
	if (f->use != FRAME_GUEST) return -PV_EFAULT;
	return own && f->owner != d->id ? -PV_EACCES : 0;
}

/* One end of a copy. */
struct end {
	struct use use; /* word is NULL: a frame of the caller's own */
	u8 *at;
};

static ALWAYS_INLINE void end_close(const struct end *end, bool write) {
	if (end->use.word) settle(end->use, write);
}

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
			end_close(end, write);
			return rc;
		}
	}
	end->at = (u8 *)mfn_to_virt(p2m_mfn(e, GFN(gfn))) + p->offset;
	return 0;
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
	long call(gva_t at, u64 nth) {                                                                     \
		struct cpu *c = this_cpu();                                                                \
		struct domain *d = c->cur->dom;                                                            \
		struct pv_##call op;                                                                       \
                                                                                                           \
		if (unlikely(copy_in(&op, at, sizeof(op)))) return UNREADABLE(nth);                        \
		work;                                                                                      \
		at.a += offsetof(struct pv_##call, first_result);                                          \
		return unlikely(copy_back(at, &op.first_result, (u8 *)(&op + 1) - (u8 *)&op.first_result)) \
			       ? -PV_EFAULT                                                                \
			       : (long)nth;                                                                \
	}
OPERATION(grant_map, gfn, op.status = map_checked(d, &op))
OPERATION(grant_unmap, handle, op.status = unmap(d, op.handle))
OPERATION(grant_copy, len, op.status = copy_op(c, d, &op))

/* ---- life ---- */

void grants_init(struct domain *d, u32 maps_max) {
	d->grants = (struct grants){.lock = SPINLOCK(GRANT), .max = maps_max, .free = NO_HANDLE};
}

void grants_free(struct domain *d) {
	struct grants *g = &d->grants;

	hv_page_free(g->handles, pages_order(g->max, sizeof(*g->handles)));
	hv_page_free(g->uses, USES_ORDER);
}
