/* SPDX-License-Identifier: Apache-2.0 */
/* p2m: which frames exist for a domain, and with which rights. The whole of memory isolation.
 * Owns:       the radix tree of each domain, changed under lock P2M
 * Rules:      P1-P6 (mm/p2m.h), tried by tests/unit/test_p2m.c and model_stlb.c
 * Read first: mm/p2m.h, mm/frame.c */

#include "mm/p2m.h"
#include "domain/domain.h"

#define FREE_BATCH 256 /* tables */

/* P6. Eight times what its frames and grants need side by side. */
static u64 tables_max(const struct domain *d) {
	if (d->caps & PV_CAP_PHYS) return ~0ull;
	return P2M_TABLES_MIN + (READ_ONCE(d->frames_max) + d->grants.max) / 64;
}

static u64 *table_alloc(struct domain *d) {
	u64 *t = d->p2m.tables < tables_max(d) ? hv_page_alloc(0) : NULL;

	d->p2m.tables += t != NULL;
	return t;
}

/* Nobody can walk it any more. */
static void table_free(struct p2m *p, u64 *t) {
	p->tables--;
	hv_page_free(t, 0);
}

static u64 table_entry(u64 *t) { return (u64)t | P2M_TABLE; }

int p2m_init(struct domain *d) {
	d->p2m = (struct p2m){.lock = SPINLOCK(P2M)};
	d->p2m.top = table_alloc(d);
	d->p2m.low = d->p2m.top ? table_alloc(d) : NULL;
	if (!d->p2m.low) {
		(void)p2m_free(d); /* it is one table */
		return -PV_ENOMEM;
	}
	d->p2m.top[0] = table_entry(d->p2m.low);
	return 0;
}

/* All below t, and then t, or as much as *budget tables are; whether it is t too. */
static bool tree_free(struct p2m *p, u64 *t, unsigned level, unsigned *budget) {
	for (unsigned i = 0; level > 1 && i < 512; i++) {
		if (!(t[i] & P2M_TABLE)) continue;
		if (!tree_free(p, p2m_table(t[i]), level - 1, budget)) return false;
		t[i] = 0;
	}
	if (!*budget) return false;
	--*budget;
	table_free(p, t);
	return true;
}

bool p2m_free(struct domain *d) {
	unsigned budget = FREE_BATCH;

	if (!d->p2m.top) return true;
	walk_sync(d); /* P3: a walk that found the domain just before it left the table of domains */
	if (!tree_free(&d->p2m, d->p2m.top, 4, &budget)) return false;
	HV_ASSERT(d->p2m.tables == 0);
	d->p2m.top = NULL;
	return true;
}

int p2m_get(struct domain *d, gfn_t claimed, enum p2m_need need, mfn_t *out) {
	u64 e;

	WALK();
	e = p2m_find(&d->p2m, claimed);
	*out = p2m_mfn(e, claimed);
	if (e && need == P2M_WRITE && !p2m_writable(e)) return -PV_EACCES;
	return e && p2m_kind(e) != PV_MEM_DEVICE && frame_get(*out, FRAME_GUEST) == 0 ? 0 : -PV_EFAULT;
}

/* The slot that says what is at g: a leaf, a hole of its level, or the table at level `lowest`. */
static u64 *slot_find(const struct p2m *p, gfn_t g, unsigned lowest, unsigned *level) {
	u64 *t = p->top;

	for (*level = 4;; --*level) {
		u64 *slot = &t[g.n >> (9 * (*level - 1)) & 511], e = READ_ONCE(*slot);

		if (!(e & P2M_TABLE) || *level == lowest) return slot;
		t = p2m_table(e);
	}
}

u64 p2m_find_far(const struct p2m *p, gfn_t g) {
	unsigned level;

	return g.n < PV_MAX_GFN ? READ_ONCE(*slot_find(p, g, 1, &level)) : 0;
}

static bool table_empty(const u64 *t) {
	for (unsigned i = 0; i < 512; i++)
		if (t[i]) return false;
	return true;
}

int p2m_add(struct domain *d, gfn_t g, mfn_t m, unsigned order, enum pv_mem_kind kind) {
	u64 e = m.n << PAGE_SHIFT | kind | (order ? P2M_BIG : 0), *slot, *t;
	unsigned level, lowest = order ? 2 : 1;

	HV_ASSERT(order == 0 || order == 9);
	HV_ASSERT(kind != PV_MEM_NONE);
	if (g.n >= PV_MAX_GFN || (order && (g.n | m.n) % RUN_FRAMES) || m.n > P2M_MAX_MFN) return -PV_ERANGE;
	GUARD(&d->p2m.lock);
	while (slot = slot_find(&d->p2m, g, lowest, &level), !*slot && level > lowest) {
		t = table_alloc(d);
		if (!t) return -PV_ENOMEM;
		atomic_store(slot, table_entry(t));
	}
	t = order && *slot & P2M_TABLE ? p2m_table(*slot) : NULL;
	if (*slot && !(t && table_empty(t))) return -PV_EEXIST; /* empty: a run was here, and went piece by piece */
	atomic_store(slot, e);
	if (t) {
		walk_sync(d); /* P3: nobody reads the table any more */
		table_free(&d->p2m, t);
	}
	return 0;
}

/* P5: a table of 512 entries in the place of a 2 MiB leaf; rights and references stay as they are. */
static int leaf_split(struct domain *d, u64 *slot) {
	u64 old = *slot, *t = table_alloc(d);

	if (!t) return -PV_ENOMEM;
	for (unsigned i = 0; i < 512; i++) t[i] = (old & ~P2M_BIG) + ((u64)i << PAGE_SHIFT);
	atomic_store(slot, table_entry(t));
	return 0;
}

/* One step of p2m_remove_range: what went at g goes to *e (0: nothing). Gfns done, 0: no memory to
 * split. */
static u64 remove_step(struct domain *d, gfn_t g, u64 count, u64 *e) {
	unsigned level;
	u64 *slot = slot_find(&d->p2m, g, 1, &level), span = 1ull << (9 * (level - 1));

	*e = 0;
	if (!*slot) /* a hole of that size: to its end */
		return MIN(span - g.n % span, count);
	if (level == 2 && (g.n % RUN_FRAMES || count < RUN_FRAMES)) {
		if (leaf_split(d, slot)) return 0;
		slot = slot_find(&d->p2m, g, 1, &level);
	}
	*e = atomic_xchg(slot, 0);
	return level == 2 ? RUN_FRAMES : 1;
}

u64 p2m_remove_range(struct domain *d, gfn_t g, u64 count, u64 *out, unsigned max, unsigned *used) {
	u64 done = 0, step, e;

	*used = 0;
	if (g.n >= PV_MAX_GFN) return count;
	GUARD(&d->p2m.lock);
	while (done < count && *used < max && g.n + done < PV_MAX_GFN) {
		step = remove_step(d, GFN(g.n + done), count - done, &e);
		if (!step) break;
		if (e) out[(*used)++] = e;
		done += step;
	}
	return g.n + done >= PV_MAX_GFN ? count : done;
}

u64 p2m_next(const struct p2m *p, gfn_t *g, u64 looks) {
	unsigned level;
	u64 e = 0;

	for (; looks && p->top && !e && g->n < PV_MAX_GFN; looks--) {
		e = READ_ONCE(*slot_find(p, *g, 1, &level));
		g->n &= ~0ull << 9 * (level - 1);
		g->n += e ? 0 : 1ull << 9 * (level - 1);
	}
	return e;
}
