/* SPDX-License-Identifier: Apache-2.0 */
/* host: a machine for tests of ring 0's portable parts: memory, CPUs, a domain whose tables a test writes,
 * and a hardware page walk with a TLB over the shadow tables. */
#ifndef HOST_H
#define HOST_H

#include "domain/domain.h"

/* A machine of `count` CPUs (this thread is CPU 0) whose frames [16, frames) are free RAM. */
void host_boot(unsigned count, u64 frames);
/* This thread is that CPU from now on. */
void host_be(unsigned cpu);
/* Threads play the CPUs: shootdowns wait for an answer, which host_poll gives. */
extern bool host_threaded;
void host_poll(void);
extern void (*host_served)(void); /* called by interrupts_serve, if it is set */
void host_halt(void);             /* this thread's CPU answers no more: shootdowns need not wait for it */

extern u64 host_cr3[MAX_CPUS];
extern u64 host_shootdowns, host_invlpgs; /* counted */
extern u64 host_accesses;                 /* to words that CPUs share, while nothing is threaded */
/* The most of them in one stretch with this bucket (stlb_maps.c) locked. */
extern u32 *host_bucket;
extern u64 host_held_most;

/* A domain with an empty P2M and a pool of `pages`; NULL when memory is short. */
struct domain *host_domain(u16 id, u64 pages);
/* Gives everything back; every RAM frame in the P2M loses its entry's reference. */
void host_domain_free(struct domain *d);
/* RAM at [gfn, gfn + 2^order). MFN_NONE when there is none. */
mfn_t host_populate(struct domain *d, u64 gfn, unsigned order, enum pv_mem_kind kind);
/* Out of the P2M, and its reach ended: the entry, 0 if there was none. */
u64 host_remove(struct domain *d, u64 gfn);
/* host_remove and frame_put; true if the frame became free. */
bool host_release(struct domain *d, u64 gfn);
u64 *host_gfn(struct domain *d, u64 gfn); /* direct map */

/* Write the guest's tables: entry for va at `level` in the tree of root gfn. Tables come from
 * consecutive gfns at *next, which must be populated; flags go into the leaf, P|W|U|A into the rest. */
void host_map(struct domain *d, u64 root, u64 *next, u64 va, u64 gfn, u64 flags, unsigned level);
/* The guest's entry for va at `level`; NULL if there is no table. */
u64 *host_entry(struct domain *d, u64 root, u64 va, unsigned level);

/* The hypercall. */
void host_flush(struct domain *d, struct flush f);

struct hw_result {
	bool ok;
	mfn_t mfn;
	u64 entry; /* leaf entry */
	unsigned level;
};
/* Of a root's views. */
#define KERNEL_L4(r) MFN((r)->kcr3 >> PAGE_SHIFT)
#define USER_L4(r)   MFN((r)->ucr3 >> PAGE_SHIFT)
/* The hardware's walk of the tables at l4, all rights checked for ring 3. */
struct hw_result hw_walk(mfn_t l4, u64 va, u32 access);
/* The same with this CPU's TLB before it, in the view that the access implies. */
struct hw_result hw_access(u64 va, u32 access);
/* hw_access, filling on a miss until it works or the guest gets a fault: its error code in *error. */
bool guest_access(u64 va, u32 access, u32 *error, struct hw_result *out);

/* Calls fn for each translation in the hardware TLB of that CPU. */
struct hw_tlb_entry {
	u64 run; /* va >> 12, of the first page */
	u64 entry;
	bool valid, user, big;
};
#define HW_TLB 16
extern struct hw_tlb_entry hw_tlb[MAX_CPUS][HW_TLB];

/* Some CPU's TLB holds a translation to m (for user mode). Threads may go on meanwhile. */
bool host_tlb_reaches(mfn_t m, bool user_only);

u64 stlb_leaves(struct domain *d, u64 bit); /* leaf entries that have it: S15 */
static inline struct root *host_load(struct domain *d, u64 gpa) { return stlb_load(this_cpu(), d, gpa); }
void host_drop_all(struct domain *d);  /* everything but the L4s of loaded roots, shot down: always right */
void stlb_drop_low_u0(struct root *r); /* as a miss in user mode does (S9) */
/* Cached entries that the guest's tables do not allow now. */
u64 stlb_stale(struct domain *d);

/* All audits that there are, over the domains given; sums must agree. */
u64 host_audit(struct domain **d, unsigned count);

#endif
