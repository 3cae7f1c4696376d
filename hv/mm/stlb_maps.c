/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_maps: from a frame to the entries that lead to it.
 * Owns:       buckets and links, each chain under the lock bit of its bucket
 * Rules:      S15 (mm/stlb.h), F6 (mm/frame.h)
 * Read first: stlb_impl.h */
#include "mm/stlb_impl.h"

#define BUCKET_LOCKED (1u << 31)
#define FIRST         (~0u)
_Static_assert(CHUNKS_MAX << (CHUNK_SHIFT + 9) < BUCKET_LOCKED, "numbers of entries");

/* One an entry, in the page behind the table's. Numbers of entries; prev is 0 while it is in no chain. */
struct stlb_link {
	u32 next, prev;
};

#define CHAIN_LONG 32 /* entries */
_Static_assert(sizeof(struct stlb_link) * 512 == PAGE_SIZE, "a page of them");

static struct stlb_link *link_of(struct stlb_state *st, u32 n) {
	return (struct stlb_link *)(shadow_by_number(st, n >> 9)->table + 512) + n % 512;
}

static u32 *bucket_of(struct stlb_state *st, mfn_t m) {
	return &st->buckets[(u32)m.n * 0x9e3779b1u >> (32 - BUCKET_SHIFT - st->bucket_order)];
}

/* The chain's first entry. Held for some 20 instructions, or as many for each entry that maps_take looks at: few, since
 * others wait in walks. */
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
		if (first) link_of(st, first)->prev = n;
		first = n;
	}
	atomic_store(b, first);
	return done;
}

/* What has that link leaves its chain. */
static void chain_cut(struct stlb_state *st, struct stlb_link l, u32 *first) {
	if (l.next) link_of(st, l.next)->prev = l.prev;
	*(l.prev == FIRST ? first : &link_of(st, l.prev)->next) = l.next;
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

bool maps_known(struct domain *d, u32 n, u64 e) {
	return e & PT_SOLE ? READ_ONCE(*maps_hint(e)) == n : link_of(state_of(d), n)->prev != 0;
}

/* Does e, entry n, lead to m? One of 2 MiB leads to a run. */
static bool leads_to(struct stlb_state *st, u32 n, u64 e, mfn_t m) {
	return (entry_mfn(e).n ^ m.n) < (shadow_by_number(st, n >> 9)->level == 2 ? RUN_FRAMES : 1);
}

/* Take entry n out if it leads to m, or to any frame, and that bit is set. */
static u64 take_if(struct stlb_state *st, u32 n, mfn_t m, bool any, u64 bit) {
	u64 *slot = entry_by_number(st, n), e;

	do {
		e = READ_ONCE(*slot);
		if (!(e & bit) || !(any || leads_to(st, n, e, m))) return 0;
	} while (!atomic_cas(slot, e, 0));
	return e;
}

/* By hint n, which may be another domain's. */
static u64 take_sole(struct stlb_state *st, u32 n, mfn_t m) {
	return n && n >> 9 < st->descriptors && shadow_by_number(st, n >> 9)->table ? take_if(st, n, m, false, PT_SOLE)
										    : 0;
}

/* The first of the chain from n on that take_if takes, if it is one of so many. */
static u64 take_linked(struct stlb_state *st, u32 *n, mfn_t m, bool any, unsigned looks) {
	u64 e = 0;

	for (; *n && looks && !(e = take_if(st, *n, m, any, PT_LINKED)); looks--) *n = link_of(st, *n)->next;
	return e;
}

u64 maps_take(struct domain *d, mfn_t by, mfn_t m, u32 *n) {
	struct stlb_state *st = state_of(d);
	struct frame *f = frame_of(by);
	u32 *b = bucket_of(st, by), first;
	u64 e = 0;

	for (unsigned i = 0; f && !e && i < 2; i++) e = take_sole(st, *n = READ_ONCE(f->link[i]), m);
	if (e || !READ_ONCE(*b)) return e;
	*n = first = bucket_lock(b);
	e = take_linked(st, n, m, false, CHAIN_LONG);
	if (!e && *n) { /* all of a long chain goes, so that each look is short */
		*n = first;
		e = take_linked(st, n, m, true, ~0u);
	}
	atomic_store(b, first);
	return e;
}
