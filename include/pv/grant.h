/* SPDX-License-Identifier: MIT */
/* grant: leave to another domain to reach one of my frames.
 *
 * The granting domain writes an entry of its grant table (its own memory, registered by
 * grant_table): gfn and domid first, then flags with PV_GRANT_VALID by a release store.
 * Ring 0 sets PV_GRANT_READING and PV_GRANT_WRITING while the frame is reached. To revoke:
 * compare-and-swap flags from a value without these bits to 0; while in use that fails. What a domain
 * has by another's grant is not its own to grant. When a domain ends, ring 0 clears PV_GRANT_VALID
 * of what was granted to it: the next domain of its number is another. */
#ifndef PV_GRANT_H
#define PV_GRANT_H

#include <pv/types.h>

struct pv_grant_entry {
	uint16_t flags;
	uint16_t domid;
	uint32_t reserved;
	uint64_t gfn;
};
PV_ASSERT_SIZE(struct pv_grant_entry, 16);

#define PV_GRANT_VALID   0x01u
#define PV_GRANT_RO      0x02u
#define PV_GRANT_READING 0x10u /* ring 0: mapped, or being copied from                      */
#define PV_GRANT_WRITING 0x20u /* ring 0: mapped for writing, or being copied to            */

/* Only in pv_grant_map: no grant is needed, for the caller has PV_CAP_MEMORY, by which mem_copy reaches any other
 * domain's memory too, whatever capabilities that has. It is for emulated devices (ioreq.h) and their DMA. The other
 * domain is not asked and not told; such a mapping ends as others do, and keeps a frame that it gives back, or that it
 * leaves when it ends. */
#define PV_GRANT_FOREIGN 0x40u

#define PV_GRANT_TABLE_PAGES 64 /* the most that grant_table takes: 16,384 grants           */
#define PV_GRANTS_PER_PAGE   (PV_PAGE_SIZE / sizeof(struct pv_grant_entry))

struct pv_grant_map {
	uint32_t domid; /* in: who granted                                              */
	uint32_t ref;   /* in: index in its grant table; PV_GRANT_FOREIGN: a gfn of its  */
	uint64_t gfn;   /* in: where in the caller; PV_GRANT_IDENTITY: at gfn = mfn     */
	uint32_t flags; /* in: PV_GRANT_RO, PV_GRANT_FOREIGN                            */
	int32_t status; /* out: 0 or a negative errno                                   */
	uint32_t handle; /* out: names the mapping for grant_unmap                      */
	uint32_t reserved;
};
PV_ASSERT_SIZE(struct pv_grant_map, 32);
/* For dom0, whose P2M is the identity: its drivers' DMA reaches the frame at the same number. It tells a
 * machine frame number (gfn on return), so it needs PV_CAP_PHYS, else status is -PV_EPERM. Others map at
 * a gfn of theirs that has nothing. */
#define PV_GRANT_IDENTITY (~0ull)

struct pv_grant_unmap {
	uint32_t handle;
	int32_t status; /* out */
};
PV_ASSERT_SIZE(struct pv_grant_unmap, 8);

/* One end of a copy: a grant of another domain, or a frame of the caller. */
struct pv_grant_end {
	uint32_t domid;  /* PV_DOM_SELF: frame is a gfn of the caller, else a grant ref */
	uint32_t offset; /* bytes from the frame's start                                */
	uint64_t frame;
};

struct pv_grant_copy {
	struct pv_grant_end src, dst;
	uint32_t len;   /* bytes; neither end may cross its page; 0 is -PV_EINVAL       */
	int32_t status; /* out */
};
PV_ASSERT_SIZE(struct pv_grant_copy, 40);

#define PV_GRANT_BATCH_MAX 1024

#endif
