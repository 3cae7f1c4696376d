/* SPDX-License-Identifier: Apache-2.0 */
/* frame: who has which frame of RAM, and a buddy allocator of those that nobody has.
 * Owns:       the table of struct frame; free lists under lock FRAMES
 * Rules:      F1-F6 (mm/frame.h), tried by tests/unit/test_frame.c
 * Read first: mm/frame.h */

#include "mm/frame.h"
#include "locks.h"

#include <pv/errno.h>

#define NIL        (~0u)
#define CLEAN_LOOK 256u /* descriptors; about as long as one page takes */

struct frame *frame_table;
u16 *frame_found;
u64 frame_table_end;
static struct spinlock frames_lock = SPINLOCK(FRAMES);
static u32 free_head[FRAME_ORDER_MAX + 1]; /* links are frame numbers: 16 TiB of RAM */
static u64 free_count, total_count;
static u64 dirty_count; /* of those that are free */

size_t frames_table_size(u64 end_mfn) { return end_mfn * (sizeof(struct frame) + sizeof(*frame_found)); }

void frames_init(void *memory, u64 end_mfn) {
	frame_table = memory;
	frame_found = (u16 *)(frame_table + end_mfn);
	frame_table_end = end_mfn < NIL ? end_mfn : NIL;
	free_count = total_count = dirty_count = 0;
	for (unsigned o = 0; o <= FRAME_ORDER_MAX; o++) free_head[o] = NIL;
	for (u64 i = 0; i < frame_table_end; i++)
		frame_table[i] = (struct frame){.use = FRAME_RESERVED, .owner = FRAME_NO_OWNER};
}

bool frame_is_ram(mfn_t m) {
	struct frame *f = frame_of(m);

	return f && f->use != FRAME_RESERVED;
}

static void list_push(u32 n, unsigned order) {
	struct frame *f = &frame_table[n];

	f->order_flags = (f->order_flags & FRAME_DIRTY) | FRAME_HEAD | order;
	f->link[0] = free_head[order];
	f->link[1] = NIL;
	if (f->link[0] != NIL) frame_table[f->link[0]].link[1] = n;
	free_head[order] = n;
}

static void list_remove(u32 n, unsigned order) {
	struct frame *f = &frame_table[n];

	if (f->link[1] != NIL)
		frame_table[f->link[1]].link[0] = f->link[0];
	else
		free_head[order] = f->link[0];
	if (f->link[0] != NIL) frame_table[f->link[0]].link[1] = f->link[1];
	f->order_flags &= FRAME_DIRTY;
}

/* Whether a free block of 2^order begins at n. FRAMES held. */
static bool block_begins(u64 n, unsigned order) {
	return n < frame_table_end && (frame_table[n].order_flags & ~FRAME_DIRTY) == (FRAME_HEAD | order);
}

/* The block's frames are FREE and in no list. Merge it with its buddies. FRAMES held. */
static void block_free(u32 n, unsigned order) {
	free_count += 1ull << order;
	for (; order < FRAME_ORDER_MAX; order++) {
		u32 buddy = n ^ 1u << order;

		if (!block_begins(buddy, order)) break;
		list_remove(buddy, order);
		n &= buddy;
	}
	list_push(n, order);
}

/* Take the 2^order frames from n on out of the free block of 2^o that they are in. FRAMES held. */
static void block_take(u32 n, unsigned order, unsigned o, enum frame_use use) {
	list_remove(n & ~((1u << o) - 1), o);
	while (o-- > order) list_push((n & ~((1u << o) - 1)) ^ 1u << o, o);
	free_count -= 1ull << order;
	/* No longer FREE, so that no buddy merges with it; frame_get fails while refs is 0. */
	for (u32 i = n; i < n + (1u << order); i++) {
		frame_table[i].use = use;
		dirty_count -= !!(frame_table[i].order_flags & FRAME_DIRTY);
	}
}

void frames_add(mfn_t first, u64 count) {
	GUARD(&frames_lock);
	for (u64 n = first.n; n < first.n + count && n < frame_table_end; n++) {
		if (frame_table[n].use != FRAME_RESERVED) continue;
		frame_table[n] = (struct frame){.use = FRAME_FREE, .owner = FRAME_NO_OWNER, .order_flags = FRAME_DIRTY};
		total_count++;
		dirty_count++;
		block_free(n, 0);
	}
}

static void block_setup(u32 n, unsigned order, u16 owner) {
	for (u32 i = n; i < n + (1u << order); i++) {
		struct frame *f = &frame_table[i];

		if (f->order_flags & FRAME_DIRTY) clear_page(mfn_to_virt(MFN(i))); /* F4 */
		f->owner = owner;
		f->order_flags = 0;
		f->link[0] = f->link[1] = 0;
		atomic_store(&f->refs, 1);
	}
}

mfn_t frame_alloc(unsigned order, enum frame_use use, u16 owner) {
	unsigned o = order;
	u32 n = NIL;

	lock(&frames_lock);
	/* The smallest block that will do: 2 MiB runs stay whole while broken ones have room. */
	while (o <= FRAME_ORDER_MAX && (n = free_head[o]) == NIL) o++;
	if (n != NIL) block_take(n, order, o, use);
	unlock(&frames_lock);
	if (n == NIL) return MFN_NONE;
	block_setup(n, order, owner);
	return MFN(n);
}

bool frame_take(mfn_t m, unsigned order, enum frame_use use, u16 owner) {
	unsigned o = order;

	lock(&frames_lock);
	while (o <= FRAME_ORDER_MAX && !block_begins(m.n & ~((1ull << o) - 1), o)) o++;
	if (o <= FRAME_ORDER_MAX) block_take(m.n, order, o, use);
	unlock(&frames_lock);
	if (o <= FRAME_ORDER_MAX) block_setup(m.n, order, owner);
	return o <= FRAME_ORDER_MAX;
}

void frame_give(mfn_t m, u16 owner) {
	frame_table[m.n] = (struct frame){.refs = 1, .owner = owner, .use = FRAME_GUEST};
	total_count++;
}

int frame_get(mfn_t m, enum frame_use expected) {
	struct frame *f = frame_of(m);
	u32 refs;

	if (!f) return -PV_EBUSY;
	do {
		refs = atomic_load(&f->refs);
		if (refs == 0 || refs >= FRAME_REFS_MAX) return -PV_EBUSY; /* F5 */
	} while (!atomic_cas(&f->refs, refs, refs + 1));
	if (READ_ONCE(f->use) == expected) return 0; /* F1: it cannot change while we hold it */
	frame_put(m);
	return -PV_EBUSY;
}

bool frame_put(mfn_t m) {
	struct frame *f = frame_of(m);
	u32 left;

	if (!f || f->refs == 0) panic("frame %lx: reference dropped that nobody held", (unsigned long)m.n);
	left = atomic_sub(&f->refs, 1);
	if (left) return false;
	/* F3, F6: the P2M entries that led here were removed and their reach ended. */
	HV_ASSERT(f->use != FRAME_GUEST || !(f->link[0] | f->link[1]));
	GUARD(&frames_lock);
	f->owner = FRAME_NO_OWNER;
	f->order_flags = FRAME_DIRTY;
	f->use = FRAME_FREE;
	dirty_count++;
	block_free(m.n, 0);
	return true;
}

void frame_free(mfn_t m, unsigned order) {
	for (u64 i = 0; i < 1ull << order; i++) frame_put(MFN(m.n + i));
}

bool frames_clean(void) {
	/* at: where the last one ended, under FRAMES. Downwards, as memory is handed out at first. */
	static u32 at;
	bool cleaned = false;

	if (!READ_ONCE(dirty_count) || !lock_try(&frames_lock)) return false;
	for (u32 looked = 0; dirty_count && !cleaned && looked < CLEAN_LOOK; looked++) {
		struct frame *f = &frame_table[at];

		if (f->use == FRAME_FREE && f->order_flags & FRAME_DIRTY) {
			clear_page(mfn_to_virt(MFN(at)));
			f->order_flags &= ~FRAME_DIRTY;
			dirty_count--;
			cleaned = true;
		}
		at = (at ? at : frame_table_end) - 1;
	}
	unlock_tried(&frames_lock);
	return true;
}

u64 frames_free(void) { return READ_ONCE(free_count); }

u64 frames_total(void) { return total_count; }

void *hv_page_alloc(unsigned order) {
	mfn_t m = frame_alloc(order, FRAME_HV, FRAME_NO_OWNER);

	return mfn_eq(m, MFN_NONE) ? NULL : mfn_to_virt(m);
}

void hv_page_free(void *page, unsigned order) {
	if (page) frame_free(virt_to_mfn(page), order);
}

/* Every block on a list is FREE, aligned, unreferenced, linked both ways; together they are all FREE frames. */
u64 frames_audit(void) {
	u64 bad = 0, listed = 0, unused = 0, dirty = 0;

	GUARD(&frames_lock);
	for (unsigned o = 0; o <= FRAME_ORDER_MAX; o++) {
		u32 prev = NIL;

		for (u32 n = free_head[o]; n != NIL; prev = n, n = frame_table[n].link[0]) {
			bad += (n & ((1u << o) - 1)) != 0 || frame_table[n].link[1] != prev;
			for (u32 i = n; i < n + (1u << o); i++)
				bad += frame_table[i].use != FRAME_FREE || frame_table[i].refs != 0;
			listed += 1ull << o;
		}
	}
	for (u64 n = 0; n < frame_table_end; n++) {
		unused += frame_table[n].use == FRAME_FREE;
		dirty += frame_table[n].use == FRAME_FREE && frame_table[n].order_flags & FRAME_DIRTY;
	}
	return bad + (listed != unused || listed != free_count || dirty != dirty_count);
}
