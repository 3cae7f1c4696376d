/* SPDX-License-Identifier: Apache-2.0 */
/* grant: frames that one domain lets another reach.
 *
 * G1: an entry is read once by an atomic load; PV_GRANT_READING/WRITING are set by compare-and-
 *     swap on the flags word that was checked, so that a grant cannot be revoked or changed
 *     between check and use.
 *     A copy does all of it within one walk, in which no frame and no domain goes.
 * G2: each mapping (handle) holds one reference on the frame, one on the granting domain, and one
 *     count in ring 0's own per-entry record (never in guest memory). One CPU at a time changes an entry's count, and
 *     with it the guest-visible bits, which are cleared when the count falls to zero.
 * G3: a mapping is in the mapper's P2M as GRANT or GRANT_RO and leaves it before its reference goes (P4).
 * G4: frames mapped read-only are never reached for writing by that mapping; unmapping one leaves
 *     the others' bits.
 * G5: what was granted to a domain ends with it, before its number can be another's.
 * G6: a frame counts as its owner's, whoever has it mapped, until it is free. */
#pragma once

#include "domain/domain.h"

/* Uses (mappings, copies) of a table entry, ring 0's own: the guest sees only bits. For reading in bits 1-15, for
 * writing in 17-31. USES_BUSY: a CPU changes the count and the entry's bits; it waits for nobody, so that a copy can do
 * it in a walk. */
#define USE(write)     (1u << ((write) ? 17 : 1))
#define USES(n, write) ((n) >> ((write) ? 17 : 1) & USES_MAX)
#define USES_MAX       0x7fffu
#define USES_BUSY      1u

struct grant_handle {
	u64 gfn; /* where in the mapper; unused: number of the next unused handle */
	u32 ref;
	u16 dom; /* who granted; we hold a reference on it (G2) */
	bool mapped;
};
_Static_assert(sizeof(struct grant_handle) == 16, "256 a page");
#define NO_REF (~0u) /* of a mapping that needed no grant */

#define GRANT_MAPS_DEFAULT 4096u
#define GRANT_MAPS_MAX     131072u

void grants_init(struct domain *d, u32 maps_max);
/* d is DYING. Unmaps some of what d had mapped; false: call again. */
bool grants_unmap_all(struct domain *d);
/* G5: what d has granted to domain id, which has ended, is granted to nobody. */
void grants_forget(struct domain *d, u16 id);
void grant_table_drop(struct domain *d); /* its frames need not be kept any more */
/* Memory for all of d's handles from now on, not from its first mapping. */
int grants_reserve(struct domain *d);
void grants_free(struct domain *d); /* memory only */
int grant_table_set(struct domain *d, u64 gpa, u64 pages);
/* One operation of the current domain's each, of a batch (hypercalls/handlers.h). */
typedef long grant_operation(gva_t at, u64 nth);
/* Hidden: their addresses are taken, and nothing here has a GOT. */
__attribute__((visibility("hidden"))) grant_operation grant_map, grant_unmap, grant_copy;
