/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_impl: what the parts of the software TLB share. Nobody else includes it.
 *
 *   stlb.c        roots: making, loading, dropping, eviction; the domain's state
 *   stlb_pool.c   shadow pages: taking, giving back; walks
 *   stlb_maps.c   which entries lead to a frame
 *   stlb_fill.c   misses
 *   stlb_flush.c  taking translations away: flush, forget
 *   stlb_audit.c  checking it all (and, in the debug build, debug/stlb_check.c) */
#pragma once

#include "domain/domain.h"

#define KERNEL_SLOT   272 /* first L4 slot of the kernel half */
#define LOW_SLOTS     256
#define LOW_END       (1ul << 47)
#define LOW_LAST_PAGE (LOW_END - PAGE_SIZE)       /* never mapped: see mm/stlb.h */
#define TABLE_RIGHTS  (PT_P | PT_W | PT_U | PT_A) /* rights are at the leaf alone */
#define CHUNK_SHIFT   7                           /* descriptors are made 128 at a time */
#define CHUNK_ORDER   2
#define CHUNKS_MAX    512
#define BUCKET_SHIFT  10  /* a page of buckets */
#define ROOTS_MAX     256 /* of a domain: more than CPUs, so that one is always free to be evicted */
#define ROOT_HASH     128
_Static_assert(ROOTS_MAX > MAX_CPUS, "a root for each CPU, and one to make");

/* One page of a domain's pool, with the page of links behind it (stlb_maps.c). level is 0 while it is free. All of it
 * is its maker's until it is entered in its parent; from then on `used`, `sole` and `writes` change, and the rest stays
 * until it is dead. */
struct shadow {
	u64 used[8];         /* S4 */
	u64 *table;          /* the page, in the direct map */
	struct root *root;   /* whose lower half; NULL: kernel half. An L4's own root */
	struct shadow *next; /* free list, dead list or holes (ROOTS) */
	u64 base;            /* first address that it translates */
	u32 first;           /* entry_number of its first entry: the page's number << 9 */
	u32 sole;            /* S15: what a leaf entry gets, if that hint is free */
	u8 level;
	u64 writes;          /* a bit for each 8 entries of which some may be writable: set by walks after
			      * it is entered, cleared before they are protected        */
	u16 stale, stale_at; /* debug: checks in a row that found entry stale_at stale */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct shadow) << CHUNK_SHIFT == PAGE_SIZE << CHUNK_ORDER, "a chunk");

struct stlb_state {
	/* ROOTS */
	struct shadow *free;  /* all zero */
	struct shadow *dead;  /* out of every sight, to be emptied */
	struct shadow *holes; /* descriptors without a page */
	u32 descriptors;      /* made ever */
	u32 checks;           /* stlb_check */
	u32 bucket_order;     /* of the pages at buckets */
	u64 clock;
	struct root *hash[ROOT_HASH];
	u64 live[ROOTS_MAX / 64]; /* of roots: those in use                             */
	struct root roots[ROOTS_MAX];
	struct shadow kernel; /* S10: L4 of the kernel half; never in CR3 */
	struct shadow *chunks[CHUNKS_MAX];
	u32 *buckets; /* S15 */
};
#define STATE_ORDER 3
_Static_assert(sizeof(struct stlb_state) <= PAGE_SIZE << STATE_ORDER, "eight pages");

/* The smallest number >= from whose bit is set; if none is below `end`, any that is not. */
static inline unsigned next_bit(const u64 *map, unsigned from, unsigned end) {
	for (unsigned w = from / 64; w * 64 < end; w++, from = w * 64) {
		u64 bits = READ_ONCE(map[w]) >> from % 64;

		if (bits) return from + (unsigned)__builtin_ctzll(bits);
	}
	return end;
}

/* Entries of s in [from, end) that may be in use. */
#define for_each_used(i, s, from, end) \
	for (unsigned i = next_bit((s)->used, from, end); i < (end); i = next_bit((s)->used, i + 1, end))

/* The first root in use from roots[from] on, or NULL. */
static inline struct root *root_next(struct stlb_state *st, unsigned from) {
	unsigned i = next_bit(st->live, from, ROOTS_MAX);

	return i < ROOTS_MAX ? &st->roots[i] : NULL;
}

/* r itself may go meanwhile. */
#define for_each_root(r, st) \
	for (struct root *r = root_next(st, 0); r; r = root_next(st, (size_t)(r - (st)->roots) + 1))

static inline struct stlb_state *state_of(struct domain *d) { return d->stlb.priv; }

static inline struct shadow *shadow_by_number(struct stlb_state *st, u32 n) {
	return &st->chunks[n >> CHUNK_SHIFT][n & ((1u << CHUNK_SHIFT) - 1)];
}

static inline mfn_t entry_mfn(u64 e) { return MFN((e & PT_ADDR) >> PAGE_SHIFT); }

/* The table that a present entry leads to. */
static inline struct shadow *shadow_below(struct stlb_state *st, u64 e) {
	return shadow_by_number(st, frame_of(entry_mfn(e))->link[0]);
}

static inline u64 table_entry(const struct shadow *s) { return virt_to_mfn(s->table).n << PAGE_SHIFT | TABLE_RIGHTS; }

/* S12, S8: P=0 and inverted address bits. */
#define PARKED_BUSY 2ul /* a walk has it: wait */
static inline u64 parked_entry(const struct shadow *s) { return PT_ADDR & ~((u64)s->first << (PAGE_SHIFT - 9)); }

static inline struct shadow *parked_shadow(struct stlb_state *st, u64 e) {
	return shadow_by_number(st, (~e & PT_ADDR) >> PAGE_SHIFT);
}

static inline bool va_low(u64 va) { return !(va >> 63); }

/* In leaf entries, ignored by hardware (S15): one of SOLE and LINKED is in each, and in no other entry. */
#define PT_SOLE   (1ul << 9)
#define PT_HINT   (1ul << 10)
#define PT_LINKED (1ul << 11)
#define PT_LEAF   (PT_SOLE | PT_LINKED)
#define PT_MAPS   (PT_LEAF | PT_HINT)

/* First address that entry i of s translates. */
static inline u64 entry_va(const struct shadow *s, unsigned i) {
	return s->base + (i * PAGE_SIZE << 9 * (s->level - 1));
}

/* By this number links and hints name entry i of s; never 0. */
static inline u32 entry_number(const struct shadow *s, unsigned i) { return s->first + i; }

static inline u64 *entry_by_number(struct stlb_state *st, u32 n) {
	return &shadow_by_number(st, n >> 9)->table[n % 512];
}

/* Take a leaf entry out; 0 if there is none. Whatever comes in its place meanwhile stays. */
static inline u64 entry_take(u64 *slot) {
	u64 e;

	do {
		e = READ_ONCE(*slot);
		if (!(e & PT_LEAF)) return 0;
	} while (!atomic_cas(slot, e, 0));
	return e;
}

/* The hint that e is for: of link[] the one that PT_HINT tells, found with its frame by one shift. */
static inline u32 *maps_hint(u64 e) { return (u32 *)((u8 *)frame_table->link + ((e & (PT_ADDR | PT_HINT)) >> 8)); }
_Static_assert(sizeof(struct frame) == PAGE_SIZE >> 8 && sizeof(u32) == PT_HINT >> 8, "maps_hint");

/* stlb_maps.c: S15. Enter e, which is LINKED, as entry n; false: something is there, or was just now. */
bool maps_link(struct domain *d, u32 n, u64 e) __must_use;
void maps_unlink(struct domain *d, u32 n, u64 e);
/* May some entry of d's be told by m? In no walk of an earlier walk_sync's. */
bool maps_any(struct domain *d, mfn_t m);
/* Does the hint, or a chain, tell entry n, which is e? */
bool maps_known(struct domain *d, u32 n, u64 e);
/* Of those told by `by`, m or the first of its run, take one out that leads to m, or some other if its chain is long,
 * and tell its number; 0: none is left. ROOTS held. */
u64 maps_take(struct domain *d, mfn_t by, mfn_t m, u32 *n);

/* F6: e was taken out from where n says, and nothing reaches by it any more. */
static inline void maps_lower(struct domain *d, u32 n, u64 e) {
	if (likely(e & PT_SOLE))
		atomic_store(maps_hint(e), 0);
	else
		maps_unlink(d, n, e);
}

/* stlb_pool.c. All of the pool's with ROOTS held. */
bool pool_take(struct domain *d, unsigned n, struct shadow **out);
void pool_put(struct domain *d, struct shadow *s);
/* One page more, or one that is free less. False: impossible. */
bool pool_grow(struct domain *d);
bool pool_shrink(struct domain *d);
/* Empty up to `budget` entries of dead tables into the pool. */
void dead_reap(struct domain *d, unsigned budget);
void shadow_setup(struct shadow *s, unsigned level, struct root *r, u64 base);
/* What is cached of r's walks, or of all roots' (r NULL). ROOTS held. */
void generation_end(struct domain *d, struct root *r);
/* Wait for walks of CPUs in the mask; the caller's own is left out. walk_sync is this for all CPUs: what goes may
 * be held by any. For what only fills use, those that run the domain will do. */
void walk_sync_cpus(u64 mask) __attribute__((cold));

/* stlb.c */
struct root *root_find(struct stlb_state *st, gfn_t g); /* ROOTS held */
/* n pages, by eviction if need be; `keep` is evicted last. False: too much is held by others now. */
bool pool_reserve(struct domain *d, unsigned n, struct shadow **out, struct root *keep);
/* S9: r's lower half is emptied, and from now on takes U=0 pages or is in the user view. */
void low_u0_set(struct root *r, bool held);

/* stlb_fill.c: the guest's tables of r allow less than our entry e for the page at va, the first of it. Marks A there,
 * as a CPU that speculates may. Needs a walk. */
bool entry_stale(struct root *r, u64 va, u64 e);

/* The table that has our entry for the page at va, a 4 KiB or a 2 MiB one; NULL if there is none. Needs a walk. */
struct shadow *leaf_find(const struct root *r, u64 va);

/* stlb_flush.c. What is being taken away, from the first entry cleared to the end of the shootdown. ROOTS held. */
struct removal {
	struct domain *d;
	struct root *root; /* whose lower half, or NULL: any of the domain's */
	bool drop;         /* tables wholly in the range go, else leaf tables are parked */
	bool tables;       /* something but leaf entries went, or the guest's tables changed */
	bool protect;      /* leaf entries stay, for reading */
	unsigned count;
	struct {
		u64 e;
		u32 n;
	} gone[64]; /* leaf entries taken out, and where */
};
void removal_begin(struct removal *rm, struct domain *d, struct root *r);
void removal_end(struct removal *rm);
/* One of that name from here to the end of the block. */
#define REMOVAL(rm, d, r)                                        \
	struct removal rm __attribute__((cleanup(removal_end))); \
	removal_begin(&rm, d, r)
/* s can be found no more (but by walks under way). */
void removal_table(struct removal *rm, struct shadow *s);
/* Everything of r's lower half, or of the kernel half (r NULL). */
void removal_half(struct removal *rm, struct root *r);
/* What covers [first, last] of r's lower half, or of the kernel half (r NULL); flags are PV_FLUSH_*. Returns 0, or
 * where to go on when *budget runs of 2 MiB are done. */
u64 flush_tree(struct domain *d, struct root *r, u64 first, u64 last, u32 flags, unsigned *budget);

/* Wait for fills of d that began before, and for what single-page flushes take away. */
static inline void fill_sync(const struct cpu *c, const struct domain *d) {
	u64 others;

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the guest's store, or ours, before the look */
	others = READ_ONCE(d->stlb.running) & ~c->bit;
	if (unlikely(others)) walk_sync_cpus(others);
}
