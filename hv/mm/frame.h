/* SPDX-License-Identifier: Apache-2.0 */
/* frame: one descriptor for each 4 KiB frame of RAM, and the allocator of frames.
 *
 * F1: a frame has one use; it changes only while refs == 0 or by its only holder.
 * F2: whatever can reach a frame holds a reference: its P2M entry, each grant mapping, each
 *     registered page (area, event page, grant table), each operation in progress.
 * F3: a reference that a guest mapping held is dropped only after the shootdown that ends its
 *     reach is done on every CPU (domain_leaves_put does both in that order).
 * F4: a frame is zeroed between its last use by a domain and its next by anyone.
 * F5: refs saturates: frame_get fails at FRAME_REFS_MAX, it never wraps.
 * F6: what leads to a frame is known, so that nothing is searched when it leaves a P2M: of shadow leaf entries (4 KiB
 *     ones, and on the first frame of a 2 MiB run also 2 MiB ones) two by the frame's hints, the others by a chain
 *     (S15 in mm/stlb.h). They are told before the walk ends that enters the entry, and
 *     forgotten after the shootdown that ends the entry's reach: with none, no CPU's hardware TLB reaches the
 *     frame either. */
#pragma once

#include "machine.h"

enum frame_use {
	FRAME_FREE,
	FRAME_RESERVED, /* not RAM, or firmware's */
	FRAME_HV,       /* ring 0's own data, image and modules */
	FRAME_GUEST,    /* in a P2M as RAM */
	FRAME_SHADOW,   /* of a domain's shadow pool: belongs to no P2M */
};

/* order_flags: the order of a free block in its head's low nibble, and */
#define FRAME_DIRTY    0x10u /* not zero; cleared before it is handed out (F4), or idly */
#define FRAME_HEAD     0x20u /* first frame of a free block */
#define FRAME_SEEN     0x40u /* audit: readable through the P2M that is looked at */
#define FRAME_SEEN_W   0x80u /* audit: writable */
#define FRAME_REFS_MAX 0x7fffffffu
#define FRAME_NO_OWNER 0xffffu

/* 16 bytes: 0.4 % of RAM. link: while free, the free list's next and previous; in use SHADOW, the number of the page's
 * descriptor; else hints (F6), which are numbers of entries, or 0. */
struct frame {
	u32 refs;
	u16 owner; /* domain, FRAME_NO_OWNER for ring 0 */
	u8 use;    /* enum frame_use */
	u8 order_flags;
	u32 link[2];
};
_Static_assert(sizeof(struct frame) == 16, "struct frame is 0.4 % of RAM");

#define FRAME_ORDER_MAX 9 /* 2 MiB runs */

/* Boot: descriptors for mfns [0, end), in memory that the caller provides (zeroed); all RESERVED
 * until frames_add. frames_table_size tells the bytes. */
size_t frames_table_size(u64 end_mfn);
void frames_init(void *table, u64 end_mfn);
/* RAM [first, first + count) becomes FREE and dirty. */
void frames_add(mfn_t first, u64 count);

extern struct frame *frame_table; /* frame.c's; others go through frame_of */
extern u64 frame_table_end;
extern u16 *frame_found; /* the audit's, one a frame: references that it has found */

/* NULL if beyond the table. */
static inline struct frame *frame_of(mfn_t m) { return likely(m.n < frame_table_end) ? &frame_table[m.n] : NULL; }
bool frame_is_ram(mfn_t m);

/* 2^order frames, aligned to their size, refs = 1 each, zeroed. MFN_NONE if there are none.
 * 4 KiB and 2 MiB are what matters; a domain's frames are counted by the caller. */
mfn_t frame_alloc(unsigned order, enum frame_use use, u16 owner);
/* The same for these very frames, m aligned to 2^order; false if one of them is not free. Boot: an identity dom0. */
bool frame_take(mfn_t m, unsigned order, enum frame_use use, u16 owner) __must_use;
/* Boot: a frame of ring 0's that no allocator ever had becomes a domain's, with what is in it; refs = 1. */
void frame_give(mfn_t m, u16 owner);
/* Drop the allocator's reference of each; the last one frees. */
void frame_free(mfn_t m, unsigned order);
/* Take one more. -PV_EBUSY: other use than expected, no reference left to take from, or saturated. */
int frame_get(mfn_t m, enum frame_use expected) __must_use;
/* Drop one; true if it was the last, and the frame is free now. */
bool frame_put(mfn_t m);

/* For who has nothing else to do: clear one free frame ahead of its next use (F4), or go some way in looking for it.
 * false: all are clean, or another CPU has the lock. */
bool frames_clean(void);

u64 frames_free(void);
u64 frames_total(void); /* ever added */

/* Audit: free lists against descriptors; frames in error. */
u64 frames_audit(void);
/* A page of ring 0's own, zeroed, in the direct map; NULL if there is none. */
void *hv_page_alloc(unsigned order);
void hv_page_free(void *page, unsigned order);
