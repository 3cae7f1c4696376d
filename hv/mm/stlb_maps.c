/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_maps: from a frame to the entries that lead to it.
 * Owns:       buckets and links, each chain under the lock bit of its bucket
 * Rules:      S15 (mm/stlb.h), F6 (mm/frame.h)
 * Read first: stlb_impl.h */
#include "mm/stlb_impl.h"

#define BUCKET_LOCKED (1u << 31)
#define FIRST         (~0u)
_Static_assert(CHUNKS_MAX << (CHUNK_SHIFT + 9) < BUCKET_LOCKED, "numbers of entries");

/* The first number of descriptor 0, which has no entries: st->mark. */
#define MARK       1u
#define LOCKED_MAX 64 /* entries looked at before the lock is let go */
_Static_assert(sizeof(struct stlb_link) * 512 == PAGE_SIZE, "a page of them");

static struct stlb_link *link_of(struct stlb_state *st, u32 n) {
	return (struct stlb_link *)(shadow_by_number(st, n >> 9)->table + 512) + n % 512;
}

/* Of what stands in a chain. */
static struct stlb_link *neighbour(struct stlb_state *st, u32 n) {
	return unlikely(n == MARK) ? &st->mark : link_of(st, n);
}

static u32 *bucket_of(struct stlb_state *st, mfn_t m) {
	return &st->buckets[(u32)m.n * 0x9e3779b1u >> (32 - BUCKET_SHIFT - st->bucket_order)];
}

/* The chain's first entry. Held for some 20 instructions, or as many for each of LOCKED_MAX entries, since others wait
 * in walks. */
static u32 bucket_lock(u32 *b) {
	u32 first;

	while ((first = atomic_or(b, BUCKET_LOCKED)) & BUCKET_LOCKED) cpu_relax();
	return first;
}

bool maps_link(struct domain *d, u32 n, u64 e) {
	struct stlb_state *st = state_of(d);
	u32 *b = bucket_of(st, entry_mfn(e)), first = bucket_lock(b);
	struct stlb_link *l = link_of(st, n);
	bool done = !l->prev && atomic_cas(entry_by_number(st, n), 0, e);

	if (done) {
		*l = (struct stlb_link){.next = first, .prev = FIRST};
		if (first) neighbour(st, first)->prev = n;
		first = n;
	}
	atomic_store(b, first);
	return done;
}

/* What has that link leaves its chain. */
static void chain_cut(struct stlb_state *st, struct stlb_link l, u32 *first) {
	if (l.next) neighbour(st, l.next)->prev = l.prev;
	*(l.prev == FIRST ? first : &neighbour(st, l.prev)->next) = l.next;
}

void maps_unlink(struct domain *d, u32 n, u64 e) {
	struct stlb_state *st = state_of(d);
	u32 *b = bucket_of(st, entry_mfn(e)), first = bucket_lock(b);
	struct stlb_link *l = link_of(st, n);

	chain_cut(st, *l, &first);
	*l = (struct stlb_link){0};
	atomic_store(b, first);
}

bool maps_any(struct domain *d, mfn_t m) {
	const struct frame *f = frame_of(m);

	return READ_ONCE(*bucket_of(state_of(d), m)) || (f && (READ_ONCE(f->link[0]) | READ_ONCE(f->link[1])));
}

unsigned maps_weight(struct domain *d, mfn_t m, unsigned many) {
	struct stlb_state *st = state_of(d);
	const struct frame *f = frame_of(m);
	unsigned weight = f ? (READ_ONCE(f->link[0]) != 0) + (READ_ONCE(f->link[1]) != 0) : 0;
	u32 *b = bucket_of(st, m), first, n;
	unsigned length = 0;

	if (!READ_ONCE(*b)) return weight;
	first = bucket_lock(b);
	for (n = first; n && length < LOCKED_MAX; length++) n = neighbour(st, n)->next;
	atomic_store(b, first);
	return n ? many : weight + length;
}

bool maps_known(struct domain *d, u32 n, u64 e) {
	return e & PTE_SOLE ? READ_ONCE(*maps_hint(e)) == n : link_of(state_of(d), n)->prev != 0;
}

/* Take entry n out if it leads to m, or to any frame, and that bit is set. */
static u64 take_if(struct stlb_state *st, u32 n, mfn_t m, bool any, u64 bit) {
	u64 *slot = entry_by_number(st, n), e;

	do {
		e = READ_ONCE(*slot);
		if (!(e & PTE_P) || !(e & bit) || !(any || mfn_eq(entry_mfn(e), m))) return 0;
	} while (!atomic_cas(slot, e, 0));
	return e;
}

/* By hint n, which may be another domain's. */
static u64 take_sole(struct stlb_state *st, u32 n, mfn_t m) {
	return n && n >> 9 < st->descriptors && shadow_by_number(st, n >> 9)->table ? take_if(st, n, m, false, PTE_SOLE)
										    : 0;
}

/* A place in b's chain, before entry n: who goes through a long one lets the lock go there. Bucket locked, which holds
 * *first; ROOTS held, so that there is one. */
static void mark_put(struct stlb_state *st, u32 n, u32 *first) {
	st->mark = (struct stlb_link){.next = n, .prev = link_of(st, n)->prev};
	*(st->mark.prev == FIRST ? first : &link_of(st, st->mark.prev)->next) = MARK;
	link_of(st, n)->prev = MARK;
}

/* What came behind it. */
static u32 mark_take(struct stlb_state *st, u32 *first) {
	struct stlb_link l = st->mark;

	if (!l.prev) return *first;
	chain_cut(st, l, first);
	st->mark.prev = 0;
	return l.next;
}

u64 maps_take(struct domain *d, mfn_t m, bool any, u32 *n) {
	struct stlb_state *st = state_of(d);
	struct frame *f = frame_of(m);
	u32 *b = bucket_of(st, m), first;
	u64 e = 0;

	for (unsigned i = 0; f && !e && i < 2; i++) e = take_sole(st, *n = READ_ONCE(f->link[i]), m);
	if (e) return e;
	do {
		first = bucket_lock(b);
		*n = mark_take(st, &first);
		for (unsigned i = 0; i < LOCKED_MAX && *n && !(e = take_if(st, *n, m, any, PTE_LINKED)); i++)
			*n = link_of(st, *n)->next;
		if (*n && !e) mark_put(st, *n, &first);
		atomic_store(b, first);
	} while (*n && !e);
	return e;
}
