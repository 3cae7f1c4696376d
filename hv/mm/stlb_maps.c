/* SPDX-License-Identifier: Apache-2.0 */
/* stlb_maps: from a frame to the entries that lead to it.
 * Owns:       buckets and links, each chain under the lock bit of its bucket
 * Rules:      S15 (mm/stlb.h), F6 (mm/frame.h)
 * Read first: stlb_impl.h */
#include "mm/stlb_impl.h"

#define BUCKET_LOCKED (1u << 31)
#define FIRST	      (~0u)
_Static_assert(CHUNKS_MAX << (CHUNK_SHIFT + 9) < BUCKET_LOCKED, "numbers of entries");

/* One an entry, in the page behind the table's. Numbers of entries; prev is 0 while it is in no chain. */
struct link {
	u32 next, prev;
};
_Static_assert(sizeof(struct link) * 512 == PAGE_SIZE, "a page of them");

static struct link *link_of(struct stlb_state *st, u32 n)
{
	return (struct link *)(shadow_by_number(st, n >> 9)->table + 512) + n % 512;
}

static u32 *bucket_of(struct stlb_state *st, mfn_t m)
{
	return &st->buckets[(u32)m.n * 0x9e3779b1u >> (32 - BUCKET_SHIFT - st->bucket_order)];
}

/* Held for some 20 instructions, and by maps_take while it looks. The chain's first entry. */
static u32 bucket_lock(u32 *b)
{
	u32 first;

	while ((first = atomic_or(b, BUCKET_LOCKED)) & BUCKET_LOCKED)
		cpu_relax();
	return first;
}

bool maps_link(struct domain *d, u32 n, u64 e)
{
	struct stlb_state *st = state_of(d);
	u32 *b = bucket_of(st, entry_mfn(e)), first = bucket_lock(b);
	struct link *l = link_of(st, n);
	bool done = !l->prev && atomic_cas(entry_by_number(st, n), 0, e);

	if (done) {
		*l = (struct link){.next = first, .prev = FIRST};
		if (first)
			link_of(st, first)->prev = n;
		first = n;
	}
	atomic_store(b, first);
	return done;
}

void maps_unlink(struct domain *d, u32 n, u64 e)
{
	struct stlb_state *st = state_of(d);
	u32 *b = bucket_of(st, entry_mfn(e)), first = bucket_lock(b);
	struct link *l = link_of(st, n);

	if (l->next)
		link_of(st, l->next)->prev = l->prev;
	if (l->prev == FIRST)
		first = l->next;
	else
		link_of(st, l->prev)->next = l->next;
	*l = (struct link){0};
	atomic_store(b, first);
}

bool maps_any(struct domain *d, mfn_t m)
{
	const struct frame *f = frame_of(m);

	return READ_ONCE(*bucket_of(state_of(d), m)) ||
	       (f && (READ_ONCE(f->link[0]) | READ_ONCE(f->link[1])));
}

bool maps_known(struct domain *d, u32 n, u64 e)
{
	return e & PTE_SOLE ? READ_ONCE(*maps_hint(e)) == n : link_of(state_of(d), n)->prev != 0;
}

/* Take entry n out if it leads to m, and that bit is set. */
static u64 take_if(struct stlb_state *st, u32 n, mfn_t m, u64 bit)
{
	u64 *slot = entry_by_number(st, n), e;

	do {
		e = READ_ONCE(*slot);
		if (!(e & PTE_P) || !(e & bit) || !mfn_eq(entry_mfn(e), m))
			return 0;
	} while (!atomic_cas(slot, e, 0));
	return e;
}

/* By hint n, which may be another domain's. */
static u64 take_sole(struct stlb_state *st, u32 n, mfn_t m)
{
	return n && n >> 9 < st->descriptors && shadow_by_number(st, n >> 9)->table
		       ? take_if(st, n, m, PTE_SOLE)
		       : 0;
}

u64 maps_take(struct domain *d, mfn_t m, u32 *n)
{
	struct stlb_state *st = state_of(d);
	struct frame *f = frame_of(m);
	u32 *b = bucket_of(st, m), first;
	u64 e = 0;

	for (unsigned i = 0; f && !e && i < 2; i++)
		e = take_sole(st, *n = READ_ONCE(f->link[i]), m);
	if (e)
		return e;
	*n = first = bucket_lock(b);
	while (*n && !(e = take_if(st, *n, m, PTE_LINKED)))
		*n = link_of(st, *n)->next;
	atomic_store(b, first);
	return e;
}
