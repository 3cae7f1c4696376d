/* SPDX-License-Identifier: Apache-2.0 */
/* stlb: the software TLB. Guests write ordinary page tables with plain stores; ring 0 keeps a cache of
 * translations that it alone builds: shadow tables, which the hardware walks.
 *
 * S1: a shadow leaf entry is made only from a guest entry that was present when it was read, with the rights
 *     of the whole guest path (AND of W and U, OR of NX), the P2M's right, W only if the guest's D was set, and
 *     U=1, A=1 always (D=1 with W). Its frame is the P2M's of that instant (P1).
 * S2: the contract of pv/mmu.h: after flush returns, no translation of the range that the tables did not allow
 *     at some moment after the call began is used on any CPU.
 * S3: walkers (fill, flush, prefill) take no lock. They run between walk_begin and walk_end, which make
 *     this CPU's walk_epoch odd; whoever takes something away (P2M entry, shadow table, stale guest PTE)
 *     first takes it out of sight, then walk_sync()s: waits until every walk begun earlier has ended.
 * S4: an entry is entered by compare-and-swap and its `used` bit set after. Leaf entries are taken out by
 *     one locked operation, whoever does it, and their bits stay until the table is dead or, parked, checked (S12).
 *     So do the bits of L2 entries, which are few; of L3 and L4 tables the bit is cleared first. So a set bit may stand
 *     over an empty entry, never the reverse for long: an entry without its bit belongs to a walk that is not over.
 * S5: a shadow page goes back to the pool all zero, after walk_sync and a shootdown of the CPUs that may have it in
 *     their paging-structure caches. Only entries in `used` are touched: no table is cleared or scanned whole.
 * S6: a root that some CPU has loaded stays whole (its two L4 pages) until another is loaded there: root->loads
 *     counts these CPUs, and cpu->loaded says which. Eviction takes others, coldest first; it may take
 *     the lower tables of a loaded root, never its L4. stlb_load itself loads CR3 between counting the new root
 *     and uncounting the old one, so there is no moment at which CR3 names a root that is not counted.
 * S7: one fill's worst case (STLB_FILL_WORST pages) is reserved before it begins, by eviction if need be.
 * S8: pool pages are FRAME_SHADOW: in no P2M; not-present shadow entries are 0, but for those of parked
 *     leaf tables (S12), whose inverted address bits name the top of the physical address space, where no RAM is:
 *     speculation past the P bit (L1TF) finds nothing there.
 * S9: while a root has a U=0 lower-half entry cached (low_u0), its user view has no lower half at all. A miss there, in
 *     user mode, empties the lower half and ends that state; the first miss of a U=0 page empties it and begins it. So
 *     it holds also when another CPU is in user mode in the same root.
 * S10: lower-half tables belong to one root and serve both views: the kernel view's L4 owns them. The kernel half is
 *     one tree a domain, below an L4 that no CPU loads. Either is entered in the other views when first missed there,
 *     and what there is of the kernel half in a new root at once. L4 slots 256-271 are ring 0's in the kernel view; in
 *     the user view slot 271 alone, with an L3 table of its own (cpu/layout.h). What guest tables say there is not
 *     read.
 * S11: A and D go into guest entries by compare-and-swap on the value walked; a write that lost gives no right.
 * S12: a leaf table flushed as a whole is parked: its L2 entry keeps its number with P=0. The first miss there marks
 *     that entry busy by compare-and-swap, so that the table is this walk's alone (who wants to remove it waits), makes
 *     each used entry anew from the guest's present one or removes it, and links it again. It was shot down before that
 *     (removing is 0), so no TLB holds its entries.
 * S13: an entry that leads to another frame is never overwritten: it is removed and shot down first, else F6's
 *     count would say 0 while a TLB still reaches the frame.
 * S14: who takes entries out without lock ROOTS does so in a walk that ends after their shootdown and the lowering of
 *     the frames' counts; who does so with it sets stlb.removing for as long. So a flush that finds nothing to take out
 *     waits for walks, or for the lock: the entry that it was called for may be on its way out on another CPU.
 * S15: each leaf entry can be found by its frame. The frame has two hints, each the number of one entry in all of
 *     the machine (PT_SOLE; PT_HINT says which): most frames have no more. A table tries the
 *     hint first that its last entry got.
 *     Every other, and all of device memory, is in the chain of its bucket, in its domain (PT_LINKED). Who
 *     took an entry out clears its hint or unlinks it when its reach has ended; until then the hint is
 *     nobody else's, and no other entry is linked in that place.
 *
 * What a guest sees besides its own faults: a leaf whose gfn its P2M does not have (or not writable, for a
 * write), a table outside its RAM, address bits 48-51, or PS in an L4 entry: #PF with P and RSVD. Slots 256-271:
 * not present, and so is the last page of the lower half: no SYSCALL there can return to a non-canonical address, and
 * no access that begins in the lower half runs out of it. User mode in the upper half: always #PF, P as the guest's
 * tables say. */
#pragma once

#include "locks.h"
#include "mm/frame.h"
#include "mm/walk.h"

#include <pv/mmu.h>
#include <pv/pt.h>

struct domain;
struct vcpu;

#define STLB_FILL_WORST 3 /* L3, L2, L1 */

struct shadow; /* descriptor of a shadow page: stlb_impl.h */

/* The entry for va in a table of that level. */
static inline unsigned va_index(u64 va, unsigned level) { return va >> (PAGE_SHIFT + 9 * (level - 1)) & 511; }

#define LOW_U0_HELD     1
#define LOW_U0_CHANGING 2

struct root {
	gfn_t gfn; /* of the guest's L4 */
	struct domain *dom;
	u64 kcr3, ucr3;    /* values for CR3 of the two views: their L4 tables */
	u32 loads;         /* CPUs whose cpu->loaded it is */
	u8 low_u0;         /* S9: 0, LOW_U0_HELD or LOW_U0_CHANGING */
	u64 used_at;       /* stamp for eviction */
	struct root *next; /* hash chain */
	/* Paging-structure caches (stlb_impl.h) hold what was walked from here under one value; a new value, never used
	 * before by any root, ends them all. Changed after something went out of sight and before walk_sync. */
	u64 gen;
	struct shadow *kernel_shadow, *user_shadow;
};

struct stlb {
	struct spinlock roots_lock; /* LOCK_ROOTS */
	bool removing;              /* S14; ROOTS */
	/* CPUs that have one of the domain's roots loaded: set before, cleared after. Only they walk its shadow
	 * tables, and the guest's to fill them. Atomic. */
	u64 running;
	u64 pages, pages_max, pages_high; /* in use, in all, in use at most so far; ROOTS */
	void *priv;                       /* struct stlb_state: stlb_impl.h */
};

/* What a fill answers; anything else is the error code of the guest's #PF: its tables (or its P2M) do not allow the
 * access. */
#define FILL_DONE  0x100ul /* the access can be tried again */
#define FILL_RETRY 0x200ul /* lost a race, or the root's L4 is gone: load the root again, try again */

/* Pool of `pages` shadow pages, taken from the frame allocator now. -PV_ENOMEM: nothing taken. Interrupts are served
 * meanwhile. */
int stlb_init(struct domain *d, u64 pages) __must_use;
/* One at a time. -PV_EBUSY: fewer pages, but not so few: loaded roots have the rest. */
int stlb_resize(struct domain *d, u64 pages) __must_use;
/* Free everything a piece at a time; false: call again. No vCPU of d runs. */
bool stlb_free(struct domain *d);

/* Load the root for guest-physical address gpa (bits 0-11 ignored), made if need be: counts it for this CPU, sets
 * c->loaded, loads CR3 with root->kcr3, uncounts the root loaded before (S6), and tells the entry code of both views (E2).
 * c is this CPU.
 * NULL: gpa is not RAM of the domain (looked at when the root is made), or the pool cannot hold one more root (nothing
 * changed). */
struct root *stlb_load(struct cpu *c, struct domain *d, u64 gpa);
/* This CPU went to ring 0's own root (the caller has loaded CR3 before). */
void stlb_unload(void);

_Static_assert(sizeof(struct walk_cache) == 1 << 6, "as walk_cache_slot shifts");

static inline u64 walk_cache_tag(u64 va, unsigned level) { return va >> (PAGE_SHIFT + 9 * level); }

static inline struct walk_cache *walk_cache_slot(struct cpu *c, const struct root *r, u64 va, unsigned level) {
	u64 hash = va >> (PAGE_SHIFT + 9 * level - 6) ^ (uintptr_t)r;

	/* In bytes: GCC would shift to the number and back. */
	return (void *)((u8 *)c->walks[level - 1] + (hash & (WALK_CACHE - 1) * sizeof(struct walk_cache)));
}

/* NULL: not known. Needs a walk. */
static inline const struct walk_cache *walk_cached(struct cpu *c, const struct root *r, u64 va, unsigned level) {
	const struct walk_cache *w = walk_cache_slot(c, r, va, level);

	return w->tag == walk_cache_tag(va, level) && w->root == r && w->gen == READ_ONCE(r->gen) ? w : NULL;
}

/* Whether a miss at va is the guest's own fault, as most are: its leaf table is known, and has nothing there. */
static inline bool stlb_absent(struct cpu *c, u64 va) {
	const struct walk_cache *w;
	bool absent;

	walk_enter(c);
	w = walk_cached(c, c->loaded, va, 1);
	absent = likely(w) && !(READ_ONCE(w->guest[va_index(va, 1)]) & PT_P);
	walk_leave(c);
	return absent;
}

/* A miss of this CPU's loaded root at va. access: of PF_W, PF_U (user mode) and PF_I. Takes no lock in the common
 * case; evicts when the pool is short. */
u64 stlb_fill(struct cpu *c, u64 va, u32 access);
/* After a guest #PF at va: fill it if the guest's tables allow an access now and A (for W: D) is set, so
 * that the guest sees no change. */
void stlb_prefill(struct cpu *c, u64 va);

/* The commonest flush: one page, no table freed or moved, in the lower half of the root that is loaded here, or in the
 * kernel half. Returns 0. */
long stlb_flush_page(struct cpu *c, u64 va);
struct flush {
	u64 root, start, end; /* as pv/mmu.h */
	u32 flags;
};

/* Any other. Walks at most STLB_FLUSH_BATCH entries between checkpoints: returns 0 when done, else 1 and
 * *f is what remains; with PV_FLUSH_ALL_ROOTS f->root is 0 at first. Shoots down other CPUs that have an affected root
 * loaded. */
int stlb_flush(struct domain *d, struct flush *f);
/* Forget a root or only its lower half; nothing if it is not known. A loaded root keeps its L4 pages. */
void stlb_drop(struct domain *d, u64 gpa, bool user_only);

/* P4: the P2M no longer holds these (entry format of p2m.h, count of them): take out every shadow entry that reaches
 * them, and shoot down. Waits for walks, and serves interrupts now and then: the caller holds no lock. */
void stlb_forget(struct domain *d, const u64 *entries, unsigned count);

#define STLB_FLUSH_BATCH 1024

/* Audit: entries whose frame the P2M does not hold with that right, and disagreements in the pool. The caller
 * holds no lock; one audit at a time in the machine. */
u64 stlb_audit(struct domain *d);
/* On a CPU with a root of d loaded: compare one shadow table with the guest's, now and then. An entry that
 * STLB_STALE checks in a row find stale is logged: some flush is missing. True if one was. */
#ifdef HV_DEBUG
bool stlb_check(struct domain *d);
#else
#define stlb_check(d) false
#endif
#define STLB_STALE 64

/* Ring 0's L4 entries: for slots 256-271 of the kernel view, and for 271 of the user view. Made at boot. */
extern u64 stlb_slots[16], stlb_user_slot;
