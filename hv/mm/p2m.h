/* SPDX-License-Identifier: Apache-2.0 */
/* p2m: gfn -> mfn of one domain, with rights: the whole of memory isolation.
 *
 * P1: only the P2M says which frames exist for a domain, and with which rights. No shadow entry,
 *     copy or grant reaches a frame by another way.
 * P2: an entry for RAM or a grant holds one reference on its frame (F2).
 * P3: entries are read without a lock, inside walk_begin/walk_end (mm/stlb.h) or with the P2M lock;
 *     changed with it.
 * P4: an entry leaves by p2m_remove_range, and what that took out goes to domain_leaves_put: it waits for readers,
 *     drops shadow entries and shoots down (stlb_forget), and only then drops the reference. No entry is narrowed.
 * P5: a 2 MiB entry covers an aligned run of 512 frames with one right; it is split when a part goes. A shadow entry
 *     of 2 MiB that is left of it goes with that part.
 * P6: how many tables a domain has is bounded by how many frames it may have and map, wherever it puts them: they
 *     are the machine's memory. A domain that drives the machine (PV_CAP_PHYS) is trusted with that.
 *
 * A radix tree of 4 levels of 512 8-byte entries (36-bit gfns), as page tables are. Its pages are ring 0's own. */
#pragma once

#include "locks.h"
#include "mm/frame.h"

#include <pv/memory.h>

struct domain;

/* Entry: kind in bits 0-2 (enum pv_mem_kind), P2M_BIG, mfn << 12, nothing above bit 51; or P2M_TABLE and the next
 * table's address. */
#define P2M_KIND       7ul
#define P2M_BIG        8ul  /* 2 MiB leaf */
#define P2M_TABLE      16ul /* next level */
#define P2M_TABLES_MIN 64   /* P6: every domain may have so many */
#define P2M_MAX_MFN    ((1ul << (52 - PAGE_SHIFT)) - 1)

struct p2m {
	struct spinlock lock;
	u64 *top;   /* level-4 table */
	u64 *low;   /* level-3 table of the first 512 GiB, always there */
	u64 tables; /* pages of the tree */
};

enum p2m_need { P2M_READ, P2M_WRITE };

int p2m_init(struct domain *d);
/* Free the tree, a piece at a time; false: call again. Every leaf has been removed before. */
bool p2m_free(struct domain *d);

static inline u64 *p2m_table(u64 e) { return (u64 *)(e - P2M_TABLE); }
/* Leaf that covers gfn, 0 if none. Needs P3. */
u64 p2m_find_far(const struct p2m *p, gfn_t g);
static inline u64 p2m_find(const struct p2m *p, gfn_t g) {
	u64 e = unlikely(g.n >> 27) ? 0 : LOAD_ONCE(p->low[g.n >> 18]);

	if (unlikely(!e)) return p2m_find_far(p, g);
	e = LOAD_ONCE(p2m_table(e)[g.n >> 9 & 511]);
	return e & P2M_TABLE ? LOAD_ONCE(p2m_table(e)[g.n & 511]) : e;
}
static inline unsigned p2m_kind(u64 e) { return e & P2M_KIND; }
static inline bool p2m_own(u64 e) { return p2m_kind(e) == PV_MEM_RAM || p2m_kind(e) == PV_MEM_RAM_RO; }
/* Gfns of a leaf, and its first frame. */
static inline u64 p2m_span(u64 e) { return e & P2M_BIG ? RUN_FRAMES : 1; }
static inline mfn_t p2m_first(u64 e) { return MFN(e >> PAGE_SHIFT); }
/* mfn of g under leaf e. */
static inline mfn_t p2m_mfn(u64 e, gfn_t g) {
	u64 phys = e & PAGE_MASK;

	/* In bytes, which is what most callers want at last. */
	if (e & P2M_BIG) phys += g.n % RUN_FRAMES << PAGE_SHIFT;
	return MFN(phys >> PAGE_SHIFT);
}
static inline bool p2m_writable(u64 e) {
	unsigned k = p2m_kind(e);

	return k == PV_MEM_RAM || k == PV_MEM_GRANT || k == PV_MEM_DEVICE;
}

/* The only door from a gfn to a frame for operations: checks the right, takes a reference.
 * -PV_EFAULT: no RAM there (or a device); -PV_EACCES: read-only and need is P2M_WRITE. */
int p2m_get(struct domain *d, gfn_t claimed, enum p2m_need need, mfn_t *out) __must_use;

/* Enter [g, g + 2^order) -> m, order 0 or 9. The caller's reference passes to the entry.
 * -PV_EEXIST: something is there; -PV_ENOMEM: no table page, or one too many (P6); -PV_ERANGE: gfn too large. */
int p2m_add(struct domain *d, gfn_t g, mfn_t m, unsigned order, enum pv_mem_kind kind) __must_use;

/* Remove gfns from g on: out[] gets the entries that were there (P2M format, in order of gfns, holes left out). They
 * are the caller's, who hands them to domain_leaves_put (P4) when it holds no lock. Returns how many gfns are done:
 * less than count when max elements are full or a leaf could not be split for want of memory. A whole 2 MiB leaf inside
 * the range counts 512 and is one element with P2M_BIG. *used: elements of out[] written. */
u64 p2m_remove_range(struct domain *d, gfn_t g, u64 count, u64 *out, unsigned max, unsigned *used);

/* The first leaf that ends behind *g, which becomes its first gfn; 0 if there is none, or not within so many looks at
 * holes: then *g is where to go on, from PV_MAX_GFN on nowhere. Needs no walk where nobody can take the tree away; a
 * leaf that goes meanwhile may be told or not. */
u64 p2m_next(const struct p2m *p, gfn_t *g, u64 looks);
#define p2m_for_each(p, g, e) for (u64 e; (e = p2m_next((p), &(g), ~0ull)); (g).n += p2m_span(e))
